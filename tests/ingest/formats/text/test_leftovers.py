"""What programs leave in a text is no part of its first or last cell: marks, DOS's end of file, zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from ingest.errors import FileRejectedError
from ingest.formats.hint import NO_HINT, Hint
from ingest.formats.text.encoding import utf8_text
from ingest.formats.text.leftovers import without_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Load = Callable[[bytes], Any]

SKU, SIZE, QTY = ({"name": name, "type": "string"} for name in ("sku", "size", "qty"))


@pytest.fixture
def load(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Load:
    def read(content: bytes) -> Any:
        path = tmp_path / "x.csv"
        path.write_bytes(content)
        fields = (SKU | {"id": True}, SIZE, QTY | {"type": "integer"})
        return parsed(path, dataset(*fields, quarantine={"max_percent": 100}))

    return read


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("second", ["A2,y,2", '"A2",y,2', "sku,size,qty\r\nA2,y,2"])
def test_marks_within_a_file_of_several_are_nothing(load: Load, encoding: str, second: str) -> None:
    text = f"sku,size,qty\r\nA1,x,1\r\n\ufeff{second}\r\n"
    content = text.encode(encoding) if encoding == "utf-8-sig" else f"\ufeff{text}".encode(encoding)
    read = load(content)
    assert list(read.accepted.values()) == [["A1", "x", "1"], ["A2", "y", "2"]]
    assert read.faults == []


def test_a_mark_within_a_line_is_a_character() -> None:
    assert utf8_text("a\ufeff,b\r\ufeffc\n\ufeff\ufeffd".encode(), NO_HINT) == "a\ufeff,b\rc\nd".encode()


@pytest.mark.parametrize(
    "text",
    [
        'A1,"x\n\ufeffy",1\n',
        '"x\r\n\ufeffy"',
        'A1,"x ""y""\n\ufeff\ufeffz"\n',
        '"A1" , "x"\n"x\n\ufeff""y"\n',
        '"\n\ufeff',
    ],
)
def test_a_mark_within_quotes_is_a_character(text: str) -> None:
    assert utf8_text(text.encode(), NO_HINT) == text.encode()


@pytest.mark.parametrize(
    "above", ['A1,5" pipe,1\n', 'A1,"x\ny",1\n', 'A1,"x ""y""",1\n', '\ufeff"A1",x\n', '\ufeffA1,5",1\n']
)
def test_a_mark_behind_quotes_is_nothing(above: str) -> None:
    text = f'{above}\ufeff"A2",y\n\ufeffA3,z\n'
    assert utf8_text(text.encode(), NO_HINT).decode() == text.replace("\ufeff", "")


@pytest.mark.parametrize("end", ["\r\n\x1a", "\x1a", "\r\n\x1a\r\n", "\r\n\x1a\0\0\0", "\r\n" + "\x1a" * 90])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_end_of_file_of_dos_is_no_row(load: Load, end: str, encoding: str) -> None:
    read = load(f"sku,size,qty\r\nA1,x,1\r\nA2,y,2{end}".encode(encoding))
    assert list(read.accepted.values()) == [["A1", "x", "1"], ["A2", "y", "2"]]
    assert read.faults == []


@pytest.mark.parametrize("text", [b"a\x1ab\n", b"a\n\x1ab\n", b"\x1a" + b"x" * 5000, b"a\n\0", b"", b"\r\n"])
def test_other_texts_are_left_as_they_are(text: bytes) -> None:
    assert without_leftovers(text) is text


PADDED: Final = b"".join(b"A%d,x%b,%d\r\n" % (row, bytes(8), row) for row in range(5))


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"sku,size,qty\r\nA9,x,9\r\n" + PADDED, ["B3", "B4", "B5", "B6", "B7"]),
        (b"sku,size,qty\r\nA1,x,1\r\nA2,y,2\r\n" + bytes(512), ["A4"]),
        ("sku,size,qty\r\nA1,größe,1\r\n".encode() + bytes(512), ["A3"]),
        (b"sku,size,qty\r\nA1,x,1\0\r\nA2,y,\0\r\nA3,z,3\r\n", ["C2", "C3"]),
        (b"\0sku,si\0ze\x7f,qty\x07\r\nA1,x\0,1\r\nA2,y,2\r\n", ["B2"]),
    ],
)
def test_zeros_that_fill_up_are_errors_of_their_cells(load: Load, content: bytes, cells: list[str]) -> None:
    read = load(content)
    assert read.refusal is None
    assert read.faults == [(cell, "cell.nul_char") for cell in cells]


@pytest.mark.parametrize(
    "content",
    [
        "sku,size,qty\r\nA1,x,1\r\n".encode("utf-32-le"),
        b"name.csv".ljust(100, b"\0")
        + b"0000644\0".ljust(157, b"\0")
        + b"ustar\0".ljust(255, b"\0")
        + b"sku,size\nA1,x\n",
        b"no\0t,te\0xt\n" * 20,
    ],
)
def test_zeros_of_other_files_are_no_texts(content: bytes) -> None:
    with pytest.raises(FileRejectedError) as caught:
        utf8_text(content, Hint(name="x.csv"))
    assert caught.value.record.code == "file.format_unknown"
