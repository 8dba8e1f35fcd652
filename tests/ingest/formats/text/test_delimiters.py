"""The delimiter of a text without titles, where values have other delimiters in them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from ingest.formats.text.evidence import NUMBER
from ingest.formats.text.find_dialect import find_dialect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [["1,5", "2,5"], ["0,75", "12,25"], ["3,0", "4,125"]]
WIDE = [["1,5", "-2,5", "3,75", "12.345,60"], ["0,75", "12,25", "", "1.000,00"], ["3,0", "4,125", "7,5 %", "(3,00)"]]


@pytest.mark.parametrize(("rows", "delimiter", "end"), list(product([ROWS, WIDE], "\t;|", ["\n", "\r\n"])))
def test_decimal_commas_are_no_delimiters(rows: list[list[str]], delimiter: str, end: str) -> None:
    text = "".join(delimiter.join(row) + end for row in rows)
    assert find_dialect(text).dialect.delimiter == delimiter


@pytest.mark.parametrize("row", ["\t00123,large,\t5", "00123\t,large,5", '"\t00123\t","large","5"', "\t00123,\t5"])
def test_tabs_that_keep_zeros_are_no_delimiters(row: str) -> None:
    assert find_dialect(f"{row}\n" * 3).dialect.delimiter == ","


def test_what_stands_on_both_sides_of_a_tab_is_no_number() -> None:
    assert [text for text in ("5\t2", "5 2", "\t5", "1\xa0000,5 €", "- 5", "5\t") if NUMBER.fullmatch(text)] == [
        "5 2",
        "\t5",
        "1\xa0000,5 €",
        "- 5",
    ]


def test_a_table_without_titles_is_split_at_its_tabs(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("".join("\t".join(row) + "\r\n" for row in ROWS), encoding="utf-8", newline="")
    fields = [{"name": name, "type": "decimal(9,3)", "decimalChar": ","} for name in ("a", "b")]
    spec = dataset(*fields, header={"mode": "none"})
    assert list(parsed(path, spec).accepted.values()) == [["1.500", "2.500"], ["0.750", "12.250"], ["3.000", "4.125"]]
