"""Numbers in texts: forms of negative ones, and no influence from outside."""

from __future__ import annotations

import decimal
import json
from itertools import product
from time import process_time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ingest.columns.currencies import money_marks, money_pattern
from ingest.columns.notation import plain_notation
from ingest.spec.dataset_file import parse_dataset
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


@pytest.mark.parametrize(
    ("field", "text", "read"),
    [
        (AMOUNT, "\u200e5.00\u202c", "5.00"),
        (AMOUNT, "\ufeff-5\u200b", "-5.00"),
        ({"name": "v", "type": "date", "format": "%d/%m/%Y"}, "\u200e1\u200e/\u200e2\u200e/\u200e2024", "2024-02-01"),
        ({"name": "v", "type": "boolean"}, "true\u200f", "t"),
    ],
)
def test_characters_that_cannot_be_seen_do_not_count(
    dataset: Make, workbook: Write, parsed: Parse, field: dict[str, str], text: str, read: str
) -> None:
    """Some browsers write dates with marks of direction, and what is pasted from pages and chats has others."""
    outcome = parsed(workbook([["v"], [text]]), dataset(field))
    assert (outcome.column(), outcome.faults) == ([read], [])


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("\u202d+49 151\u202c", "+49 151"),
        ("\u00a0\u200b 00123\ufeff", "00123"),
        ("A\u200bB", "A\u200bB"),
        ("\u200b", "\u200b"),
    ],
)
def test_an_identifier_is_without_what_cannot_be_seen_around_it(
    dataset: Make, workbook: Write, parsed: Parse, text: str, read: str
) -> None:
    """A copied number would be another key than the typed one; any other text stays as it is."""
    spec = dataset({"name": "v", "type": "string", "id": True}, {"name": "w", "type": "string"})
    assert parsed(workbook([["v", "w"], [text, text]]), spec).accepted == {2: [read, text]}


@pytest.mark.parametrize("text", ["5.-", "CHF 5.-", "5. -"])
def test_a_dash_for_no_cents_is_no_minus(dataset: Make, workbook: Write, parsed: Parse, text: str) -> None:
    spec = dataset({**AMOUNT, "negative": ["minus", "trailing"], "currency": "strip"})
    assert parsed(workbook([["v"], [text], ["5-"]]), spec).faults == [("A2", "cell.type")]


@pytest.mark.parametrize("text", ["\u00ad5", "\u200e", "5\u200e²"])
def test_what_may_be_a_sign_or_is_no_number_stays_none(
    dataset: Make, workbook: Write, parsed: Parse, text: str
) -> None:
    assert ("A2", "cell.type") in parsed(workbook([["v"], [text]]), dataset(AMOUNT)).faults


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


@pytest.mark.parametrize(
    ("declared", "text", "meant"),
    [
        ({"groupChar": ","}, "0,123", None),
        ({"groupChar": ","}, "000,123", None),
        ({"groupChar": ","}, "012,345", None),
        ({"groupChar": ","}, "-0,123", None),
        ({"groupChar": ",", "negative": ["parentheses"]}, "(0,123)", None),
        ({"groupChar": ",", "negative": ["trailing"]}, "0,123-", None),
        ({"groupChar": ",", "currency": "strip"}, "$0,123", None),
        ({"groupChar": ",", "percent": "fraction"}, "0,123%", None),
        ({"groupChar": ".", "decimalChar": ","}, "0.123,4", None),
        ({"groupChar": ".", "decimalChar": ","}, "00.123", None),
        ({"groupChar": ".", "decimalChar": ","}, "0,12", "0.12"),
        ({"groupChar": ","}, "0.12", "0.12"),
        ({"groupChar": ","}, "-1,000", "-1000.00"),
        ({"groupChar": ","}, "1,23,456", "123456.00"),
        ({"groupChar": ",", "currency": "strip"}, "-₹ 1,00,00,000.50", "-10000000.50"),
        ({"groupChar": ","}, "1,23,45", None),
        ({"groupChar": ","}, "123,45,678", None),
        ({"groupChar": ","}, "0,12,345", None),
        ({"groupChar": ".", "decimalChar": ","}, "1.23.456", None),
        ({"groupChar": ",", "negative": ["parentheses"]}, "(100,000.5)", "-100000.50"),
    ],
)
@pytest.mark.parametrize("kind", ["decimal(12,2)", "integer", "number"])
@pytest.mark.parametrize("beside", [1, 200])
def test_no_group_of_zeros_begins_a_number(  # noqa: PLR0917  # each a parameter of the test
    dataset: Make,
    workbook: Write,
    parsed: Parse,
    declared: dict[str, str],
    text: str,
    meant: str | None,
    kind: str,
    beside: int,
) -> None:
    spec = dataset({"name": "v", "type": kind, **declared})
    outcome = parsed(workbook([["v"], [text], *([number] for number in range(beside))]), spec)
    fraction = meant is not None and not meant.endswith(".00")
    if meant is None or (kind == "integer" and fraction):
        assert outcome.faults == [("A2", "cell.type")]
    else:
        assert float(outcome.column()[0] or "") == float(meant)


MARKS = {
    "in front": [
        *("CHF {}", "AED {}", "Fr. {}", "kr {}", "kr.{}", "US${}", "HK${}", "NT${}", "S${}", "A${}", "R${}", "R {}"),
        *("Rp {}", "zł{}", "GBP{}", "₿{}", "€ {}", "￥{}", "﷼ {}", "Rs.{}", "$US {}", "RMB {}"),
    ],
    "behind": [
        *("{} CHF", "{} kr", "{} zł", "{} Kč", "{}円", "{} лв", "{} руб.", "{} GBP", "{} JPY", "{} HKD"),
        *("{} TWD", "{}SGD", "{} ₺", "{} $US", "{} Fr.", "{}元", "{} HK$", "{} د.إ.", "{} Ft", "{} ₽"),
    ],
}


@pytest.mark.parametrize("where", MARKS)
def test_codes_and_signs_of_money_are_taken_off(dataset: Make, workbook: Write, parsed: Parse, where: str) -> None:
    spec = dataset({**AMOUNT, "currency": "strip", "negative": ["minus", "parentheses"]})
    forms = MARKS[where]
    texts = [form.format(number) for form in forms for number in ("5", "0.50", "1234.5")]
    signed = [f"-{form.format('5')}" for form in forms] + [f"({form.format('5')})" for form in forms]
    outcome = parsed(workbook([["v"], *([text] for text in (*texts, *signed))]), spec)
    assert outcome.faults == []
    assert outcome.column() == ["5.00", "0.50", "1234.50"] * len(forms) + ["-5.00"] * len(signed)


def test_no_other_letters_are_taken_off(dataset: Make, workbook: Write, parsed: Parse) -> None:
    wrong = ["aed 5", "5 usd", "XYZ 5", "5K", "5 M$", "5K$", "AUSD 5", "5 USDX", "5 kg", "USD", "USD USD 5", "5 k€"]
    outcome = parsed(workbook([["v"], ["1"], *([text] for text in wrong)]), dataset({**AMOUNT, "currency": "strip"}))
    assert outcome.column() == ["1.00"]
    assert [code for _, code in outcome.faults] == ["cell.type"] * len(wrong)


def test_money_of_many_kinds_is_read_as_each_alone() -> None:
    field = parse_dataset(
        json.dumps(
            {
                "dataset": "d",
                "fields": [{**AMOUNT, "currency": "strip", "negative": ["minus", "trailing"]}],
                "load": {"table": "t"},
            }
        ),
        "d.yml",
    ).fields[0]
    around = [f"{first}{second}{third}" for first, second, third in product("ACEGHKMNRSUX", "EADR$", "DFRY")]
    forms = ("{}5", "5 {}", "-{}5", "{} .5", "5.{}", "{}5{}", "5{}-")
    texts = [form.replace("{}", sign) for sign in (*around, "kr", "Fr.", "S/", "€", "US$") for form in forms]
    together = plain_notation(pa.array(texts, pa.large_string()), field).to_pylist()
    for text, read in zip(texts, together, strict=True):
        assert plain_notation(pa.array([text], pa.large_string()), field).to_pylist() == [read], text


@pytest.mark.parametrize("text", ["x" * 20_000, "(" * 20_000 + "x", "-" + " \t" * 10_000 + "x", "€" * 20_000])
def test_no_text_takes_long_to_be_no_money(dataset: Make, text: str) -> None:
    began = process_time()
    money_marks(text)
    money_pattern([text])
    field = dataset({**AMOUNT, "currency": "strip"}).fields[0]
    texts = [text, "5 €", "CHF 7"]
    assert plain_notation(pa.array(texts, pa.large_string()), field).to_pylist() == [text.strip(), "5", "7"]
    assert process_time() - began < 1, "seconds of this process"
