"""Paths as lines of text: how they are spelt out, and what of that is read back."""

from __future__ import annotations

import pytest

from daemon.machine.file_identity import as_named, spelt


@pytest.mark.parametrize(
    "name",
    [
        "shop=北　京/x.csv",
        "été\u00a02026.xlsx",
        "می\u200cخواهم.xlsx",
        "👩\u200d💻.csv",
        "plain name (2).xlsx",
        "a\\new.xlsx",
        "",
    ],
)
def test_blanks_and_joiners_are_read_back(name: str) -> None:
    assert as_named(spelt(name)) == name


@pytest.mark.parametrize(
    ("name", "shown"), [("o\udcffrd.xlsx", r"o\udcffrd.xlsx"), ("two\nlines", r"two\nlines"), ("a\u2028b", r"a\u2028b")]
)
def test_what_is_no_text_or_begins_a_line_stays_spelt_out(name: str, shown: str) -> None:
    assert as_named(spelt(name)) == shown
