"""A text whose lines a spreadsheet took for one cell each: read as it was before, wherever titles say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest.formats.text.wrapped import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ...conftest import Parsed

TITLES = frozenset({"sku", "size", "qty"})
PLAIN = 'sku,size,qty\nA1,"large, x",5\nA2,"5"" pipe",7\nA3,small,\n'
FIELDS: tuple[dict[str, Any], ...] = (
    {"name": "sku", "type": "string"},
    {"name": "size", "type": "string"},
    {"name": "qty", "type": "integer"},
)


def quoted(line: str, *, behind: str = "") -> str:
    text = line.rstrip("\r\n")
    return '"' + text.replace('"', '""') + '"' + behind + line[len(text) :]


def saved(text: str, behind: str = "") -> str:
    """Return a text as a spreadsheet writes it, which puts quotes around what has some in it."""
    lines = text.splitlines(keepends=True)
    return "".join(quoted(line, behind=behind) if '"' in line else line[:-1] + behind + line[-1:] for line in lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("inner", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["", "Report\n\n"])
def test_each_line_in_quotes(above: str, inner: str, end: str) -> None:
    text = (above + PLAIN).replace(",", inner).replace("\n", end)
    lines = [quoted(line) if line.strip() else line for line in text.splitlines(keepends=True)]
    assert unwrapped("".join(lines).encode(), TITLES) == text.encode()


@pytest.mark.parametrize("behind", [";", ";;;", "\t\t", "|"])
@pytest.mark.parametrize("above", ["", "Report\n\n"])
def test_delimiters_of_another_kind_behind_each_line(above: str, behind: str) -> None:
    assert unwrapped(saved(above + PLAIN, behind).encode(), TITLES) == (above + PLAIN).encode()


@pytest.mark.parametrize("word", ["x", "größer", "大"])
def test_a_text_of_any_length(word: str) -> None:
    text = "sku,size,qty\n" + "".join(f'A{row},"{word}, {row}\n{word}",{row}\n' for row in range(5000))
    lines = ("sku,size,qty\n", *(f'"A{row},""{word}, {row}\n{word}"",{row}"\n' for row in range(5000)))
    assert unwrapped("".join(lines).encode(), TITLES) == text.encode()


def test_rows_that_are_longer_than_what_is_looked_at_first() -> None:
    notes = "é" * 700
    text = "sku,size,qty\n" + "".join(f'A{row},"x, {notes}",{row}\n' for row in range(100))
    lines = ("sku,size,qty\n", *(f'"A{row},""x, {notes}"",{row}"\n' for row in range(100)))
    assert unwrapped("".join(lines).encode(), TITLES) == text.encode()


def test_quotes_around_all_rows_alone() -> None:
    text = 'sku,size,qty\nA1,"large, x",5\nA2,"two\nlines",7\n'
    wrapped = 'sku,size,qty\n"A1,""large, x"",5"\n"A2,""two\nlines"",7"\n'
    assert unwrapped(wrapped.encode(), TITLES) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        '"sku","size","qty"\n"A1","x","5"\n',
        "sku;size;qty;\nA1;x;5;\n",
        '"sku"\n"A1, b"\n',
        "sku,x;size\nA1,2;\nA2,4;\n",
        'sku,qty\n"Smith, John"\n"Doe, Jane"\n',
        'sku,size,qty\n"A1"\n"A2"\n',
        'sku,qty\n"{""a"": 0, ""b"": 2}"\n"{""a"": 1, ""b"": 3}"\n',
        'sku,qty\n"13"" pipe, long"\n"14"" pipe, long"\n',
        'sku,size,qty\n"Remark: x, y, z, and more"\n',
        saved(PLAIN),
        '"sku,size",qty\nA1,5\n',
        '"sku,size,qty"\n"A001,large,5\n',
    ],
)
def test_what_may_be_meant_as_it_is_stays(text: str) -> None:
    assert unwrapped(text.encode(), TITLES) == text.encode()


def test_nothing_is_taken_out_without_titles_that_stand_in_it() -> None:
    wrapped = b"sku,size,qty;;;\nA1,x,5;;;\n"
    assert unwrapped(wrapped, frozenset()) == wrapped
    assert unwrapped(wrapped, frozenset({"name", "city"})) == wrapped


@pytest.mark.parametrize("text", ["sku,size,qty;;;\nA1,x,5;;;\n", '"sku,size,qty"\n"A1,x,5"\n'])
def test_no_column_is_lost(
    dataset: Callable[..., Dataset], parsed: Callable[[Path, Dataset], Parsed], tmp_path: Path, text: str
) -> None:
    """The last one was null in every row, with a warning; quotes around the header refused the file."""
    path = tmp_path / "f.csv"
    path.write_text(text)
    outcome = parsed(path, dataset(*FIELDS))
    assert (outcome.accepted, outcome.faults) == ({2: ["A1", "x", "5"]}, [])


def test_of_mixed_lines_those_in_quotes_are_errors_however_many_they_are(
    dataset: Callable[..., Dataset], parsed: Callable[[Path, Dataset], Parsed], tmp_path: Path
) -> None:
    path = tmp_path / "f.csv"
    path.write_text("sku,size,qty\nA1,s,1\nA2,s,2\n" + "".join(f'"B{n},""s, x"",{n}"\n' for n in range(8)))
    outcome = parsed(path, dataset(*FIELDS))
    assert list(outcome.accepted) == [2, 3]
    assert outcome.faults == [(f"row {row}", "row.open_quote") for row in range(4, 12)]
