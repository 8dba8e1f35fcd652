"""Which sheet a draft reads: the one with its titles, wherever it stands, or one at its place if others have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from ingest.infer import draft_sample
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Sheets = list[tuple[str, list[list[Any]]]]

MAY = [["Order No", "Customer", "Amount"], ["S-9", "Ann", 1.5], ["S-4", "Bob", 2], ["S-7", "Cy", 3]]
NOTES = [["Notes"], ["call Bob"]]


@pytest.fixture
def book(tmp_path: Path) -> Callable[..., Path]:
    def write(sheets: Sheets, *, name: str = "x.xlsx", hidden: str = "") -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(path) as workbook:
            for title, rows in sheets:
                sheet = workbook.add_worksheet(title)
                for row, values in enumerate(rows):
                    sheet.write_row(row, 0, values)
                if title == hidden:
                    sheet.hide()
        return path

    return write


@pytest.mark.parametrize("others", [[("Notes", NOTES)], [("Sheet2", []), ("Sheet3", [])]])
def test_the_next_file_may_have_a_cover(book: Callable[..., Path], tmp_path: Path, others: Sheets) -> None:
    dataset = parse_dataset(draft_sample(book([("Orders", MAY), *others])).text, "draft.yml")
    assert dataset.workbook.sheets.index is None
    june = book([("Cover", [["Report"], ["of June"]]), *others, ("Orders", MAY)], name="june.xlsx")
    assert parse(june, dataset, tmp_path).rows.accepted == 3


@pytest.mark.parametrize("other", [MAY, [["Customer", "Amount"], ["Ann", 1]]])
def test_where_others_have_the_titles_the_place_stays_and_they_are_named(
    book: Callable[..., Path], tmp_path: Path, other: list[list[Any]]
) -> None:
    path = book([("Jan", MAY), ("Feb", other), ("Notes", NOTES)])
    drafted = draft_sample(path).text
    assert '# The sheet is read by its place. Titles like these are in "Feb", too.' in drafted
    dataset = parse_dataset(drafted, "draft.yml")
    assert dataset.workbook.sheets.index == 0
    assert parse(path, dataset, tmp_path).rows.accepted == 3


def test_sheets_that_are_not_looked_at_do_not_count(book: Callable[..., Path], tmp_path: Path) -> None:
    path = book([("Orders", MAY), ("Before", MAY)], hidden="Before")
    dataset = parse_dataset(draft_sample(path).text, "draft.yml")
    assert dataset.workbook.sheets.index is None
    assert parse(path, dataset, tmp_path).rows.accepted == 3
    hidden = parse_dataset(draft_sample(path, "Before").text, "draft.yml")
    assert (hidden.workbook.sheets.index, hidden.workbook.hidden_sheets) == (1, "include")


def test_without_titles_the_place_is_all_there_is(book: Callable[..., Path]) -> None:
    dataset = parse_dataset(draft_sample(book([("A", [[1, 2], [3, 4]]), ("B", NOTES)])).text, "draft.yml")
    assert (dataset.header.mode, dataset.workbook.sheets.index) == ("none", 0)


def test_hidden_sheets_are_named_unless_the_sample_is_one(book: Callable[..., Path]) -> None:
    path = book([("Cover", NOTES), ("Orders", MAY)], hidden="Orders")
    assert '# Hidden sheets are passed over: "Orders". If the table is there' in draft_sample(path).text
    drafted = draft_sample(path, "Orders").text
    assert "Hidden sheets are passed over" not in drafted
    assert "hidden_sheets: include" in drafted
