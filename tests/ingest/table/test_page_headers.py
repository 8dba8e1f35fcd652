"""A header that is repeated is passed over wherever it stands, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

FIELDS = [{"name": "sku", "type": "string"}, {"name": "size", "type": "string"}, {"name": "qty", "type": "string"}]
TITLES = ["sku", "size", "qty"]


@pytest.mark.parametrize("every", [1, 3, 60])
def test_repeated_headers_are_no_rows(dataset: Make, workbook: Write, parsed: Parse, every: int) -> None:
    rows: list[list[str]] = []
    for number in range(130):
        rows += [TITLES] if number % every == 0 else []
        rows.append([f"A{number}", "s", str(number)])
    outcome = parsed(workbook(rows), dataset(*FIELDS))
    pages = -(-130 // every)
    assert outcome.report.header_row == 1
    assert len(outcome.accepted) == outcome.report.rows.accepted == 130
    assert outcome.report.rows.footer == pages - 1
    assert outcome.faults == []
    assert [note.code for note in outcome.notes if note.code == "row.header"] == ["row.header"]


def test_a_column_that_nobody_declared_may_have_its_title_again_nothing_or_a_page(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    head = [*TITLES, "note"]
    many = [["A1", "s", "1", "n"]] * 60
    rows = [head, *many, head, ["A2", "s", "2", ""], [*TITLES, ""], [*TITLES, "page 2"]]
    outcome = parsed(workbook(rows), dataset(*FIELDS))
    assert list(outcome.accepted)[60:] == [63]


@pytest.mark.parametrize(
    "form", ["Page {} of 3", "- Page {} -", "Seite {}", "Página {} de 3", "第 {} 页 共 3 页", "{}ページ"]
)
@pytest.mark.parametrize("gap", [[], [["", "", ""]]])
def test_the_number_of_a_page_above_a_repeated_header_is_no_row(
    dataset: Make, workbook: Write, parsed: Parse, form: str, gap: list[list[str]]
) -> None:
    pages = [[*[["A1", "s", "1"]] * 3, *gap, ["", form.format(page)], *gap] for page in (1, 2, 3)]
    outcome = parsed(workbook([TITLES, *pages[0], TITLES, *pages[1], TITLES, *pages[2]]), dataset(*FIELDS))
    assert outcome.report.rows.accepted == 9
    assert outcome.faults == []


@pytest.mark.parametrize("row", [["Page 2", "s", "1"], ["Page Ltd"], ["2"], ["Homepage 3"]])
def test_a_row_of_data_above_a_repeated_header_is_one(
    dataset: Make, workbook: Write, parsed: Parse, row: list[str]
) -> None:
    outcome = parsed(workbook([TITLES, ["A1", "s", "1"], row, TITLES, ["A2", "s", "2"]]), dataset(*FIELDS))
    assert outcome.column(0) == ["A1", row[0], "A2"]


def test_without_a_repeated_header_a_page_may_be_a_name(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([TITLES, ["A1", "s", "1"], ["Page 2"]]), dataset(*FIELDS))
    assert outcome.column(0) == ["A1", "Page 2"]


@pytest.mark.parametrize("row", [["sku", "", "qty"], ["", "size", "qty"], ["sku", "size"]])
@pytest.mark.parametrize("before", [1, 60])
def test_one_title_may_be_missing(dataset: Make, workbook: Write, parsed: Parse, row: list[str], before: int) -> None:
    outcome = parsed(workbook([TITLES, *[["A1", "s", "1"]] * before, row, ["A2", "s", "2"]]), dataset(*FIELDS))
    assert list(outcome.accepted)[before:] == [before + 3]
    assert outcome.report.rows.footer == 1


@pytest.mark.parametrize("beside", ["page 2", "31.05.2026", ""])
@pytest.mark.parametrize("title", ["", "note", "Page 1"])
def test_a_page_beside_all_titles(dataset: Make, workbook: Write, parsed: Parse, title: str, beside: str) -> None:
    rows = [[*TITLES, title], ["A1", "s", "1"], [*TITLES, beside], ["A2", "s", "2"]]
    outcome = parsed(workbook(rows), dataset(*FIELDS))
    assert list(outcome.accepted) == [2, 4]
    assert outcome.report.header_row == 1


def test_answers_that_are_the_titles_of_their_columns(dataset: Make, workbook: Write, parsed: Parse) -> None:
    rows = [["no", *TITLES], [1, "sku", "", "qty"], [2, *TITLES], [3, "", "size", ""], [4, "sku", "size", ""]]
    assert list(parsed(workbook(rows), dataset(*FIELDS)).accepted) == [2, 3, 4, 5]


ABOVE = [["Sales report", "", "Page 1"], ["Printed 31.05.2026 10:00"], []]


@pytest.mark.parametrize(
    ("again", "left"),
    [
        ([["Sales report", "", "Page 2"], ["Printed 31.05.2026 10:01"], []], []),
        ([["Printed 31.05.2026 10:01"], []], []),
        ([["Other report", "", "Page 2"], ["Printed 31.05.2026 10:01"], []], [6]),
        ([["A2", "s", "2"]], [6]),
        ([["Sales report", "", "Page 2"]], [6]),
    ],
)
def test_what_stands_above_the_header_is_no_row_above_its_repetitions(
    dataset: Make, workbook: Write, parsed: Parse, again: list[list[str]], left: list[int]
) -> None:
    rows = [*ABOVE, TITLES, ["A1", "s", "1"], *again, TITLES, ["A3", "s", "3"]]
    assert list(parsed(workbook(rows), dataset(*FIELDS)).accepted) == [5, *left, len(rows)]


def test_a_row_that_only_has_some_of_the_titles_is_a_row(dataset: Make, workbook: Write, parsed: Parse) -> None:
    some = [["sku", "size", "1"], ["size", "sku", "1"], ["sku", "", ""], [" SKU ", "Size", "ｑｔｙ"]]
    outcome = parsed(workbook([TITLES, *[["A1", "s", "1"]] * 60, *some]), dataset(*FIELDS))
    assert list(outcome.accepted)[60:] == [62, 63, 64]


MANY = [["A1", "s", "1"]] * 60
MOVED = [
    (TITLES, ["size", "sku", "qty"]),
    (TITLES, ["SKU", "Qty", "Size"]),
    (TITLES, ["", "sku", "size", "qty"]),
    ([*TITLES, "note"], ["note", "sku", "size", "qty"]),
    (["Artikel", "size", "qty"], ["sku", "qty", "size"]),
    (["Artikel", "size", "qty"], ["sku", "size", "qty"]),
]


@pytest.mark.parametrize(("head", "again"), MOVED)
def test_titles_of_all_fields_that_are_not_the_headers_own_refuse_the_file(
    dataset: Make, workbook: Write, parsed: Parse, head: list[str], again: list[str]
) -> None:
    fields = [{**FIELDS[0], "header": ["sku", "Artikel"]}, *FIELDS[1:]]
    outcome = parsed(workbook([head, *MANY, again, ["5", "A2", "s"]]), dataset(*fields))
    assert outcome.report.rejection is not None
    assert outcome.report.rejection.code == "header.ambiguous"
    assert "rows 1, 62 " in outcome.report.rejection.message


def test_titles_in_other_columns_below_the_end_of_the_table_are_not_of_it(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    rows = [["sku", "qty"], *[["A1", 1]] * 60, ["Total", 60], [], ["qty", "sku"], [5, "A2"]]
    declared = dataset(FIELDS[0], {"name": "qty", "type": "integer"}, table_end={"footers": ["Total"]})
    outcome = parsed(workbook(rows), declared)
    assert outcome.report.rejection is None
    assert outcome.report.rows.accepted + outcome.report.rows.duplicate == 60


def test_who_says_which_row_the_header_is_has_no_other_one(dataset: Make, workbook: Write, parsed: Parse) -> None:
    rows = [TITLES, *MANY, ["size", "sku", "qty"]]
    outcome = parsed(workbook(rows), dataset(*FIELDS, header={"mode": "row", "row": 1}))
    assert list(outcome.accepted)[60:] == [62]


def test_titles_without_letters_may_be_values(dataset: Make, workbook: Write, parsed: Parse) -> None:
    fields = [{"name": f"place_{number}", "type": "string", "header": [str(number)]} for number in (1, 2, 3)]
    rows = [["1", "2", "3"], *[["a", "b", "c"]] * 60, ["3", "1", "2"]]
    assert list(parsed(workbook(rows), dataset(*fields)).accepted)[60:] == [62]


@pytest.mark.parametrize(("title", "again"), [("İsim", "İsim"), ("İSİM", "İsim"), ("ΕΊΔΟΣ", "Είδος"), ("Maß", "MASS")])
def test_a_title_is_the_same_without_case(
    dataset: Make, workbook: Write, parsed: Parse, title: str, again: str
) -> None:
    fields = [{**FIELDS[0], "header": [title]}, FIELDS[1]]
    outcome = parsed(workbook([[title, "size"], ["x", "y"], [again, "SIZE"], ["z", "y"]]), dataset(*fields))
    assert list(outcome.accepted) == [2, 4]


def test_a_single_title_may_be_a_value(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([["sku"], ["A1"], *[["x"]] * 60, ["sku"]]), dataset(FIELDS[0]))
    assert outcome.accepted[63] == ["sku"]


def test_a_header_of_two_rows_is_passed_over_as_a_whole(dataset: Make, workbook: Write, parsed: Parse) -> None:
    fields = [{"name": "a", "type": "string", "header": "x / a"}, {"name": "b", "type": "string", "header": "x / b"}]
    head = [["x", "x"], ["a", "b"]]
    rows = [*head, ["1", "2"], *[["3", "4"]] * 60, *head, ["5", "6"], ["x", "x"], ["7", "8"]]
    outcome = parsed(workbook(rows), dataset(*fields, header={"rows": 2}))
    assert outcome.report.rows.footer == 2
    assert outcome.accepted[66] == ["5", "6"]
    assert outcome.accepted[67] == ["x", "x"]
