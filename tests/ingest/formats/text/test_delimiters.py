"""The delimiter of a text without titles, where values have other delimiters in them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from ingest.formats.text.dialect import Dialect
from ingest.formats.text.evidence import NUMBER, Evidence
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


TABBED = [
    ["2020010122001", "10.00", "a"],
    ["2020010122002", "11.50", "b"],
    ["2020010122003", "", "c"],
]


@pytest.mark.parametrize(("delimiter", "last", "end"), list(product(",;|", ["\t", ""], ["\n", "\r\n"])))
def test_tabs_behind_each_field_are_no_delimiters(delimiter: str, last: str, end: str) -> None:
    text = "".join(f"\t{delimiter}".join(row) + last + end for row in TABBED)
    assert find_dialect(text).dialect.delimiter == delimiter


@pytest.mark.parametrize("text", ["一\t,二\t\n三\t,四\t\n", "00123\t,large\t\n", "交易号\t,金额\t\n2020\t,1.00\t\n"])
def test_tabs_behind_texts_are_no_delimiters(text: str) -> None:
    assert find_dialect(text).dialect.delimiter == ","


@pytest.mark.parametrize("text", ["1,5\t\n0,75\t\n", "1,5\t2,5\t\n0,7\t3,5\t\n", "1,5\t\t2,5\n0,7\t\t3,5\n"])
def test_tabs_before_empty_fields_are_delimiters(text: str) -> None:
    assert find_dialect(text).dialect.delimiter == "\t"


@pytest.mark.parametrize("quoted", ['"b{0}c"', '"b{0} ""c"""', '"b{0}c{0} d"'])
@pytest.mark.parametrize(("delimiter", "titles"), list(product(",;|", [frozenset[str](), frozenset({"no", "size"})])))
def test_a_delimiter_within_quotes_has_no_space_to_stand_behind(
    delimiter: str, quoted: str, titles: frozenset[str]
) -> None:
    lines = [["no", "size"], ['"1"', quoted.format(delimiter)], [f'"2{delimiter}3"', "d"], ["4", "e"]]
    found = find_dialect("".join(f"{delimiter} ".join(line) + "\n" for line in lines), titles)
    assert found.dialect == Dialect(delimiter=delimiter, spaced=True)


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


def test_a_table_without_titles_is_split_at_what_stands_behind_its_tabs(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("".join("\t,".join(row) + "\t\r\n" for row in TABBED[:2]), encoding="utf-8", newline="")
    fields = [{"name": "no", "type": "string"}, {"name": "amount", "type": "decimal(9,2)"}]
    spec = dataset(*fields, {"name": "note", "type": "string"}, header={"mode": "none"})
    rows = [values[:2] for values in parsed(path, spec).accepted.values()]
    assert rows == [["2020010122001", "10.00"], ["2020010122002", "11.50"]]


def test_a_number_before_a_tab_tells_records_apart() -> None:
    dialect = Dialect(delimiter=",")
    evidence = Evidence(["no\t,note\t\n", *(f"{row}\t,a\t\n" for row in range(40))], dialect)
    assert evidence.is_record("7\t,b\t\n")
    assert not evidence.is_record("x\t,b\t\n")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize(
    "row",
    [
        ["1,5 m", "2,5 kg"],
        ["EUR 1.234,50", "CHF 2,50"],
        ["1'234,50 Fr.", "rot"],
        ["< 0,5", "1,5"],
        ["ca. 1,5", "21,5 °C"],
        ["N 52,5200", "E 13,4050"],
    ],
)
@pytest.mark.parametrize("titles", [[], ["Länge", "Gewicht"]])
def test_a_decimal_comma_beside_a_unit_is_no_delimiter(delimiter: str, row: list[str], titles: list[str]) -> None:
    sample = "".join(delimiter.join(line) + "\n" for line in (titles, row, row, row) if line)
    assert find_dialect(sample).dialect.delimiter == delimiter


@pytest.mark.parametrize("text", ["A1,5;6,7\nA2,6;7,8\n", "id,tags,n\nA,x 1;y 2,5\nB,x 3;y 4,6\n"])
def test_a_semicolon_in_a_field_beside_a_number_is_no_delimiter(text: str) -> None:
    assert find_dialect(text).dialect.delimiter == ","


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("sep=;;;\nA1;x;5\n", ";"),
        ("sep=;,,\nA1,x,5\n", ","),
        ("sep=; \t\nA1;x;5\n", ";"),
        ("\r\nsep=~\r\nA1~x,y~5\r\n", "~"),
        ("sep=,\nsku;size;qty\nA1;x,y;5\n", ";"),
        ("sep=;\nsku,note;size,qty\nA1,x;y,5\n", ","),
        ("sep=~\nsku~size~qty\nA1~x,y;z~5\n", "~"),
        ("sep=;\nsku\nA,1\n", ";"),
    ],
)
def test_a_line_that_declares_the_delimiter_is_none_of_the_table(text: str, delimiter: str) -> None:
    found = find_dialect(text, frozenset({"sku", "size", "qty"}))
    assert found.dialect.delimiter == delimiter
    assert text[: found.start].strip().startswith("sep=")
    assert "sep=" not in text[found.start :]


def test_two_delimiters_with_a_space_behind_them_have_it() -> None:
    assert find_dialect("sku, note\nA1, red\n").dialect == Dialect(delimiter=",", spaced=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("form", ['="{}"', '=("{}")', '=T("{}")'])
def test_titles_that_are_formulas_of_a_text_are_titles(delimiter: str, form: str) -> None:
    """What stands between them is `,="`, and no delimiter of several characters."""
    text = "".join(
        delimiter.join(map(form.format, row)) + "\n" for row in (["sku", "size", "qty"], ["00123", "M", "5"])
    )
    assert find_dialect(text, frozenset({"sku", "size", "qty"})).dialect.delimiter == delimiter
