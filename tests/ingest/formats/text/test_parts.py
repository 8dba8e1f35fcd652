"""A text that is cut in two, for two threads to read: what is read is what one of them reads."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import parallel
from ingest.errors import FileRejectedError
from ingest.formats.hint import NO_HINT
from ingest.formats.text.cut import record_behind_middle
from ingest.formats.text.delimited import DelimitedBook
from ingest.formats.text.file import TextFile
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = "\ufeff"
PIECES = ["a", "1", "  ", "\n", "\r\n", ",", "'", MARK, "北", '""', "x" * 40]


@pytest.fixture(autouse=True)
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small texts are worth two threads."""
    monkeypatch.setattr(parallel, "WORTH_CELLS", 0)
    yield
    parallel.allow_threads(2)


def cells(text: str, threads: int) -> tuple[list[list[str | None]], list[int]] | str:
    """Return the columns of a text that so many threads read, and the fields of its records, or why it is refused."""
    parallel.allow_threads(threads)
    file = TextFile(path=Path("a.csv"), content=text.encode(), hint=NO_HINT)
    try:
        found = DelimitedBook(file, FileLimits()).read(0)
    except FileRejectedError as error:
        return str(error)
    assert found.records is not None
    columns = [column.texts.to_pylist() for _, column in sorted(found.columns.items())]
    return columns, found.records.fields.tolist()


def cut(text: str) -> int:
    """Return where a text without quotes is cut."""
    return record_behind_middle(text.encode(), None)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.lists(st.sampled_from(PIECES), max_size=4).map("".join), min_size=3, max_size=3), min_size=2),
    st.sampled_from((csv.QUOTE_ALL, csv.QUOTE_MINIMAL)),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["with", "without"]),
)
def test_records_are_the_same_in_parts(
    records: list[list[str]], quoting: Literal[0, 1], end: str, last_end: Literal["with", "without"]
) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator=end).writerows([["no", "of", "it"], *records])
    content = text.getvalue().removesuffix("" if last_end == "with" else end)
    assert cells(content, 2) == cells(content, 1)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ('id,comment\n7,"he said ""no"""\n8,"""yes""\n""no"""', [["7", "8"], ['he said "no"', '"yes"\n"no"']]),
        ('id,comment\n7,"a ""\n"', [["7"], ['a "\n']]),
        ("sep=,\nno,of\na,1", [["a"], ["1"]]),
    ],
)
def test_a_last_record_without_its_end_is_one(text: str, columns: list[list[str]]) -> None:
    assert cells(text, 2) == cells(text, 1)
    assert [column[-len(columns[0]) :] for column in cells(text, 2)[0]] == columns


def test_a_text_is_cut_behind_the_line_in_its_middle() -> None:
    text = "no,of\n" + "a,1\n" * 10
    assert 0 < cut(text) < len(text)
    assert text[cut(text) - 1] == "\n"
    assert cells(text, 2)[0] == [["no", *["a"] * 10], ["of", *["1"] * 10]]


def test_a_mark_in_front_of_a_record_stays() -> None:
    text = "no,of\n" + f"{MARK}a,1\n" * 9 + "b,2\n" * 3
    assert text.encode()[cut(text) :].decode() == "b,2\n" * 3
    assert cells(text, 2)[0][0] == ["no", *[f"{MARK}a"] * 9, *["b"] * 3]


@pytest.mark.parametrize("end", ["\n\n", "\r\r\n", "\r\n\r\n"])
def test_a_text_is_not_cut_before_a_blank_line(end: str) -> None:
    text = f"no,of{end}" + f"a,1{end}" * 9
    assert text[cut(text)] == "a"
    assert cells(text, 2) == cells(text, 1)


def test_a_text_is_not_cut_within_quotes() -> None:
    tall = "line\n" * 50
    text = f'no,of\n"{tall}",1\n"b",2\n'
    assert cells(text, 2)[0] == [["no", tall, "b"], ["of", "1", "2"]]


@pytest.mark.parametrize("text", ["no,of\ra,1\rb,2\r", "no,of\na long text,1"])
def test_a_text_without_a_line_behind_its_middle_is_whole(text: str) -> None:
    assert cut(text) == 0
    assert cells(text, 2) == cells(text, 1)
