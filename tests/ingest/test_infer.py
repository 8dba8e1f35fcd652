"""Drafted datasets: what is told of a sample, and that every row of the sample loads by the draft."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from ingest.errors import FileRejectedError
from ingest.infer import infer
from ingest.parse import parse
from ingest.spec.dataset import Dataset, parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

REFUSED_AS_SUCH = {"file.cell_limit", "file.corrupt_container", "file.encrypted", "file.format_unknown"}
TIDY_LEAST = 150


def styled(value: Any, form: str) -> Callable[..., None]:
    def write(book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write(row, column, value, book.add_format({"num_format": form}))

    return write


def draft(path: Path, sheet: str | int | None = None) -> Dataset:
    return parse_dataset(infer(path, sheet), "draft.yml")


def types(dataset: Dataset) -> dict[str, str]:
    return {field.name: str(field.type) + (" id" if field.id else "") for field in dataset.fields}


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
        "column_a": "string id",
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
    assert dataset.primary_key == ("column_a",)
    assert dataset.header.mode == "detect"
    assert "合计*" in dataset.table_end.footers


def test_words_for_nothing_and_errors_do_not_make_a_column_text(workbook: Write) -> None:
    def error(_book: Any, sheet: Any, row: int, column: int) -> None:
        sheet.write_formula(row, column, "=1/0", None, "#DIV/0!")

    path = workbook([["no", "count", "rate"], ["A", 1, 0.5], ["B", "-", error], ["C", 3, 1.5]])
    text = infer(path)
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
        infer(workbook([]))


def test_every_row_of_every_tidy_workbook_loads_by_its_draft(corpus: Path, tmp_path: Path) -> None:
    """Tidy is what can be read and has a table: at least one row of data below its titles, or without any."""
    tidy, failed, refused = 0, {}, set()
    for path in sorted(path for path in corpus.glob("*/*") if path.is_file()):
        try:
            text = infer(path)
        except FileRejectedError as error:
            refused.add(error.record.code)
            continue
        report = parse(path, parse_dataset(text, path.name), tmp_path)
        if report.rejection is not None and report.rejection.code == "table.no_rows":
            continue
        tidy += 1
        if report.rejection is not None or report.rows.rejected or report.rows.duplicate:
            failed[path.name] = (report.rejection, report.rows)
    assert not failed
    assert tidy > TIDY_LEAST
    assert refused <= {*REFUSED_AS_SUCH, "table.no_rows"}
