"""Where a draft finds the header: a line above the table is none, if its titles are too few for the rows below."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from ingest.infer import draft_sample
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

TABLE = ["Date,Text,Amount", "2026-05-01,x,5", "2026-05-02,y,6"]
WORDS = ["Name,City,Country", "Acme,Rome,Italy", "Bolt,Oslo,Norway"]


@pytest.fixture
def text(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str) -> Path:
        path = tmp_path / "x.csv"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return path

    return write


@pytest.mark.parametrize(
    "above",
    [
        ["Statement", "Account,42", ""],
        ["Statement", "Account,42"],
        ["Account,42"],
        ["Account,Main", "Owner,Acme", "", ""],
        ["2026-06-01,Report"],
    ],
)
def test_a_line_above_the_table_is_no_header(text: Callable[..., Path], tmp_path: Path, above: list[str]) -> None:
    path = text(*above, *TABLE)
    draft = draft_sample(path)
    report = parse(path, parse_dataset(draft.text, "draft.yml"), tmp_path)
    assert (report.rows.accepted, report.rows.rejected, draft.header_row) == (2, 0, len(above) + 1)
    assert "# Mend" not in draft.text


def test_without_types_a_blank_row_tells_the_header(text: Callable[..., Path]) -> None:
    assert draft_sample(text("Account,Main", "", *WORDS)).header_row == 3
    assert draft_sample(text("Account,Main", *WORDS)).header_row == 1


def test_what_is_passed_over_is_told(text: Callable[..., Path]) -> None:
    drafted = draft_sample(text("Statement", "Account,42", *TABLE)).text
    assert "# Row 2 is passed over: most rows have more cells than it has titles." in drafted
    assert "#   header: {mode: row, row: 2}" in drafted
    assert "passed over" not in draft_sample(text(*TABLE)).text


def test_a_row_of_data_with_a_cell_too_many_is_no_header(text: Callable[..., Path]) -> None:
    rows = ["Anna,Bern,unknown", *(f"{name},Rome,2024-0{n}-01" for n, name in enumerate(("Bob", "Cy", "Dee"), 1))]
    draft = draft_sample(text("Name,City", *rows))
    assert draft.header_row == 1
    assert "name: city" in draft.text
    assert "# Mend the file first: 4 rows" in draft.text
    assert "passed over" not in draft.text


@pytest.mark.parametrize("rows", [["A1,5,x", "A2,6,y"], ["a,b,x", "c,d,y"]])
def test_a_header_that_lacks_a_title_stays_the_header(text: Callable[..., Path], rows: list[str]) -> None:
    draft = draft_sample(text("sku,qty", *rows))
    assert draft.header_row == 1
    assert "# Mend the file first: 2 rows" in draft.text


def test_the_same_in_a_workbook(workbook: Write, tmp_path: Path) -> None:
    rows: list[list[Any]] = [["Bank", "Acme"], [], ["No", "Text", "Amount"], [1, "x", 5], [2, "y", 6]]
    path = workbook(rows)
    draft = draft_sample(path)
    assert draft.header_row == 3
    assert parse(path, parse_dataset(draft.text, "draft.yml"), tmp_path).rows.accepted == 2


def day(month: int) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        moment = dt.datetime(2026, month, 1)  # noqa: DTZ001
        sheet.write_datetime(row, column, moment, book.add_format({"num_format": "mmm yyyy"}))

    return write


SUMS = [["a", 1, 2.5], ["b", None, 4], ["c", 5, None]]


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["Item", 2024, 2025], *SUMS], ["2024", "2025"]),
        ([["Sales"], [], ["Item", 2025, 2024], *SUMS], ["2025", "2024"]),
        ([["Item", day(1), day(2)], *SUMS], ["2026-01-01", "2026-02-01"]),
        ([["Item", "By", 2024, 2025], ["a", "x", 1, 2], ["b", "y", None, None], ["c", "z", 1, 2]], ["2024", "2025"]),
    ],
)
def test_years_and_dates_are_titles_beside_texts(
    workbook: Callable[..., Path], tmp_path: Path, rows: list[list[Any]], header: list[str]
) -> None:
    path = workbook(rows)
    dataset = parse_dataset(draft_sample(path).text, "draft.yml")
    assert [title for field in dataset.fields for title in field.header][-2:] == header
    assert parse(path, dataset, tmp_path).rows.accepted == len(SUMS)


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["Anna", 2024, 2025], ["Bob", 2025, 2026]], None),
        ([["Anna", 2024, 1.5], ["Bob", 5, 2.5]], None),
        ([["Anna", 2024, 2026], ["Bob", 5, 2]], None),
        ([["Anna", 2024], ["Bob", 5]], None),
        ([["Anna", day(1), day(2)], ["Bob", day(3), day(4)]], None),
        ([["Years", 2024, 2025], ["Item", "Qty", "Sum"], *SUMS], 2),
        ([["Period", day(1), day(2)], [], ["Item", "Qty", "Sum"], *SUMS], 3),
        ([["Item", "Qty", "Sum"], ["a", 2024, 2025], ["b", 1, 2]], 1),
    ],
)
def test_years_and_dates_in_data_or_above_a_table_are_no_titles(
    workbook: Callable[..., Path], rows: list[list[Any]], header: int | None
) -> None:
    assert draft_sample(workbook(rows)).header_row == header


@pytest.mark.parametrize(
    "rows",
    [
        ["29/05/2026,STORE,-80.00", '13/05/2026,PAY,"2,345.67"', "04/05/2026,X,-12.34"],
        ["29.05.2026;A;1,00", "13.05.2026;B;2,00"],
        ["A1,2026-05-01 10:15:00", "A2,2026-05-02 10:15:00", "A3,2026-05-03 10:15:00"],
        ["2026-05-01,A,1", ",B,2", "2026-05-03,C,3", "Total,,6"],
        ["2026. 5. 1.,A", "2026. 5. 13.,B"],
    ],
)
def test_a_first_row_with_a_day_above_days_is_data(text: Callable[..., Path], tmp_path: Path, rows: list[str]) -> None:
    path = text(*rows)
    draft = draft_sample(path)
    report = parse(path, parse_dataset(draft.text, "draft.yml"), tmp_path)
    assert draft.header_row is None
    assert report.rows.accepted + report.rows.footer == len(rows)
    assert report.rows.footer == (rows[-1] == "Total,,6")


@pytest.mark.parametrize(
    "rows",
    [
        ["Product,2026-05-01,2026-05-02", "A,1,2", "B,3,4"],
        ["Product,2024,2025", "A,1,2", "B,3,4"],
        ["2026-05-01,x", "n/a,y", "open,z"],
        ["2026-05-01,2026-05-02", "1,2026-05-03", "2,z", "3,z"],
    ],
)
def test_days_above_something_else_are_titles(text: Callable[..., Path], rows: list[str]) -> None:
    assert draft_sample(text(*rows)).header_row == 1
