"""The quick look at how texts begin passes over none that a closer look would find."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.cells.arrow_masks import may_begin_with, truth

CHARACTERS = pa.array(
    [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000], pa.large_string()
)


def test_all_that_counts_as_white_space_is_found() -> None:
    white = truth(pc.equal(pc.utf8_trim_whitespace(CHARACTERS), ""))
    white |= truth(pc.match_substring_regex(CHARACTERS, r"^[\s\p{Z}]$"))
    assert white.sum() > 20
    found = may_begin_with(CHARACTERS)
    assert found[white].all()
    assert found.mean() < 0.1, "it says it of everything"


def test_words_empty_texts_and_parts_of_longer_columns() -> None:
    texts = pa.array(["-", "5", "", "NULL", "无", "中", " 7", None, "x"], pa.large_string())
    words = ("-", "无", "", "NULL")
    told = may_begin_with(texts, words)
    assert told[[0, 1, 2, 3, 4, 5, 6, 8]].tolist() == [True, False, True, True, True, False, True, False]
    for start in range(len(texts)):
        part = texts[start:]
        assert np.array_equal(may_begin_with(part, words)[: 7 - start], told[start:7])
    for none in (texts[:0], pa.array(["", ""], pa.large_string()), pa.nulls(2, pa.large_string())):
        assert may_begin_with(none).all()
