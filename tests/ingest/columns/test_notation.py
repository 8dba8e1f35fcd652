"""Numbers in texts: forms of negative ones, and no influence from outside."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING

import pytest

from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

AMOUNT = {"name": "v", "type": "decimal(12,2)"}


def test_a_dataset_says_once_how_its_negative_numbers_are_written(
    dataset: Make, workbook: Write, parsed: Parse
) -> None:
    spec = dataset({"name": "t", "type": "string"}, AMOUNT, negative=["parentheses", "minus"])
    rows = [["t", "v"], ["(1)", "(5)"], ["2-", "5-"], ["-3", "-5"], ["4", "7"]]
    outcome = parsed(workbook(rows), spec)
    assert outcome.accepted == {2: ["(1)", "-5.00"], 4: ["-3", "-5.00"], 5: ["4", "7.00"]}
    assert outcome.faults == [("B3", "cell.type")]


def test_a_field_has_its_own_way(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({**AMOUNT, "negative": "trailing"}, negative=["minus"])
    outcome = parsed(workbook([["v"], ["5-"], ["-5"]]), spec)
    assert (outcome.column(), outcome.faults) == (["-5.00"], [("A3", "cell.type")])


@pytest.mark.parametrize("field", [{"name": "v", "type": "string"}, {"name": "v", "type": "date"}])
def test_only_numbers_are_negative(dataset: Make, field: dict[str, str]) -> None:
    with pytest.raises(DocumentError, match="negative"):
        dataset({**field, "negative": "trailing"})


@pytest.mark.parametrize("negative", [[], ["behind"]])
def test_unknown_forms_are_refused(dataset: Make, negative: list[str]) -> None:
    with pytest.raises(DocumentError, match="negative"):
        dataset({**AMOUNT, "negative": negative})


@pytest.mark.parametrize("form", ["trailing", "parentheses"])
def test_signs_around_a_currency(dataset: Make, workbook: Write, parsed: Parse, form: str) -> None:
    texts = {"trailing": ["€5-", "5-€", "5€-", "5 € -"], "parentheses": ["(€5)", "€(5)", "(5 €)", "(5) €"]}
    wrong = ["-5", "€-5", "-€5", "(-5)", "-5-", "5--"]
    spec = dataset({**AMOUNT, "currency": "strip", "negative": form})
    outcome = parsed(workbook([["v"], *([text] for text in (*texts[form], *wrong))]), spec)
    assert outcome.column() == ["-5.00"] * 4
    assert [code for _, code in outcome.faults] == ["cell.type"] * len(wrong)


def test_no_value_depends_on_the_decimal_context(dataset: Make, workbook: Write, parsed: Parse) -> None:
    def check() -> list[list[str | None]]:
        spec = dataset(
            {
                "name": "a",
                "type": "decimal(38,10)",
                "constraints": {"enum": ["1234567890123456789.0123456789", "0.12345"]},
            },
            {
                "name": "b",
                "type": "decimal(38,12)",
                "percent": "fraction",
                "constraints": {"minimum": "-99999999999999"},
            },
            {"name": "c", "type": "number"},
        )
        rows = [["a", "b", "c"], ["1234567890123456789.0123456789", "12345678901234567.89012345%", 1234567.125]]
        return list(parsed(workbook([*rows, [0.12345, "0.000123%", "1234567.5"]]), spec).accepted.values())

    usual = check()
    assert usual[0] == ["1234567890123456789.0123456789", "123456789012345.678901234500", "1234567.125"]
    for precision, rounding in ((1, decimal.ROUND_UP), (3, decimal.ROUND_DOWN)):
        with decimal.localcontext(prec=precision, rounding=rounding, Emax=2, Emin=-2):
            assert check() == usual


def test_digits_without_end_are_a_fault_of_the_cell(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset({"name": "v", "type": "integer"})
    rows = [["v"], ["9" * 5000], ["0" * 5000 + "7"], ["-" + "0" * 30 + "9223372036854775808"], ["9223372036854775808"]]
    outcome = parsed(workbook(rows), spec)
    assert outcome.column() == ["7", "-9223372036854775808"]
    assert outcome.faults == [("A2", "cell.range"), ("A5", "cell.range")]
