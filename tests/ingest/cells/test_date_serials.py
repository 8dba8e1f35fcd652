"""Dates in ISO form are the same read one by one and as a whole column."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cells.cells import Kind
from ingest.cells.date_serials import iso_cell, iso_cells

ODD = [
    "2023-02-29", "2024-13-01", "0000-01-01", "1900-02-28", "1900-03-01", "2024-05-01T24:00:00", "2024-05-01T10:00:60",
    "2024-05-01T10:00", "2024-05-01T10:00:00Z", " 2024-05-01 ", "2024-05-01\n", "20240501", "", "x",
    "2024-05-01+08:00", "2024-05-01-05:00",
]  # fmt: skip
TEXTS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds")),
    st.datetimes().map(str),
    st.times().map(str),
    st.sampled_from(ODD),
)


@settings(deadline=None)
@given(texts=st.lists(TEXTS, max_size=9), date1904=st.booleans())
def test_a_column_of_dates_is_what_each_of_them_is(*, texts: list[str], date1904: bool) -> None:
    kinds, serials = iso_cells(pa.array(texts, pa.large_string()), date1904=date1904)
    expected = [iso_cell(text, date1904=date1904) for text in texts]
    assert list(zip(kinds.tolist(), serials.to_pylist(), strict=True)) == expected


@pytest.mark.parametrize(
    ("text", "serial"), [("2024-02-29", "45351"), ("2024-02-29T00:00:00", "45351"), ("2024-02-29T12:00:00", "45351.5")]
)
def test_serials_are_as_short_as_in_other_formats(text: str, serial: str) -> None:
    kind = Kind.DATETIME if "T" in text else Kind.DATE
    assert iso_cell(text, date1904=False) == (kind, serial)


@pytest.mark.parametrize(
    "text", ["2024-02-29+08:00", "2024-02-29-05:00", "2024-02-29Z", "2024-02-29_10:00", "20240229+08"]
)
def test_a_day_with_an_offset_from_utc_has_no_clock(text: str) -> None:
    assert iso_cell(text, date1904=False) == (Kind.MALFORMED, text)


def test_a_clock_stands_behind_a_letter_or_a_space() -> None:
    texts = ["2024-02-29T12:00", "2024-02-29t12:00", "2024-02-29 12:00"]
    assert [iso_cell(text, date1904=False) for text in texts] == [(Kind.DATETIME, "45351.5")] * 3
