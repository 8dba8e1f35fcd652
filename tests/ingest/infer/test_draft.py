"""Drafted datasets: what is told of a sample, its types, key and torn rows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
import xlsxwriter
from drafts import draft, types

from ingest.errors import FileRejectedError
from ingest.infer import draft_sample
from ingest.output.report import ACCEPTED_FILE
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[..., Path]


def styled(value: Any, form: str) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write(row, column, value, book.add_format({"num_format": form}))

    return write


def test_numbers_below_titles_of_codes_are_texts_so_that_zeros_of_the_next_file_stay(workbook: Write) -> None:
    rows = [["Customer ID", "Zip", "Phone", "Since"], *([n * 7, 94103 + n, 4155551212, 2015] for n in range(3))]
    by_draft = draft(workbook(rows))
    assert types(by_draft) == {"customer_id": "integer", "zip": "string id", "phone": "string id", "since": "integer"}


@pytest.mark.parametrize(
    ("days", "form", "kind"),
    [
        ([46144.0625, 46145.5], "h:mm", "datetime"),
        ([46144.0625, 46145.5], "[h]:mm", "datetime"),
        ([0.25, 0.75], "h:mm", "time"),
        ([0.25, 0.75], "[h]:mm", "duration"),
        ([0.25, 1.5], "h:mm", "duration"),
        ([0.25, 46145.5], "[h]:mm", "duration"),
    ],
)
def test_what_is_shown_as_times_may_be_moments_or_spans(
    workbook: Write, days: list[float], form: str, kind: str
) -> None:
    rows = [["Id", "At"], *([f"r{number}", styled(day, form)] for number, day in enumerate(days))]
    assert types(draft(workbook(rows)))["at"] == kind


def test_types_names_and_key_from_all_rows(workbook: Write) -> None:
    day = styled(dt.date(2024, 2, 29), "yyyy-mm-dd")
    noon = styled(dt.datetime(2024, 2, 29, 12), "yyyy-mm-dd hh:mm")  # noqa: DTZ001  # sheets know no zones
    rows = [
        ["订单报表"],
        [],
        ["订单号", "Order Date", "paidAt", "Qty", "Amount", "SKU", "Note", "Order ID", "Ok", "2nd"],
        *(
            [f"{10**17 + n}", day, noon if n else day, n, n + 0.25 * (n == 40), f"0{n}", "-", 10**12 + n, n > 3, n / 3]
            for n in range(50)
        ),
        ["合计", None, None, 1225],
    ]
    dataset = draft(workbook(rows, name="May Orders.xlsx"))
    assert dataset.dataset == "may_orders"
    assert types(dataset) == {
        "ding_dan_hao": "string id",
        "order_date": "date",
        "paid_at": "datetime",
        "qty": "integer",
        "amount": "decimal(18,2)",
        "sku": "string id",
        "note": "string",
        "order_id": "string id",
        "ok": "boolean",
        "n_2nd": "number",
    }
    assert dataset.fields[0].header == ("订单号",)
    assert dataset.primary_key == ("ding_dan_hao",)
    assert dataset.header.mode == "detect"
    assert dataset.table_end.footers == ("合计",)
    assert dataset.match.glob == ("May Orders*",)


def test_words_for_nothing_and_errors_do_not_make_a_column_text(workbook: Write) -> None:
    def error(_book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write_formula(row, column, "=1/0", None, "#DIV/0!")

    path = workbook([["no", "count", "rate"], ["A", 1, 0.5], ["B", "-", error], ["C", 3, 1.5]])
    text = draft_sample(path).text
    dataset = parse_dataset(text, "draft.yml")
    assert types(dataset) == {"no": "string", "count": "integer", "rate": "decimal(18,2)"}
    assert dataset.missing_values == ("", "-")
    assert dataset.error_cells == "null"
    assert '# 3 values, as "A"' in text


def test_without_a_key_rows_are_only_added(workbook: Write) -> None:
    dataset = draft(workbook([["a", "b"], ["x", 1], ["x", 1]]))
    assert (dataset.primary_key, dataset.load.mode) == ((), "insert")


def test_a_sheet_without_titles(workbook: Write) -> None:
    dataset = draft(workbook([[1, "x"], [2, "y"]]))
    assert dataset.header.mode == "none"
    assert types(dataset) == {"column_a": "integer", "column_b": "string"}


def test_titles_that_stand_twice_are_left_out(workbook: Write) -> None:
    assert types(draft(workbook([["no", "x", "X", "y"], ["A", 1, 2, 3], ["B", 1, 2, 3]]))) == {
        "no": "string",
        "y": "integer",
    }


def test_an_empty_sheet_is_refused(workbook: Write) -> None:
    with pytest.raises(FileRejectedError, match=r"table\.no_rows"):
        draft_sample(workbook([]))


@pytest.mark.parametrize(
    "titles",
    [
        ["null", "true", "on"],
        ["1", "2.5", "1e3"],
        ["a: b", "it's", 'the "q"'],
        ["#1", "- x", "@y"],
        ["a\nb", " c ", "~"],
        ["=1+1", "[x]", "{y}"],
    ],
)
def test_any_title_makes_valid_yaml(workbook: Write, tmp_path: Path, titles: list[str]) -> None:
    path = workbook([titles, ["x", 1, "y"], ["z", 2, "w"]])
    dataset = draft(path)
    assert [field.header[0].strip() for field in dataset.fields] == [title.strip() for title in titles]
    assert parse(path, dataset, tmp_path).rows.accepted == 2


KEYED = [[f"INV-{n}", f"C{n}", n % 3, f"S{n}"] for n in range(1000, 1006)]


@pytest.mark.parametrize(
    ("titles", "rows", "name", "key"),
    [
        (["Invoice No", "Customer", "Amount", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Rechnungsnr.", "Kunde", "Menge", "Artikel"], KEYED, "w.xlsx", ("rechnungsnr",)),
        # The first number of the rows has gaps, or comes twice: another one that has none by chance is no key.
        (["Invoice No", "Customer ID", "Amount", "SKU"], [[None, *KEYED[0][1:]], *KEYED[1:]], "w.xlsx", ()),
        (["Invoice No", "Payment ID", "Amount", "SKU"], [[*KEYED[1][:1], *KEYED[0][1:]], *KEYED[1:]], "w.xlsx", ()),
        # Different in every row, but an attribute.
        (["Name", "Customer", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["Customer ID", "Place", "Amount", "SKU"], KEYED, "orders.xlsx", ()),
        (["Customer ID", "Place", "Amount", "SKU"], KEYED, "customers.xlsx", ("customer_id",)),
        # What is no document has rows in the next file, too, and so has an order in a file of payments.
        (["Meter No", "Place", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["Meter No", "Place", "Amount", "SKU"], KEYED, "meters.xlsx", ("meter_no",)),
        (["Meter No", "Place", "Amount", "SKU"], KEYED, "meter readings.xlsx", ()),
        (["Sales Rep ID", "Place", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["Customer ID", "Place", "Amount", "SKU"], KEYED, "customer orders.xlsx", ()),
        (["Order No", "Place", "Amount", "SKU"], KEYED, "payments.xlsx", ()),
        (["订单号", "Place", "Amount", "SKU"], KEYED, "orders.xlsx", ("ding_dan_hao",)),
        # So has a document with numbered lines, even if each had one line here.
        (["Invoice No", "Place", "Line", "SKU"], KEYED, "w.xlsx", ()),
        (["Belegnummer", "Place", "Belegposition", "SKU"], KEYED, "w.xlsx", ()),
        (["Invoice No", "Position", "Amount", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Invoice No", "Place", "Items", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Item No", "Place", "Amount", "SKU"], KEYED, "item list.xlsx", ("item_no",)),
        # So have suppliers, tills and years, each of which has numbers of its own.
        (["Supplier", "Invoice No", "Amount", "SKU"], [row[1::-1] + row[2:] for row in KEYED], "w.xlsx", ()),
        (["Invoice No", "Lieferant", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["Invoice No", "Supplier Invoice No", "Amount", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Receipt No", "Branch", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["凭证号", "会计年度", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["PO Number", "Supplier", "Amount", "SKU"], KEYED, "w.xlsx", ("po_number",)),
        (["Order No", "店铺", "Amount", "SKU"], KEYED, "w.xlsx", ("order_no",)),
        # What is measured or paid each month has the same numbers again, and so have standing orders.
        # So the next file has the same people and things again if it says what they did, have or are paid.
        (["Zähler-Nr.", "Ort", "Menge", "SKU"], KEYED, "Zählerstände Mai.xlsx", ()),
        (["Employee ID", "Place", "Amount", "SKU"], KEYED, "employee payroll.xlsx", ()),
        (["Kundennummer", "Place", "Amount", "SKU"], KEYED, "Kundenumsatz.xlsx", ()),
        (["Kundennummer", "Place", "Amount", "SKU"], KEYED, "Kundenliste 2026-05.xlsx", ("kundennummer",)),
        (["社員番号", "Place", "Amount", "SKU"], KEYED, "社員給与5月.xlsx", ()),
        (["社員番号", "Place", "Amount", "SKU"], KEYED, "社員名簿.xlsx", ("she_yuan_fan_hao",)),
        (["Employee ID", "Place", "Hours", "SKU"], KEYED, "employees.xlsx", ()),
        (["No.", "Place", "Marks", "SKU"], KEYED, "May.xlsx", ()),
        (["No.", "Place", "Amount", "SKU"], KEYED, "payroll.xlsx", ()),
        (["Invoice No", "Place", "Hours", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Meter No", "Reading", "Amount", "SKU"], KEYED, "meters.xlsx", ()),
        (["Employee ID", "Month", "Amount", "SKU"], KEYED, "employees.xlsx", ()),
        (["Invoice No", "Month", "Amount", "SKU"], KEYED, "w.xlsx", ("invoice_no",)),
        (["Reference", "Place", "Amount", "SKU"], KEYED, "w.xlsx", ()),
        (["Booking Reference", "Place", "Amount", "SKU"], KEYED, "w.xlsx", ("booking_reference",)),
        # A number that only counts the rows is another row's in the next file.
        (["No", "Place", "Amount", "SKU"], [[n, *row[1:]] for n, row in enumerate(KEYED, 1)], "w.xlsx", ()),
        (["序号", "Place", "Amount", "SKU"], [[f"A{n:03}", *row[1:]] for n, row in enumerate(KEYED)], "w.xlsx", ()),
        # Two rows prove nothing.
        (["Invoice No", "Customer", "Amount", "SKU"], KEYED[:2], "w.xlsx", ()),
    ],
)
def test_a_key_is_drafted_only_where_it_is_certain(
    workbook: Write, titles: list[str], rows: list[list[Any]], name: str, key: tuple[str, ...]
) -> None:
    dataset = draft(workbook([titles, *rows], name=name))
    assert dataset.primary_key == key
    assert dataset.load.mode == ("upsert" if key else "insert")


def test_a_column_that_the_next_file_adds_is_told_of(workbook: Write, tmp_path: Path) -> None:
    may: list[list[Any]] = [["Account", "Jan"], ["4000", 1.5], ["4100", 2.5]]
    dataset = draft(workbook(may))
    assert not parse(workbook(may), dataset, tmp_path).codes
    june = workbook([[*row, more] for row, more in zip(may, ["Feb", 3, 4], strict=True)], name="june.xlsx")
    report = parse(june, dataset, tmp_path)
    assert (report.rows.accepted, report.codes) == (2, {"header.extra_column": 1})


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        *(
            (title, "decimal(15,2)")
            for title in ("Amount", "Seefracht", "Unit price (EUR)", "Hours worked", "Betrag in EUR", "Stand")
        ),
        *(
            (title, "decimal(15,2)")
            for title in ("Цена, руб.", "金额（元）", "単価", "금액", "السعر", "Montant HT", "Marks")
        ),
        *(
            (title, "integer")
            for title in ("Qty", "数量", "Year", "Lohnart", "Price group", "Cost centre", "Total", "Bestand")
        ),
    ],
)
def test_whole_amounts_of_a_workbook_may_have_fractions_in_the_next(
    workbook: Write, tmp_path: Path, title: str, kind: str
) -> None:
    by_draft = draft(workbook([["Name", title], ["a", 12], ["b", 7], ["c", -3]], name="may.xlsx"))
    assert types(by_draft) == {by_draft.fields[0].name: "string", by_draft.fields[1].name: kind}
    june = workbook([["Name", title], ["a", 12.25], ["b", 7.5]], name="june.xlsx")
    assert parse(june, by_draft, tmp_path).rows.rejected == (0 if kind.startswith("decimal") else 2)


def test_what_might_be_a_key_is_told(workbook: Write) -> None:
    text = draft_sample(workbook([["Name", "Customer", "Amount"], *[row[:3] for row in KEYED[:3]]])).text
    assert "#   primaryKey: [name]" in text
    assert "mode: insert" in text


def test_torn_rows_are_told_of_and_change_nothing_else(workbook: Write) -> None:
    rows = [["Customer", "Count"], ["Acme", 1], ["Bolt", 2], ["Total:", 3]]
    torn = workbook([*rows[:2], ["Bolt", 2, "late"], *rows[3:]], name="torn.xlsx")
    told = [line for line in draft_sample(torn).text.splitlines() if line.startswith("# Mend")]
    assert [line.partition(":")[0] for line in told] == ["# Mend the file first"]
    assert "1 rows load by no dataset, first row 3 (row.extra_cells)" in told[0]
    assert "# Mend" not in draft_sample(workbook(rows)).text
    assert draft(torn).table_end.footers == ("Total:",)
    assert types(draft(torn)) == {"customer": "string", "count": "integer"}


def test_a_quote_that_never_closes_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text('sku,size,qty\nA1,large,5\nA2,"5 inch,7\nA3,flat,9\n', encoding="utf-8")
    text = draft_sample(path).text
    assert "1 rows load by no dataset, first row 3 (row.open_quote)" in text
    report = parse(path, parse_dataset(text, "draft.yml"), tmp_path)
    assert (report.rows.accepted, report.rows.rejected) == (2, 1)


def test_values_that_a_column_was_too_narrow_for_are_left_to_be_mended(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sku,qty\nA1,5\nA2,########\nA3,7\n", encoding="utf-8")
    text = draft_sample(path).text
    assert "# Mend this first: 1 rows of the sample do not load by this draft, first row 3" in text
    assert types(draft(path)) == {"sku": "string", "qty": "integer"}
    assert "null" not in text


@pytest.mark.parametrize("bad", ["b,########,2", "b,2026-05-02,########"])
def test_totals_are_none_of_the_rows_that_are_left_to_be_mended(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"item,day,qty\na,2026-05-01,1\n{bad}\nc,2026-05-03,3\nTotal,,6\n", encoding="utf-8")
    text = draft_sample(path).text
    assert "1 rows of the sample do not load by this draft, first row 3" in text
    assert "footers: [Total]" in text


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("订单号", [6920612345678901234, 6920612345678905678]),
        ("Order No", [6920612345678901234, 123]),
        ("Order No", [6920612345678901234, "6920612345678905678"]),
        ("Card", [6222021234567890123, 6222021234567890199]),
        ("Order No", [2.0260501220014123e27]),
    ],
)
def test_identifiers_that_lost_digits_are_no_numbers(workbook: Write, title: str, values: list[Any]) -> None:
    [field] = draft(workbook([[title], *([value] for value in values)])).fields
    assert (str(field.type), field.id, field.on_error) == ("string", True, "null_value")


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("Amount", [1e15, 2.5e16]),
        ("Mass", [6.02214076e23, 1.98847e30]),
        ("Value", [1.23456789012345e22, 3.3e15]),
        ("Value", [-1.23456789012345e17, -1.23456789012346e17]),
        ("Order No", [1.5, 1e16]),
    ],
)
def test_amounts_and_measures_of_many_digits_are_numbers(workbook: Write, title: str, values: list[Any]) -> None:
    [field] = draft(workbook([[title], *([value] for value in values)])).fields
    assert str(field.type) == "number"


def test_formulas_that_become_null_are_told_of(tmp_path: Path) -> None:
    book, path = openpyxl.Workbook(), tmp_path / "x.xlsx"
    for row in [["sku", "qty", "total"], ["a", 5, "=B2*2"], ["b", 7, "=B3*2"]]:
        book.worksheets[0].append(row)
    book.save(path)
    text = draft_sample(path).text
    assert "onError: null_value}  # no value in the sample; 2 formulas without a stored result become null" in text


def test_values_in_merged_cells_of_several_rows_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.merge_range("A1:C1", "Report")
        sheet.write_row("A3", ["Order No", "Item", "Total"])
        sheet.merge_range("A4:A5", "N1")
        sheet.merge_range("C4:C5", 7)
        sheet.write_column("B4", ["a", "b", "c"])
        sheet.write("A6", "N2")
    text = draft_sample(path).text
    assert "# Written once in merged cells of several rows: order_no, total. Where each row has that value:" in text
    given = next(line for line in text.splitlines() if "merged: {" in line)
    assert given == "#   merged: {fill: [order_no, total]}"
    filled = parse_dataset(text.replace(given, given.removeprefix("#").strip()), "x.yml")
    parse(path, filled, tmp_path)
    assert (tmp_path / ACCEPTED_FILE).read_text("utf-8").count("N1") == 2


@pytest.mark.parametrize(
    ("regions", "missing"),
    [
        (["NA", "EU", "NA"], ("",)),
        # All of a column, or one of its texts, is rather nothing.
        (["NA", "NA", "NA"], ("", "NA")),
        (["NA", "North", "EU"], ("", "NA")),
        (["NA", None, "x"], ("", "NA")),
    ],
)
def test_na_among_codes_is_one(
    workbook: Write, tmp_path: Path, regions: list[str | None], missing: tuple[str, ...]
) -> None:
    path = workbook([["Region", "Rate", "Place"], *zip(regions, [1.5, "NA", 2.5], "ABC", strict=True)])
    drafted = draft(path)
    assert types(drafted) == {"region": "string", "rate": "decimal(18,2)", "place": "string"}
    assert drafted.missing_values == missing
    report = parse(path, drafted, tmp_path)
    assert report.rows.accepted == 3
    nulls = [line.split("\t").count("\\N") for line in (tmp_path / "accepted.copy").read_text().splitlines()]
    assert sum(nulls) == 1 + (regions.count("NA") if "NA" in missing else 0) + regions.count(None)
