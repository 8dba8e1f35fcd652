"""The same value in every format is loaded as the same value, or fails with the same code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cell_writers import OF_ANY_TEXT, OF_TEXTS, TITLE, WRITERS, Cell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.spec.titles import normal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Parse = Callable[[Path, Dataset], Parsed]

NUMBERS = [{"type": "integer"}, {"type": "number"}, {"type": "decimal(18,4)"}]
STRING = {"type": "string"}
ID = {"type": "string", "id": True}
DAY = "46143"


def text(raw: str) -> Cell:
    return Cell("text", raw)


def number(raw: str, form: str = "General", shown: str | None = None) -> Cell:
    return Cell("number", raw, form, shown)


def outcomes(
    fields: list[dict[str, Any]], cells: list[Cell], folder: Path, dataset: Make, parsed: Parse
) -> dict[str, list[list[str]]]:
    """Return what each cell becomes in each format that can hold it, a value or a code, for each of the fields."""
    found: dict[str, list[list[str]]] = {}
    for name, write in WRITERS.items():
        real = name in OF_ANY_TEXT or all(cell.is_plain and cell.kind != "iso" for cell in cells)
        booleans = name in OF_ANY_TEXT or all(cell.raw in ("0", "1") for cell in cells if cell.kind == "boolean")
        if not (real and booleans):
            continue
        write(folder / name, cells)
        found[name] = []
        for field in fields:
            outcome = parsed(folder / name, dataset({"name": TITLE, **field}))
            codes = {cell: code for cell, code in outcome.faults if cell is not None}
            rows = range(2, len(cells) + 2)
            found[name].append([codes.get(f"A{row}") or str(outcome.accepted.get(row)) for row in rows])
    assert len(found) >= 4
    return found


def assert_all_same(found: dict[str, list[list[str]]], expected: list[list[str]] | None = None) -> None:
    for name, values in found.items():
        assert (name, values) == (name, expected or next(iter(found.values())))


CASES: dict[str, tuple[list[dict[str, Any]], list[Cell], list[list[str]] | None]] = {
    "numbers": (
        [*NUMBERS, STRING],
        [number("5"), number("-7.5"), number("0.1"), number("1234567.125"), number("0")],
        [
            ["['5']", "cell.type", "cell.type", "cell.type", "['0']"],
            ["['5']", "['-7.5']", "['0.1']", "['1234567.125']", "['0']"],
            ["['5.0000']", "['-7.5000']", "['0.1000']", "['1234567.1250']", "['0.0000']"],
            ["['5']", "['-7.5']", "['0.1']", "['1234567.125']", "['0']"],
        ],
    ),
    "numbers that are none": (
        NUMBERS,
        [
            number(raw)
            for raw in ("NaN", "INF", "-inf", "infinity", "1_000", "1,5", "١٢٣", "NULL", "1.2.3", "--5", "0x1F")
        ],
        [["cell.type"] * 11] * 3,
    ),
    "texts that are no numbers": (
        NUMBERS,
        [
            text(raw)
            for raw in ("NaN", "inf", "1_000", "١٢٣", "10²", "①", "½", "123-", "(123)", "Ⅷ", "1,5", "12%", "--5")
        ],
        [["cell.type"] * 13] * 3,
    ),
    "texts that are numbers": (
        [{"type": "decimal(9,2)"}],
        [text(raw) for raw in ("12", "−12.50", "-12.5", "１２．５", "+5", ".5", "5.", "007")],
        [["['12.00']", "['-12.50']", "['-12.50']", "['12.50']", "['5.00']", "['0.50']", "['5.00']", "['7.00']"]],
    ),
    "negative in other forms": (
        [{**kind, "negative": ["trailing", "parentheses"]} for kind in NUMBERS[:1]],
        [text(raw) for raw in ("123-", "(123)", "( 123 )", "-123", "(-123)", "(123-)", "123", "−123", "123 -")],
        [["['-123']"] * 3 + ["cell.type"] * 3 + ["['123']", "cell.type", "['-123']"]],
    ),
    "thin spaces": (
        [{"type": "decimal(9,2)", "decimalChar": ",", "groupChar": " "}],
        [text(f"123{space}456,78") for space in (" ", "\u00a0", "\u2009", "\u202f", "\u2007")],
        [["['123456.78']"] * 5],
    ),
    "percent": (
        [{"type": "decimal(9,6)", "percent": "fraction"}],
        [text("12.5%"), text("12 %"), text("-0.0001%"), text("%")],
        [["['0.125000']", "['0.120000']", "['-0.000001']", "cell.type"]],
    ),
    "booleans": (
        [{"type": "boolean"}],
        [Cell("boolean", "1", shown="TRUE"), Cell("boolean", "0", shown="FALSE")],
        [["['t']", "['f']"]],
    ),
    "words for booleans": (
        [{"type": "boolean"}],
        [Cell("boolean", raw) for raw in ("true", "False", "TRUE", "fAlSe", "0", "1")],
        [["['t']", "['f']", "['t']", "['f']", "['f']", "['t']"]],
    ),
    "booleans that are none": (
        [{"type": "boolean"}],
        [Cell("boolean", raw) for raw in ("00", "0.0", "banana", "2", "-1", "yes", "t", "1.0")],
        [["cell.type"] * 8],
    ),
    "dates": (
        [{"type": "date"}, {"type": "datetime"}, {"type": "string"}],
        [number(DAY, form, "2026-05-01") for form in ("yyyy-mm-dd", "[$-804]yyyy/m/d;@", '[=0]"-";d.m.yyyy')],
        [["['2026-05-01']"] * 3, ["['2026-05-01 00:00:00']"] * 3, ["['2026-05-01']"] * 3],
    ),
    "dates and times": (
        [{"type": "datetime"}, {"type": "date"}],
        [number("46143.25", "yyyy-mm-dd hh:mm", "2026-05-01T06:00:00")],
        [["['2026-05-01 06:00:00']"], ["cell.type"]],
    ),
    "times": (
        [{"type": "time"}],
        [number("0.25", "hh:mm", "06:00"), number("0.5", "h:mm:ss", "12:00:00")],
        [["['06:00:00']", "['12:00:00']"]],
    ),
    "offsets": (
        [
            {"type": "datetime"},
            {"type": "datetime", "timezone": "Asia/Shanghai"},
            {"type": "date"},
            {"type": "date", "timezone": "Asia/Shanghai"},
        ],
        [
            Cell(kind, raw)
            for kind in ("iso", "text")
            for raw in ("2026-05-01T10:00:00+08:00", "2026-05-01T23:30:00-05:00", "2026-05-01T16:00:00Z")
        ],
        [
            ["['2026-05-01 02:00:00']", "['2026-05-02 04:30:00']", "['2026-05-01 16:00:00']"] * 2,
            ["['2026-05-01 02:00:00+00:00']", "['2026-05-02 04:30:00+00:00']", "['2026-05-01 16:00:00+00:00']"] * 2,
            ["cell.type"] * 6,
            ["cell.type", "cell.type", "['2026-05-02']"] * 2,
        ],
    ),
    "dates before Excel's": (
        [{"type": "date"}],
        [Cell("iso", "1850-02-03"), text("1850-02-03"), Cell("iso", "1900-01-01")],
        [["['1850-02-03']", "['1850-02-03']", "['1900-01-01']"]],
    ),
    "dates that are none": (
        [{"type": "date"}, {"type": "datetime"}],
        [Cell("iso", raw) for raw in ("2026-02-30", "banana", "2026-13-01")],
        [["cell.type"] * 3] * 2,
    ),
    "identifiers": (
        [ID],
        [
            number("1067", "00000", "01067"),
            number("23", "00000", "00023"),
            number("1067", "000-000", "001-067"),
            number("1067"),
            text("00123"),
            text("\t00123 "),
            text("5E2"),
            text("7E10"),
            text("1.23457E+17"),
            text("1E+05"),
        ],
        [
            ["['01067']", "['00023']", "['001-067']", "['1067']", "['00123']", "['00123']", "['5E2']", "['7E10']"]
            + ["cell.scientific_id"] * 2
        ],
    ),
    "zeros of what is no identifier": ([STRING], [number("1067", "00000", "1067")], [["['1067']"]]),
    "nothing": ([STRING, *NUMBERS], [Cell("empty"), number("1")], [["None", "['1']"]] * 3 + [["None", "['1.0000']"]]),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_value(name: str, tmp_path: Path, dataset: Make, parsed: Parse) -> None:
    fields, cells, expected = CASES[name]
    found = outcomes(fields, cells, tmp_path, dataset, parsed)
    if name == "nothing":
        # A row of delimited text and of a page has its other cell.
        found = {writer: values for writer, values in found.items() if writer not in OF_TEXTS}
    assert_all_same(found, expected)


plain_texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"]), min_size=1
)
typed = st.one_of(
    st.integers(-(10**14), 10**14).map(lambda value: number(str(value))),
    st.decimals(-(10**9), 10**9, places=4, allow_nan=False).map(lambda value: number(str(value), shown=f"{value:f}")),
    st.sampled_from([Cell("boolean", "1", shown="TRUE"), Cell("boolean", "0", shown="FALSE")]),
    st.from_regex(r"[-+(]?[0-9０-９٣²_]{1,6}[.,]?[0-9]{0,3}[-)%]?", fullmatch=True).map(text),
    # A value that is the title again is another header, and refuses the file or not by what stands beside it.
    plain_texts.filter(
        lambda raw: raw.strip() == raw and not raw.startswith(("=", "_x")) and normal(raw) != normal(TITLE)
    ).map(text),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(typed, min_size=5, max_size=15), st.sampled_from([*NUMBERS, {"type": "boolean"}, {"type": "date"}]))
def test_any_value(tmp_path: Path, dataset: Make, parsed: Parse, cells: list[Cell], field: dict[str, Any]) -> None:
    assert_all_same(outcomes([field], cells, tmp_path, dataset, parsed))
