"""Tests of fields that may stand under slightly other titles: refused, and told with the title."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

ORDER = {"name": "order", "type": "string", "header": ["Order"]}


def _field(*titles: str, name: str = "value") -> dict[str, Any]:
    return {"name": name, "type": "string", "header": list(titles)}


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("Amount", "Amount (USD)"),
        ("Amount (USD)", "Amount"),
        ("Amount (USD)", "Amount (EUR)"),
        ("Amount", "Amount EUR"),
        ("Amount", "EUR Amount"),
        ("Amount", "Amount in EUR"),
        ("Amount", "Amount [net"),
        ("Qty", "Qty*"),
        ("Qty", "Qty.:"),
        ("Net", "Net €"),
        ("Gewicht", "Gewicht kg"),
        ("Gewicht", "Gewicht in kg"),
        ("Rabatt", "Rabatt %"),
        ("Datum", "Datum (TT.MM.JJJJ)"),
        ("E-Mail", "Email"),
        ("Order_ID", "OrderID"),
        ("Order No", "Order Number"),
        ("Rechnungsnr.", "Rechnungs-Nummer"),
        ("Order #", "Order No."),
        ("Remark", "Remarks"),
        ("Remarks", "Remark"),
        ("Ammount", "Amount"),
        ("Prénom", "Prenom"),
        ("金额", "金额（元）"),
        ("金额", "金额【元】"),
        ("Сумма", "Сумма, руб."),
        ("Número NF", "Número da NF"),
        ("订单号", "订单编号"),
        ("身份证号", "身份证号码"),
        ("राशि", "राशि (₹)"),
    ],
)
def test_a_field_that_may_stand_under_another_title_refuses_the_file(
    dataset: Make, workbook: Write, parsed: Parse, declared: str, found: str
) -> None:
    path = workbook([["Order", found], ["A1", "x"]])
    outcome = parsed(path, dataset(ORDER, _field(declared)))
    assert outcome.refusal == "header.drift"
    (record,) = (one for one in outcome.records if one.code == "header.drift")
    assert (record.severity, record.cell, record.header, record.field) == ("error", "B1", found, "value")
    assert repr(found) in record.message


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("Amount", "Turnover"),
        ("Amount", "Amount 2"),
        ("Phone 1", "Phone 2"),
        ("Net", "Netto"),
        ("Male", "Female"),
        ("Start", "Stop"),
        ("Debit", "Credit"),
        ("Date", "Data"),
        ("Price A", "Price B"),
        ("Form", "From"),
        ("Minimum temperature", "Maximum temperature"),
        ("Net", "Jet"),
        ("Total", "Total all"),
        ("Customer", "Customer Name"),
        ("USD", "EUR"),
        ("%", "€"),
        ("含税金额", "不含税金额"),
        ("राशि", "रेशे"),
        ("が", "か"),
        ("Jan 2026", "Jan 2025"),
    ],
)
def test_an_optional_field_that_is_not_there_is_null(
    dataset: Make, workbook: Write, parsed: Parse, declared: str, found: str
) -> None:
    outcome = parsed(workbook([["Order", found], ["A1", "x"]]), dataset(ORDER, _field(declared)))
    assert outcome.accepted == {2: ["A1", None]}
    (record,) = (one for one in outcome.records if one.code == "header.drift")
    assert record.severity == "warning"
    assert repr(found) in record.hint


def test_a_title_that_tells_fields_apart_or_has_no_values_is_no_other_one(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    in_euros, in_dollars = _field("Amount EUR", name="eur"), _field("Amount USD", name="usd")
    path = workbook([["Order", "Amount USD", "Amount GBP"], ["A1", "1", "2"]])
    assert parsed(path, dataset(ORDER, in_euros, in_dollars)).refusal is None
    one, several = _field("Remark", name="one"), _field("Remarks", name="several")
    path = workbook([["Order", "Remarks", "Remarks (old)"], ["A1", "1", "2"]])
    assert parsed(path, dataset(ORDER, one, several)).refusal is None
    path = workbook([["Order", "Amount (USD)"], ["A1", None]])
    assert parsed(path, dataset(ORDER, _field("Amount"))).refusal is None


def test_a_mapping_or_another_title_of_the_field_says_what_the_column_is(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    path = workbook([["Order", "Amount (USD)"], ["A1", "5"]])
    assert parsed(path, dataset(ORDER, _field("Amount", "Amount (USD)"))).accepted == {2: ["A1", "5"]}
    for field, value in (("value", "5"), (None, None)):
        mapping = {"titles": ["Order", "Amount (USD)"], "columns": {"Amount (USD)": field}}
        outcome = parsed(path, dataset(ORDER, _field("Amount"), mappings=[mapping]))
        assert outcome.accepted == {2: ["A1", value]}
