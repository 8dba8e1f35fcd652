"""Rows that come back corrected are known by what they are called, in whichever language and form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.languages import in_language
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from pathlib import Path

DATASET = parse_dataset(
    "dataset: stock\nfields: [{name: sku, type: string}, {name: qty, type: integer}]\n"
    "load: {table: stock}\nquarantine: {max_percent: 50}\n",
    "stock.yml",
)


@pytest.mark.parametrize("title", ["Headgate row", "Headgate 行号", "Headgate Zeile"])
def test_rows_that_were_loaded_are_no_data(tmp_path: Path, title: str) -> None:
    book = tmp_path / "back.csv"
    book.write_text(f"sku,qty,{title}\na,1,3\nb,x,5\nc,3,7\nd,4,\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path, loaded=frozenset({"5", "3", "70"}))
    assert report.rejection is None
    assert (report.rows.accepted, report.rows.duplicate, report.rows.rejected) == (2, 2, 0)
    assert (report.loaded_before, report.handed_back, report.codes["row.loaded_before"]) == (2, True, 1)
    assert (tmp_path / "accepted.originals").read_text(encoding="utf-8") == "7\n\n"


@pytest.mark.parametrize("number", ["1234.0", "1234.00", '"1,234"', '"1,234.0"', "1.234", "1 234", "01234", " 1234 "])
def test_a_number_is_known_however_a_program_writes_it(tmp_path: Path, number: str) -> None:
    book = tmp_path / "back.csv"
    book.write_text(f"sku,qty,Headgate row\na,1,{number}\nb,2,May!1.0\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path, loaded=frozenset({"1234", "May!1"}))
    assert (report.rows.accepted, report.loaded_before) == (1, 1)
    assert (tmp_path / "accepted.originals").read_text(encoding="utf-8") == "May!1.0\n"


def test_nothing_else_is_taken_for_their_names(tmp_path: Path) -> None:
    book = tmp_path / "stock.csv"
    book.write_text("sku,qty,row\na,1,3\nb,2,5\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path, loaded=frozenset({"3"}))
    assert (report.rows.accepted, report.loaded_before, report.handed_back) == (2, 0, False)
    assert (tmp_path / "accepted.originals").read_text(encoding="utf-8") == "\n\n"


def test_a_title_that_only_begins_as_ours_do_is_the_senders(tmp_path: Path) -> None:
    """A headgate is the gate of a canal, too."""
    book = tmp_path / "gates.csv"
    book.write_text("sku,qty,Headgate owner\n'=a,1,Eve\nb,2,Bob\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path)
    assert (report.rows.accepted, report.handed_back) == (2, False)
    assert (tmp_path / "accepted.copy").read_text(encoding="utf-8") == "'=a\t1\nb\t2\n"


def test_of_a_file_that_corrects_nothing_they_are_not_asked_for(tmp_path: Path) -> None:
    book = tmp_path / "back.csv"
    book.write_text("sku,qty,Headgate row\na,1,3\n", encoding="utf-8")
    assert parse(book, DATASET, tmp_path).rows.accepted == 1
    assert not (tmp_path / "accepted.originals").exists()


def test_a_row_that_was_copied_with_its_number_is_loaded_once_or_not_at_all(tmp_path: Path) -> None:
    book = tmp_path / "back.csv"
    rows = ["a,1,3", "a,1,3", "b,2,4", "b,2,", "b,2,", "c,3,5", "c,9,5", "d,4,6", "d,x,6"]
    book.write_text("\n".join(["sku,qty,Headgate row", *rows]) + "\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path, loaded=frozenset())
    assert (report.rows.accepted, report.rows.duplicate, report.rows.rejected) == (5, 1, 3)
    assert (tmp_path / "accepted.originals").read_text(encoding="utf-8") == "3\n4\n\n\n6\n"
    twice = [record for record in report.errors if record.code == "row.key_duplicate"]
    assert [record.row for record in twice] == [7, 8]
    assert twice[0].message == "another row of the file has the same Headgate row (5) and other values"
    assert "empty the cell Headgate row" in twice[0].hint
    assert in_language(twice[0].message, "de").count("Headgate Zeile") == 1

    parse(book, DATASET, tmp_path)
    assert (tmp_path / "accepted.copy").read_text(encoding="utf-8").count("\n") == len(rows) - 1
