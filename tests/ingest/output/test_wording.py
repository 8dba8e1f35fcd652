"""Messages about cells: the value that stands there, why it is none, and what is wanted."""

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

DATES = ["%Y-%m-%d", "%d.%m.%Y"]
COLOURS = ["red", "green", "blue"]


@pytest.mark.parametrize(
    ("field", "value", "message", "hint"),
    [
        (
            {"type": "date", "format": DATES},
            "2024-02-31",
            "2024-02-31 is no date: wanted e.g. 2024-02-28 or 28.02.2024",
            "enter a value",
        ),
        ({"type": "date"}, "soon", "soon is no date: wanted e.g. 2024-02-28", "enter"),
        ({"type": "time", "format": "%H:%M"}, "noon", "noon is no time of day: wanted e.g. 16:30", "enter"),
        ({"type": "integer"}, "many", "many is no whole number: wanted e.g. 1250", "enter"),
        ({"type": "integer"}, 1.5, "1.5 is no whole number: wanted e.g. 1250", "enter"),
        (
            {"type": "decimal(9,2)", "decimalChar": ",", "groupChar": "."},
            "x",
            "x is no number: wanted e.g. 1.250,50",
            "enter",
        ),
        (
            {"type": "boolean", "trueValues": "ja", "falseValues": "nein"},
            "yes",
            "yes is no truth value: wanted ja or nein",
            "enter",
        ),
        ({"type": "integer", "constraints": {"minimum": 1}}, 0, "0 is too small: at least 1", "bounds"),
        (
            {"type": "string", "constraints": {"minLength": 3}},
            "ab",
            "ab is too short: at least 3 characters",
            "length",
        ),
        (
            {"type": "string", "constraints": {"enum": COLOURS}},
            "Gren",
            "Gren is none of the allowed values: red, green, blue",
            "did you mean green?",
        ),
        (
            {"type": "string", "constraints": {"enum": [*COLOURS, *(f"{n}" for n in range(99))]}},
            "Gren",
            "Gren is none of the allowed values: green",
            "did you mean green?",
        ),
        (
            {"type": "string", "constraints": {"pattern": "[A-Z]+"}},
            "x" * 50,
            f"{'x' * 40}... is not of the form [A-Z]+",
            "form",
        ),
        (
            {"type": "string", "constraints": {"pattern": "[A-Z]+"}},
            "AB\u00a0",
            "AB is not of the form [A-Z]+; it has characters that cannot be seen: U+00A0 NO-BREAK SPACE",
            "form",
        ),
        (
            {"type": "string", "constraints": {"enum": ["very red"]}},
            "very\u200b  red ",
            (
                "very\u200b red is none of the allowed values: very red; it has characters that cannot be seen: "
                "U+200B ZERO WIDTH SPACE, U+0020 SPACE"
            ),
            "very red",
        ),
        ({"type": "date"}, " soon ", "soon is no date: wanted e.g. 2024-02-28", "enter"),
    ],
)
def test_a_message_says_what_is_wanted(
    dataset: Make, workbook: Write, parsed: Parse, *, field: dict[str, Any], value: object, message: str, hint: str
) -> None:
    spec = dataset({"name": "other", "type": "string"}, {"name": "value", **field})
    [record] = parsed(workbook([["other", "value"], ["x", value], ["y", None]]), spec).records
    assert record.message == message
    assert hint in record.hint


def test_what_all_rows_have_wrong_is_said_once_on_top(dataset: Make, workbook: Write, parsed: Parse) -> None:
    amount = {"name": "amount", "type": "decimal(9,2)", "header": ["Betrag"]}
    path = workbook([["no", "Betrag"], *[[f"A{n}", f"{n},5"] for n in range(30)]])
    outcome = parsed(path, dataset({"name": "no", "type": "string"}, amount))
    rejection = outcome.report.rejection
    assert rejection is not None
    assert rejection.message.startswith(
        "every row fails alike in field amount ('Betrag'), as B2: 0,5 is no number: wanted e.g. 1250.50; all 30 rows"
    )
    assert "correct the field in the dataset" in rejection.hint
    assert outcome.report.errors[0] == rejection


def test_errors_come_before_what_is_only_told(dataset: Make, workbook: Write, parsed: Parse) -> None:
    count = {"name": "count", "type": "integer", "onError": "null_value"}
    other = {"name": "other", "type": "integer"}
    path = workbook([["count", "other"], ["bad", 1], [2, 2], [3, "bad"], [4, "4"]])
    outcome = parsed(path, dataset(count, other))
    assert [record.severity for record in outcome.report.errors] == ["error", "warning", "info"]
    assert [record.row for record in outcome.records] == [4, 2]


def test_an_unknown_key_of_a_dataset_is_answered_with_the_nearest(dataset: Make) -> None:
    with pytest.raises(Exception, match=r"constraints\.requird: unknown key; did you mean required\?"):
        dataset({"name": "a", "type": "string", "constraints": {"requird": True}})
    with pytest.raises(Exception, match=r"quarantin: unknown key; did you mean quarantine\?"):
        dataset({"name": "a", "type": "string"}, quarantin={})
