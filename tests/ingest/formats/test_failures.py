"""No exception of a reader leaves the readers: each is a refusal with its sheet and, where it is known, its row."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import xlwt
from cell_writers import Cell, write_xml2003
from no_threads import no_threads

from ingest.errors import FileRejectedError, is_of_the_machine, rejected
from ingest.formats.failures import refused
from ingest.formats.open import open_book
from ingest.formats.zip.container import sniff
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.cells.cells import SheetCells


def sheet_of(path: Path) -> SheetCells:
    with open_book(path, sniff(path, FileLimits()), FileLimits()) as book:
        return book.read(0)


def test_any_exception_becomes_a_refusal_with_its_place() -> None:
    with pytest.raises(FileRejectedError) as caught, refused("S", lambda: 17):
        raise KeyError("style")
    record = caught.value.record
    assert (record.code, record.sheet, record.row) == ("file.unreadable", "S", 17)
    assert "KeyError" in record.message
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_refusal_keeps_its_code_and_gets_its_place() -> None:
    with pytest.raises(FileRejectedError) as caught, refused("S", lambda: 17):
        raise rejected("file.corrupt_xml", "damaged", sheet="T")
    assert (caught.value.record.code, caught.value.record.sheet, caught.value.record.row) == (
        "file.corrupt_xml",
        "T",
        17,
    )


def test_memory_is_nobodys_fault() -> None:
    with pytest.raises(MemoryError), refused():
        raise MemoryError


def test_damaged_rows_say_where(package: Callable[..., Path]) -> None:
    good = "".join(f'<row r="{row}"><c r="A{row}"><v>1</v></c></row>' for row in range(1, 300))
    with pytest.raises(FileRejectedError) as caught:
        sheet_of(package(good + '<row r="300"><c r="A300" s="red"><v>1</v></c></row>'))
    assert (caught.value.record.sheet, caught.value.record.row) == ("Sheet1", 300)


@pytest.mark.parametrize("index", ["0", "9" * 5000, "-1", "x"])
def test_places_that_are_none_refuse_the_file(tmp_path: Path, index: str) -> None:
    path = tmp_path / "x.xml"
    write_xml2003(path, [Cell("text", "a"), Cell("text", "b")])
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<Cell ss:StyleID", f'<Cell ss:Index="{index}" ss:StyleID'), encoding="utf-8")
    with pytest.raises(FileRejectedError) as caught:
        sheet_of(path)
    assert (caught.value.record.code, caught.value.record.sheet) == ("file.corrupt_xml", "S")


@pytest.mark.parametrize("character", ["&#1;", "&#x1F;", "&#11;", "\x01", "\x0b", "&#0;"])
def test_control_characters_in_xml_2003_are_the_cells_own(tmp_path: Path, character: str) -> None:
    path = tmp_path / "x.xml"
    write_xml2003(path, [Cell("text", "a!b")])
    path.write_text(path.read_text(encoding="utf-8").replace("!", character), encoding="utf-8")
    text = sheet_of(path).columns[0].texts[1].as_py()
    assert (text[0], text[2:]) == ("a", "b")
    assert ord(text[1]) < 32


@pytest.mark.parametrize("number", [27, 31, 34, 35, 36, 50, 52, 55, 58])
def test_xls_formats_of_other_languages_without_a_code(tmp_path: Path, number: int) -> None:
    path = tmp_path / "x.xls"
    book = xlwt.Workbook()
    style = xlwt.easyxf(num_format_str="0.0000000")
    book.add_sheet("S").write(0, 0, 46143, style)
    book.save(path)
    # 164 is the format General of all other styles, 165 that of the cell.
    content = path.read_bytes()
    wanted = (165).to_bytes(2, "little")
    places = [at for at in range(len(content) - 24) if content[at : at + 4] == b"\xe0\x00\x14\x00"]
    changed = [at for at in places if content[at + 6 : at + 8] == wanted]
    assert changed
    for at in changed:
        content = content[: at + 6] + number.to_bytes(2, "little") + content[at + 8 :]
    path.write_bytes(content)
    column = sheet_of(path).columns[0]
    assert (int(column.kinds[0]), column.texts[0].as_py()) == (5, "46143")


def test_threads_that_are_not_to_be_had_are_no_fault_of_the_file() -> None:
    """Sound files were refused, as unreadable, while others had all of the threads that there may be."""
    with no_threads(), pytest.raises(OSError, match="can't start new thread") as caught, refused():
        threading.Thread(target=print).start()
    assert is_of_the_machine(caught.value)
    words = "Unknown error: Failed to launch worker thread: Resource temporarily unavailable"
    with pytest.raises(OSError, match=words) as caught, refused():
        raise pa.ArrowException(words)
    assert is_of_the_machine(caught.value)
    with pytest.raises(FileRejectedError), refused():
        raise pa.ArrowException("Unknown error: a block ends too early")
