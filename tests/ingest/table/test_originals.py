"""Rows that come back corrected are known by what they are called, in whichever language and form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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


def test_nothing_else_is_taken_for_their_names(tmp_path: Path) -> None:
    book = tmp_path / "stock.csv"
    book.write_text("sku,qty,row\na,1,3\nb,2,5\n", encoding="utf-8")
    report = parse(book, DATASET, tmp_path, loaded=frozenset({"3"}))
    assert (report.rows.accepted, report.loaded_before, report.handed_back) == (2, 0, False)
    assert (tmp_path / "accepted.originals").read_text(encoding="utf-8") == "\n\n"


def test_of_a_file_that_corrects_nothing_they_are_not_asked_for(tmp_path: Path) -> None:
    book = tmp_path / "back.csv"
    book.write_text("sku,qty,Headgate row\na,1,3\n", encoding="utf-8")
    assert parse(book, DATASET, tmp_path).rows.accepted == 1
    assert not (tmp_path / "accepted.originals").exists()
