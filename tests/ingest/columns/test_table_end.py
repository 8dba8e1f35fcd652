"""Rows of totals and page footers: what proves them, what they end, and that no row of data is taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset
    from tests.ingest.conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

CUSTOMER = {"name": "customer", "type": "string"}
COUNT = {"name": "count", "type": "integer"}
AMOUNT = {"name": "amount", "type": "decimal(9,2)", "groupChar": ","}
TITLES = ["customer", "count", "amount"]
ORDERS = [["Acme", 1, 0.1], ["Bolt", 2, 0.2]]
FOOTERS = {"footers": ["Total*", "Sum*", "小计*"]}


def customers(outcome: Parsed) -> list[str | None]:
    return outcome.column(0)


@pytest.mark.parametrize("key", [[], ["customer"]])
def test_an_order_that_begins_like_a_footer_is_loaded_with_a_warning(
    dataset: Make, workbook: Write, parsed: Parse, key: list[str]
) -> None:
    spec = dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS, primaryKey=key)
    outcome = parsed(workbook([TITLES, *ORDERS, ["Summit Ltd", 4, 2.5]]), spec)
    assert customers(outcome) == ["Acme", "Bolt", "Summit Ltd"]
    assert outcome.report.codes == {"row.footer_doubtful": 1}
    assert [(record.row, record.severity) for record in outcome.records] == [(4, "warning")]


@pytest.mark.parametrize(
    ("footer", "label"),
    [
        ("İcmal*", "İcmal"),
        ("İcmal*", "İCMAL 3"),
        ("Toplamı", "TOPLAMI"),
        ("Schlußsumme*", "Schlußsumme"),
        ("Schlußsumme*", "SCHLUSSSUMME"),
        ("Σύνολο ημέρας", "Σύνολο Ημέρας"),
        ("ΣΥΝΟΛΟ ΗΜΕΡΑΣ", "ΣΥΝΟΛΟ ΗΜΕΡΑΣ"),
    ],
)
def test_a_footer_is_known_without_case_in_any_language(
    dataset: Make, workbook: Write, parsed: Parse, footer: str, label: str
) -> None:
    spec = dataset(CUSTOMER, COUNT, AMOUNT, table_end={"footers": [footer]})
    outcome = parsed(workbook([TITLES, *ORDERS, [label, 3, 0.3]]), spec)
    assert customers(outcome) == ["Acme", "Bolt"]


def test_such_an_order_counts_for_the_total_below_it(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS)
    outcome = parsed(workbook([TITLES, *ORDERS, ["Summit Ltd", 4, 2.5], ["Total", 7, 2.8]]), spec)
    assert customers(outcome) == ["Acme", "Bolt", "Summit Ltd"]
    assert outcome.report.rows.footer == 1


@pytest.mark.parametrize(
    ("total", "footers"),
    [
        (["Total", 3, 0.3], 1),
        (["Total", None, "0.30"], 1),
        (["Total", None, 0.31], 0),
        (["Total", 3, 0.31], 0),
        (["Total"], 1),
    ],
)
def test_a_total_is_the_sum_of_its_columns(
    dataset: Make, workbook: Write, parsed: Parse, total: list[Any], footers: int
) -> None:
    outcome = parsed(workbook([TITLES, *ORDERS, total]), dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS))
    assert outcome.report.rows.footer == footers
    assert len(outcome.accepted) == 3 - footers


@pytest.mark.parametrize(("note", "last"), [("2 orders", "Bolt"), ("urgent", "Total")])
def test_words_beside_the_sums_do_not_make_it_data_unless_no_cell_is_empty(
    dataset: Make, workbook: Write, parsed: Parse, note: str, last: str
) -> None:
    total = ["Total", note, None if last == "Bolt" else 3, 0.3]
    rows = [[name, None, count, amount] for name, count, amount in ORDERS]
    spec = dataset(CUSTOMER, {"name": "note", "type": "string"}, COUNT, AMOUNT, table_end=FOOTERS)
    outcome = parsed(workbook([["customer", "note", "count", "amount"], *rows, total]), spec)
    assert customers(outcome)[-1] == last


def test_where_the_key_is_empty_nothing_else_has_to_be_proven(dataset: Make, workbook: Write, parsed: Parse) -> None:
    number = {"name": "no", "type": "string"}
    spec = dataset(CUSTOMER, number, COUNT, table_end=FOOTERS, primaryKey=["no"])
    path = workbook(
        [["customer", "no", "count"], ["Acme", "A1", 1], ["Total of May", None, 99], ["printed", None, None]]
    )
    assert parsed(path, spec).report.rows.footer == 2


@pytest.mark.parametrize("last", ["Total", "小计 B"])
def test_subtotals_are_left_out_and_end_nothing(dataset: Make, workbook: Write, parsed: Parse, last: str) -> None:
    rows = [
        *ORDERS,
        ["小计 A", 3, 0.3],
        ["Cole", 5, 1],
        ["Dunn", 6, 2],
        [last, *((14, 3.3) if last == "Total" else (11, 3))],
    ]
    outcome = parsed(workbook([TITLES, *rows]), dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS))
    assert customers(outcome) == ["Acme", "Bolt", "Cole", "Dunn"]
    assert outcome.report.rows.footer == 2
    assert not outcome.records


def test_totals_of_totals(dataset: Make, workbook: Write, parsed: Parse) -> None:
    regions = [
        ["a", 1],
        ["b", 2],
        ["Total 1", 3],
        ["c", 4],
        ["Total 2", 4],
        ["Total North", 7],
        ["d", 5],
        ["Total 3", 5],
    ]
    path = workbook([["customer", "count"], *regions, ["Total South", 5], ["Total", 12]])
    outcome = parsed(path, dataset(CUSTOMER, COUNT, table_end=FOOTERS))
    assert customers(outcome) == ["a", "b", "c", "d"]


def test_a_subtotal_without_any_total_below_ends_nothing(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([TITLES, *ORDERS, ["小计", 3, 0.3], ["Cole", 5, 1]])
    assert customers(parsed(path, dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS))) == ["Acme", "Bolt", "Cole"]


def test_hours_add_up_too(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    path = tmp_path / "hours.csv"
    path.write_text("customer,spent\nAcme,30:15\nBolt,12:30\nTotal,42:45\n")
    outcome = parsed(path, dataset(CUSTOMER, {"name": "spent", "type": "duration"}, table_end=FOOTERS))
    assert customers(outcome) == ["Acme", "Bolt"]


@pytest.mark.parametrize("key", [[], ["customer"]])
def test_page_footers_are_left_out_wherever_they_stand(
    dataset: Make, workbook: Write, parsed: Parse, key: list[str]
) -> None:
    rows = [["Acme", 1], ["Page 1 of 2"], ["Bolt", 2], ["Page Boys of Rome", 3], ["Page 2 of 2"]]
    spec = dataset(CUSTOMER, COUNT, skip_rows="Page * of *", primaryKey=key)
    outcome = parsed(workbook([["customer", "count"], *rows]), spec)
    assert customers(outcome) == ["Acme", "Bolt", "Page Boys of Rome"]
    assert outcome.report.rows.footer == 2
    assert outcome.report.codes == {"row.footer": 1, "row.footer_doubtful": 1}


CAMPAIGNS = "name,state,clicks,rate,cost\nBrand,on,1234,2.70%,100.00\nShop,on,56,0.71%,20.50\nPins,off,12,1.33%,10.00\n"
CAMPAIGN = [
    {"name": "name", "type": "string"},
    {"name": "state", "type": "string"},
    {"name": "clicks", "type": "integer"},
    {"name": "rate", "type": "decimal(9,4)", "percent": "fraction"},
    {"name": "cost", "type": "decimal(9,2)"},
]


@pytest.mark.parametrize(
    ("last", "footers"),
    [
        ("Total,,1302,2.39%,130.50", 1),
        ("Total,on,1302,2.39%,130.50", 0),  # words in all fields: rather a row
        ("Total: 3 campaigns,,1302,2.39%,130.50", 1),  # leaves a field empty that all data fills
        ("Total,,1302,2.39%,130.51", 1),  # amounts are shown rounded
        ("Total,,1302,4.74%,130.50", 1),
        ("Total,,1302,3.10%,130.50", 0),  # neither a sum nor within what the column has
        ("Total,,1303,2.39%,130.50", 0),
        ("Total,,1302,2.39%,130.60", 0),
        ("Total,,434,1.58%,43.50", 0),  # averages alone
        ("Totalis Ltd,on,1302,2.39%,130.50", 0),
        ("Total,,1302,2.39%,130.50\nMugs,on,3,1.00%,1.00", 0),  # data stands below
    ],
)
def test_averages_beside_sums_are_of_a_row_of_totals(
    dataset: Make, tmp_path: Path, parsed: Parse, last: str, footers: int
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{CAMPAIGNS}{last}\n")
    outcome = parsed(path, dataset(*CAMPAIGN, table_end=FOOTERS))
    assert outcome.report.rows.footer == footers
    assert [record.code for record in outcome.records] == ["row.footer_doubtful"] * (1 - footers)


def test_a_table_without_numbers_has_totals_without_them(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(CUSTOMER, {"name": "note", "type": "string"}, table_end=FOOTERS)
    outcome = parsed(workbook([["customer", "note"], ["Acme", "a"], ["Total", None]]), spec)
    assert customers(outcome) == ["Acme"]


@pytest.mark.parametrize(("row", "footers"), [(["Total", 2, 5.5], 0), (["Total", 2, 11], 1), (["Total", 2, 11.01], 0)])
def test_a_single_sum_of_two_rows_may_be_chance(
    dataset: Make, workbook: Write, parsed: Parse, row: list[Any], footers: int
) -> None:
    path = workbook([TITLES, ["Acme", 1, 5], ["Bolt", 1, 6], row])
    assert parsed(path, dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS)).report.rows.footer == footers


SKU = [{"name": "sku", "type": "string"}, {"name": "size", "type": "string"}, {"name": "qty", "type": "integer"}]


@pytest.mark.parametrize(
    ("rows", "last", "footers"),
    [
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Total", None, 12]], "A1", 1),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Total:", None, 12]], "A1", 1),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Total of May", None, 12]], "Total of May", 0),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Total", None, 13], ["printed"]], "A1", 2),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Total", None, 3]], "A1", 1),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Totalis Ltd", None, 3]], "Totalis Ltd", 0),
        ([["A1", "x", 5], ["A2", "y", "bad"], ["Totalis Ltd", "z", 13]], "Totalis Ltd", 0),
        ([["A1", "x", 5], ["A2", "y", 7], ["Total", None, 13]], "Total", 0),
        ([["A1", "x", "bad"], ["小计", None, 7], ["A2", "y", 7], ["Total", None, 8]], "A2", 2),
    ],
)
def test_where_a_cell_is_bad_no_total_is_taken_for_data(
    dataset: Make, workbook: Write, parsed: Parse, rows: list[list[Any]], last: str, footers: int
) -> None:
    outcome = parsed(workbook([["sku", "size", "qty"], *rows]), dataset(*SKU, table_end=FOOTERS))
    assert customers(outcome)[-1] == last
    assert outcome.report.rows.footer == footers


def test_columns_without_a_bad_cell_have_to_add_up_all_the_same(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(CUSTOMER, COUNT, AMOUNT, table_end=FOOTERS)
    rows = [["Acme", 1, 0.1], ["Bolt", 2, "bad"]]
    assert parsed(workbook([TITLES, *rows, ["Total", 3, 9]]), spec).report.rows.footer == 1
    assert parsed(workbook([TITLES, *rows, ["Total", 4, 9]]), spec).report.rows.footer == 0


NEEDED = {**CUSTOMER, "constraints": {"required": True}}
NOTE = {"name": "note", "type": "string"}


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        # No column is left to be checked, whatever is empty beside the number.
        ([AMOUNT, NOTE], [["Acme", "n/a", "x"], ["Bolt", 20, "y"], ["Summit Ltd", 500, None], ["Zed", 7, "z"]]),
        ([AMOUNT, NOTE], [["Acme", "n/a", "x"], ["Summit Ltd", 0, None]]),
        # The only column that is left adds up by chance.
        ([COUNT, AMOUNT], [["Acme", 1, "n/a"], ["Bolt", 1, 5], ["Summit Ltd", 2, 99.5], ["Sumatra GmbH", 2, 3]]),
    ],
)
@pytest.mark.parametrize("customer", [NEEDED, CUSTOMER])
def test_beside_bad_cells_no_order_is_taken_for_a_total(
    dataset: Make, workbook: Write, parsed: Parse, fields: list[Any], rows: list[list[Any]], customer: dict[str, Any]
) -> None:
    spec = dataset(customer, *fields, table_end=FOOTERS)
    titles = ["customer", *(field["name"] for field in fields)]
    outcome = parsed(workbook([titles, *rows]), spec)
    assert customers(outcome) == [row[0] for row in rows[1:]]
    assert outcome.report.codes == {"cell.type": 1, "row.footer_doubtful": 1}


@pytest.mark.parametrize(
    ("customer", "note", "footers"), [(CUSTOMER, "y", 1), (CUSTOMER, None, 0), (NEEDED, "y", 0), (NEEDED, None, 0)]
)
def test_what_all_data_fills_and_a_row_leaves_empty_speaks_for_a_total_if_nothing_is_needed(
    dataset: Make, workbook: Write, parsed: Parse, customer: dict[str, Any], note: str | None, footers: int
) -> None:
    rows = [["Acme", 1, "n/a", "x"], ["Bolt", 1, 5, note], ["Total of May", 2, 99.5]]
    spec = dataset(customer, COUNT, AMOUNT, NOTE, table_end=FOOTERS)
    outcome = parsed(workbook([["customer", "count", "amount", "note"], *rows]), spec)
    assert outcome.report.rows.footer == footers


def test_the_word_of_the_footer_itself_is_enough_beside_bad_cells(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    rows = [["Acme", 1, "n/a"], ["Bolt", 1, 5], ["Sum", 2, 99.5]]
    outcome = parsed(workbook([TITLES, *rows]), dataset(NEEDED, COUNT, AMOUNT, table_end=FOOTERS))
    assert customers(outcome) == ["Bolt"]
    assert outcome.report.rows.footer == 1


NUMBERED = [
    ["no", "sku", "size", "qty", "note"],
    [1, "A1", "x", 5, None],
    [2, None, None, None, "later"],
    [3, " ", "-"],
]


def test_rows_that_fill_no_field_are_empty(dataset: Make, workbook: Write, parsed: Parse) -> None:
    rows = [*NUMBERED, *[[number] for number in range(4, 200)], [200, "A2"]]
    outcome = parsed(workbook(rows), dataset(*SKU, missingValues=["", "-"]))
    assert list(outcome.accepted) == [2, 201], "they end no table either"
    assert outcome.report.rows.blank == 198
    assert not outcome.records


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"primaryKey": ["sku"]}, "row.key_null"),
        ({"contract": {"columns": "discard_row"}}, "row.extra_cells"),
    ],
)
def test_such_a_row_is_told_of_where_it_lacks_something_or_has_too_much(
    dataset: Make, workbook: Write, parsed: Parse, keys: dict[str, Any], code: str
) -> None:
    outcome = parsed(workbook([*NUMBERED[:3], [None, "A2"]]), dataset(*SKU, **keys))
    assert (3, code) in {(record.row, record.code) for record in outcome.records}


def test_a_file_of_such_rows_alone_has_none(dataset: Make, workbook: Write, parsed: Parse) -> None:
    outcome = parsed(workbook([NUMBERED[0], *NUMBERED[2:3]]), dataset(*SKU))
    assert outcome.report.rejection is not None
    assert outcome.report.rejection.code == "table.no_rows"
