"""Mappings: a file whose titles and values mean what somebody has said, and what is suggested to that person."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from ingest.mapping.look import look, try_mapping
from ingest.mapping.seen import Suggestion
from ingest.output.report import ACCEPTED_FILE
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.mapping import ColumnMapping
from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset

ORDERS = """
dataset: orders
fields:
  - {name: order_no, type: string, constraints: {required: true}}
  - {name: day, type: date, format: "%d.%m.%Y", constraints: {required: true}}
  - {name: amount, type: "decimal(12,2)", constraints: {required: true}}
  - {name: status, type: string, constraints: {enum: [pending, done]}}
load: {table: orders, mode: insert}
"""
TITLES = ("订单号", "下单日期", "金额", "状态", "备注")
ROWS = (("A-1", "03.02.2024", "12.50", "待发货", "x"), ("A-2", "04.02.2024", "7", "done", "y"))
COLUMNS = {"订单号": "order_no", "下单日期": "day", "金额": "amount", "状态": "status", "备注": None}
VALUES = {"status": {"待发货": "pending"}}


def orders() -> Dataset:
    return parse_dataset(ORDERS, "orders.yml")


def mapped(**keys: object) -> Dataset:
    return orders().with_mappings([ColumnMapping.model_validate({"titles": TITLES, "columns": COLUMNS, **keys})])


def written(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def accepted(folder: Path) -> list[list[str]]:
    return [line.split("\t") for line in (folder / ACCEPTED_FILE).read_text("utf-8").splitlines()]


def test_a_file_of_unknown_titles_is_read_by_its_mapping(tmp_path: Path) -> None:
    path = written(tmp_path / "orders.csv", ("Export of Monday",), TITLES, *ROWS)
    refused = parse(path, orders(), tmp_path)
    assert refused.rejection is not None
    assert refused.rejection.code == "header.not_found"
    report = parse(path, mapped(values=VALUES), tmp_path)
    assert (report.rejection, report.header_row, report.rows.accepted) == (None, 2, 2)
    assert report.codes["header.mapped"] == 1
    assert "header.extra_column" not in report.codes
    assert accepted(tmp_path) == [["A-1", "2024-02-03", "12.50", "pending"], ["A-2", "2024-02-04", "7.00", "done"]]


@pytest.mark.parametrize("titles", [TITLES[:4], (*TITLES, "店铺")])
def test_other_titles_are_not_read_by_it(tmp_path: Path, titles: tuple[str, ...]) -> None:
    rows = [(*row, "z")[: len(titles)] for row in ROWS]
    report = parse(written(tmp_path / "orders.csv", titles, *rows), mapped(), tmp_path)
    assert report.rejection is not None
    assert report.rejection.code == "header.not_found"


@settings(deadline=None, max_examples=40)
@given(order=st.permutations(range(len(TITLES))), space=st.sampled_from(["", " "]))
def test_the_order_of_columns_and_space_around_titles_mean_nothing(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], space: str
) -> None:
    folder = tmp_path_factory.mktemp("order")
    titles = [f"{space}{TITLES[place]}{space}" for place in order]
    rows = [tuple(row[place] for place in order) for row in ROWS]
    report = parse(written(folder / "orders.csv", tuple(titles), *rows), mapped(values=VALUES), folder)
    assert report.rejection is None
    assert accepted(folder)[0] == ["A-1", "2024-02-03", "12.50", "pending"]


def test_a_mapping_outweighs_a_fields_own_title(tmp_path: Path) -> None:
    titles = ("order_no", "day", "amount", "net")
    mapping = ColumnMapping.model_validate({"titles": titles, "columns": {"net": "amount", "amount": None}})
    path = written(tmp_path / "orders.csv", titles, ("A-1", "03.02.2024", "1", "2"))
    assert parse(path, orders().with_mappings([mapping]), tmp_path).rejection is None
    assert accepted(tmp_path) == [["A-1", "2024-02-03", "2.00"]]


def test_values_are_read_otherwise_in_every_kind_of_cell(tmp_path: Path) -> None:
    book = Workbook()
    for row in (TITLES, ("A-1", "03.02.2024", 5, 1, None), ("A-2", "03.02.2024", 6, " 待发货 ", None)):
        book.active.append(row)
    book.save(tmp_path / "orders.xlsx")
    dataset = mapped(values={"status": {"1": "done", "待发货": "pending"}})
    assert parse(tmp_path / "orders.xlsx", dataset, tmp_path).rejection is None
    assert [row[3] for row in accepted(tmp_path)] == ["done", "pending"]


def test_a_mapping_that_does_not_fit_is_told_in_a_file_and_passed_over_otherwise() -> None:
    wrong = {"titles": ["a"], "columns": {"a": "no_such"}}
    with pytest.raises(DocumentError, match="undeclared fields: no_such"):
        parse_dataset(f"{ORDERS}mappings: [{{titles: [a], columns: {{a: no_such}}}}]\n", "orders.yml")
    with pytest.raises(DocumentError, match="not allowed: gone"):
        parse_dataset(f"{ORDERS}mappings: [{{titles: [a], values: {{status: {{x: gone}}}}}}]\n", "orders.yml")
    with pytest.raises(DocumentError, match="none of titles: b"):
        parse_dataset(f"{ORDERS}mappings: [{{titles: [a], columns: {{b: day}}}}]\n", "orders.yml")
    assert orders().with_mappings([ColumnMapping.model_validate(wrong)]) == orders()


def test_a_mapping_in_the_datasets_file_is_followed(tmp_path: Path) -> None:
    columns = "{订单号: order_no, 下单日期: day, 金额: amount}"
    text = f"{ORDERS}mappings:\n  - {{titles: {list(TITLES)}, columns: {columns}}}\n"
    path = written(tmp_path / "orders.csv", TITLES, *ROWS)
    assert parse(path, parse_dataset(text, "orders.yml"), tmp_path).rows.accepted == 2


def test_what_a_person_sees_of_an_unknown_file(tmp_path: Path) -> None:
    path = written(tmp_path / "orders.csv", ("Order number", "Date", "Sum", "Status"), *(row[:4] for row in ROWS))
    seen = look(path, orders(), "orders.csv")
    assert seen.rejection is not None
    assert (seen.header_row, seen.rows[1][:2], seen.mapping) == (1, ("A-1", "03.02.2024"), None)
    fields = {column.title: (column.field, column.suggestions[:1]) for column in seen.columns}
    assert fields["Status"] == ("status", ())
    assert fields["Order number"][1] == (Suggestion(field="order_no", because="similar words"),)
    assert fields["Date"][1] == (Suggestion(field="day", because="same kind of values"),)
    (strange,) = seen.values
    assert strange.field == "status"
    assert [(value.text, value.rows) for value in strange.found] == [("待发货", 1)]


def test_what_becomes_of_a_file_by_a_mapping(tmp_path: Path) -> None:
    path = written(tmp_path / "orders.csv", TITLES, *ROWS)
    tried = try_mapping(path, mapped(), tmp_path, "orders.csv")
    assert tried.report.rejection is not None
    assert tried.report.rejection.code == "table.too_many_bad_rows"
    assert tried.seen.mapping is not None
    assert tried.seen.mapping.columns == COLUMNS
    assert [value.text for value in tried.seen.values[0].found] == ["待发货"]
    tried = try_mapping(path, mapped(values=VALUES), tmp_path, "orders.csv")
    assert tried.columns == ("order_no", "day", "amount", "status")
    assert tried.rows[0] == ("A-1", "2024-02-03", "12.50", "pending")
    assert tried.seen.values == ()
    assert all(column.field or column.title == "备注" for column in tried.seen.columns)


def test_a_header_of_several_rows_is_mapped_by_its_joined_titles(tmp_path: Path) -> None:
    dataset = parse_dataset(f"{ORDERS}header: {{rows: 2}}\n", "orders.yml")
    top = ("订单", "订单", "总计", "总计", "")
    path = written(tmp_path / "orders.csv", top, TITLES, *ROWS)
    seen = look(path, dataset, "orders.csv", row=1)
    titles = [column.title for column in seen.columns]
    assert titles[0] == "订单 / 订单号"
    columns = dict(zip(titles, ("order_no", "day", "amount", None, None), strict=True))
    mapping = ColumnMapping.model_validate({"titles": titles, "columns": columns})
    assert parse(path, dataset.with_mappings([mapping]), tmp_path).rows.accepted == 2


def test_a_sheet_without_titles_is_seen_and_offers_nothing_to_map(tmp_path: Path) -> None:
    dataset = parse_dataset(f"{ORDERS}header: {{mode: none}}\n", "orders.yml")
    seen = look(written(tmp_path / "orders.csv", *(row[:4] for row in ROWS)), dataset, "orders.csv")
    assert (seen.header_row, seen.columns, seen.values, seen.rejection) == (None, (), (), None)
    assert len(seen.rows) == len(ROWS)
