"""Backslashes before the quotes within fields: taken for what they are where the quotes of the text prove it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.formats.text.backslashes import with_doubled_quotes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ...conftest import Parsed

TITLES = "sku,size,qty\n"
BOUNDED = settings(max_examples=300, deadline=None)


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        (r'"5\" pipe"', '"5"" pipe"'),
        (r'"pipe of 5\""', '"pipe of 5"""'),
        (r'"\""', '""""'),
        (r'"a \"b\", c"', '"a ""b"", c"'),
        (r'"C:\\\"x\""', '"C:\\""x"""'),
        (r'"{\"a\": \"x\\n\"}"', '"{""a"": ""x\\n""}"'),
        ('"5\\" pipe\\\nlong"', '"5"" pipe\nlong"'),
        (r'"5\" of \d+"', r'"5"" of \d+"'),
    ],
)
@pytest.mark.parametrize("rest", ["", "A2,b,6\n", '"A2",\\N,""\r\n', "A3,C:\\x,7\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_quotes_that_are_in_order_only_so(field: str, meant: str, rest: str, delimiter: str) -> None:
    fields = "sku,size,qty\nA1,{},5\n" + rest
    text = fields.replace(",", delimiter).format(field)
    assert with_doubled_quotes(text.encode()).decode() == fields.replace(",", delimiter).format(meant)


@pytest.mark.parametrize(
    "rows",
    [
        'A1,"5\\" pipe",5\nA2,"6"" pipe",6\n',
        'A1,"5\\" pipe",5\nA2,"6" pipe",6\n',
        'A1,"5\\" pipe",5\nA2,6" pipe,6\n',
        'A1,5\\" pipe,5\nA2,"a, b",6\n',
        'A1,"{""a"": ""x \\""y\\"" z""}",5\n',
        '"A1","C:\\a\\","5"\n"A2","D:\\b\\","6"\n',
        'A1,"C:\\b, c\\",6\n',
        'A1,5,"C:\\a\\"\nA2,6,"D:\\b\\"\n',
        'A1,"5\\" at \\\\host\\d",5\n',
        '"A1","it\\\'s 5\\" long","5"\n',
        'A1,"5\\" pipe',
    ],
)
def test_all_others_stay_as_they_are(rows: str) -> None:
    assert with_doubled_quotes((TITLES + rows).encode()).decode() == TITLES + rows


def test_fields_without_quotes_of_the_same_writer() -> None:
    rows = 'A1,5\\" pipe,5\nA2,"6\\" x, long",6\n\\"A3\\",C:\\\\d,\\"7\\"\n'
    meant = 'A1,"5"" pipe",5\nA2,"6"" x, long",6\n"""A3""",C:\\d,"""7"""\n'
    assert with_doubled_quotes((TITLES + rows).encode()).decode() == TITLES + meant


def rows_of(characters: str) -> st.SearchStrategy[list[tuple[str, str]]]:
    text = st.text(st.sampled_from(characters), max_size=6)
    return st.lists(st.tuples(text, text), min_size=1, max_size=5)


# A backslash in a field without quotes, which Python doubles, Spark does not.
@BOUNDED
@given(
    found=st.one_of(
        st.tuples(rows_of('ab",\\\n;大'), st.just(csv.QUOTE_ALL)),
        st.tuples(rows_of('ab",\n;大'), st.just(csv.QUOTE_MINIMAL)),
    )
)
def test_what_python_writes_is_read_or_left(found: tuple[list[tuple[str, str]], Any]) -> None:
    rows, quoting = found
    written = io.StringIO()
    csv.writer(written, quoting=quoting, doublequote=False, escapechar="\\", lineterminator="\n").writerows(rows)
    text = with_doubled_quotes(written.getvalue().encode()).decode()
    if text != written.getvalue():
        assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == [list(row) for row in rows]


def test_the_values_that_are_loaded(
    write: Callable[..., Path], parsed: Callable[[Path, Dataset], Parsed], dataset: Callable[..., Dataset]
) -> None:
    fields = [{"name": name, "type": "string"} for name in ("sku", "size", "qty")]
    found = parsed(write(TITLES + 'A1,"5\\" pipe, C:\\\\d",5\nA2,"he said \\"no\\"",6\n'), dataset(*fields))
    assert found.accepted == {2: ["A1", '5" pipe, C:\\d', "5"], 3: ["A2", 'he said "no"', "6"]}
    assert not found.records
