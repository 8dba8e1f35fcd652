"""Delimiters that are none of the usual ones: where titles or all lines tell them, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.formats.text.find_dialect import find_dialect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ...conftest import Parsed

TITLES = frozenset({"sku", "size", "qty"})
ROWS = 'sku,size,qty\nA1,"1,5 m",5\nA3,"a {} b",7\n'


def with_delimiter(delimiter: str, rows: str = ROWS) -> str:
    """Return rows with another delimiter, which stands in a field as well."""
    parts = rows.split('"')
    parts[0::2] = [part.replace(",", delimiter) for part in parts[0::2]]
    return '"'.join(parts).format(delimiter)


@pytest.mark.parametrize("delimiter", "^~¦§¬#@:*")
@pytest.mark.parametrize("above", ["", "Report May, 2026\n\n"])
def test_titles_tell_the_delimiter(
    dataset: Callable[..., Dataset],
    write: Callable[..., Path],
    parsed: Callable[..., Parsed],
    above: str,
    delimiter: str,
) -> None:
    fields = [{"name": name, "type": "string"} for name in ("sku", "size", "qty")]
    outcome = parsed(write(above + with_delimiter(delimiter)), dataset(*fields))
    assert outcome.lines[0][1] == ["A1", "1,5 m", "5"]
    assert outcome.lines[1][1] == ["A3", f"a {delimiter} b", "7"]


@pytest.mark.parametrize("delimiter", ["~|~", "::", "@@@", "#~#"])
def test_one_of_several_characters_is_named(
    dataset: Callable[..., Dataset], write: Callable[..., Path], parsed: Callable[..., Parsed], delimiter: str
) -> None:
    text = "sku,size,qty\nA1,t,5\nA2,u,6\n".replace(",", delimiter)
    outcome = parsed(write(text), dataset({"name": "sku", "type": "string"}, {"name": "size", "type": "string"}))
    assert outcome.refusal == "file.format_unknown"
    assert repr(delimiter) in outcome.records[0].message


@pytest.mark.parametrize(
    "text",
    [
        "Filter: sku/size\nno,text\nA1,b\nA2,c\n",
        "no,text\nsku ~ size,b\nA1,c\nA2,d\n",
        "sku,size,qty\nA1^x^y,t,5\nA2^x^y,u,6\n",
        "sku^x^size,qty\nA1,5\nA2,6\n",
    ],
)
def test_a_sign_between_titles_alone_is_none(text: str) -> None:
    assert find_dialect(text, TITLES).dialect.delimiter == ","


@pytest.mark.parametrize("delimiter", "^~¦§¬\x01\x1f")
@pytest.mark.parametrize("titles", [frozenset[str](), TITLES])
def test_without_titles_all_lines_tell_it(delimiter: str, titles: frozenset[str]) -> None:
    text = "sku,size,qty\nA1,t,5\nA2,u,6\n".replace(",", delimiter)
    assert find_dialect(text, titles).dialect.delimiter == delimiter


@pytest.mark.parametrize(
    "text",
    ["Room\nA~1\nB~2\n", "a~b~c\n", "x^2\ny^3\n", "Text\n~ 5 ~ 6\n~ 7 ~ 8\n", "a:b:c\nd:e:f\n", "1,5^2\n1,6^3\n"],
)
def test_a_text_of_one_column_stays_one(text: str) -> None:
    assert find_dialect(text).dialect.delimiter in ",;"
