"""What a look at the bytes says of numbers in texts is what the pattern says that it stands for."""

from __future__ import annotations

import re

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.cells.number_text import plain_by_bytes, plainly_written

NUMBERS = st.from_regex(r"\A-?[0-9]{0,17}(\.[0-9]{0,5})?\Z")
ODD = st.text("0123456789-.", max_size=6) | st.sampled_from(
    ["", "-", ".", "1.2.3", "1..2", "--1", "5-", "x", "٣", "1 "]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(NUMBERS) | st.lists(NUMBERS | ODD), st.integers(0, 4), st.integers(0, 3))
@example(["1.5", "-0.25", "7", "-12", ".5", "5.", "-"], 2, 1)
def test_texts_are_plain_where_the_pattern_matches(texts: list[str], scale: int, skipped: int) -> None:
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    pattern = re.compile(rf"-?[0-9]{{1,{15 - scale}}}{fraction}", re.ASCII)
    column, plain = (
        pa.array(texts, pa.large_string())[skipped:],
        [bool(pattern.fullmatch(text)) for text in texts[skipped:]],
    )
    assert plainly_written(column, scale).tolist() == plain
    found = plain_by_bytes(column, scale)
    assert found is None or found.tolist() == plain


def test_usual_numbers_need_no_pattern() -> None:
    texts = pa.array(["1.5", "-0.25", "7", "-12", "100000000000000"], pa.large_string())
    assert plain_by_bytes(texts, 2) is not None
    assert plain_by_bytes(texts[2:], 0) is not None
    assert plain_by_bytes(pa.array(["1.5", "1,5"], pa.large_string()), 2) is None
