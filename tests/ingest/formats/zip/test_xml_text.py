"""References in texts, worked on all at once: each text is what it is by itself."""

from __future__ import annotations

from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.formats.zip.xml_text import parse_xml, plain_texts, refuse_no_memory

CASES = {
    "&#24453;&#x53D1;&#36135;": "待发货",
    "a &lt; b &amp;&amp; c &gt; d": "a < b && c > d",
    "&quot;&apos;": "\"'",
    "&amp;lt;": "&lt;",
    "one\r\ntwo\rthree": "one\ntwo\nthree",
    " &#32;edge ": "edge",
    "_x000D_&#95;x0041_": "\rA",
    "plain": "plain",
    "": "",
    "&#128512;": "😀",
    "&#x1F600;&#233;&#x20AC;&#8364;": "😀é€€",
    "&#000000000065;&#x0000000041;&#x4E2d;": "AA中",
    "&#38;lt; &#13;\r\n&#38;#60;": "&lt; \r\n&#60;",
    " _x0020_ &#9;": " ",
}

TOKENS = (
    *("&lt;", "&gt;", "&amp;", "&quot;", "&apos;", "&#38;", "&#x26;", "&#9;", "&#10;", "&#13;", "&#32;", "&#65;"),
    *("&#127;", "&#128;", "&#2047;", "&#2048;", "&#x7FF;", "&#x800;", "&#24215;", "&#xFFFD;", "&#65533;", "&#65536;"),
    *("&#99999;", "&#128512;", "&#1114111;", "&#x10FFFF;", "&#x1f600;", "&#0000000065;", "&#x00000000041;"),
    *("\r", "\n", "\r\n", "a", ";", "#", "1", "é", "中", "😀", "nine more!"),
)
"""Of every length that a reference or a character may have."""


def plain(raw: list[str]) -> list[str]:
    found: list[str] = plain_texts(pa.array(raw, pa.large_string()), np.zeros(len(raw), np.bool_)).to_pylist()
    return found


def test_references_line_ends_and_escapes() -> None:
    assert plain(list(CASES)) == list(CASES.values())
    assert [plain([raw]) for raw in CASES] == [[text] for text in CASES.values()]


@given(st.lists(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join), max_size=6))
def test_every_text_is_what_a_parser_makes_of_it(raw: list[str]) -> None:
    found = plain_texts(pa.array(raw, pa.large_string()), np.ones(len(raw), np.bool_))
    assert found.to_pylist() == [parse_xml(f"<t>{text}</t>".encode(), "a part").text or "" for text in raw]


@pytest.mark.parametrize("zero", ["&#0;", "&#x0;", "\0"])
def test_the_character_zero_stays_in_its_text(zero: str) -> None:
    assert plain(["a&amp;", f"b{zero}c&amp;", "&#100;"]) == ["a&", "b\0c&", "d"]


def test_a_line_end_does_not_reach_into_the_next_text() -> None:
    assert plain(["one\r", "\ntwo\r\n", "\rthree&amp;"]) == ["one", "two", "three&"]
    kept = plain_texts(pa.array(["one\r", "\ntwo\r\n"], pa.large_string()), np.ones(2, np.bool_))
    assert kept.to_pylist() == ["one\n", "\ntwo\n"]


def test_texts_cut_out_of_others_are_read_by_themselves() -> None:
    raw = pa.array(["&amp;", " a&#20013; ", "b\r", "&"], pa.large_string())
    assert plain_texts(raw[1:3], np.zeros(2, np.bool_)).to_pylist() == ["a中", "b"]


@pytest.mark.parametrize("texts", [["&am", "p;"], ["a&#20013", ";"], ["&#x4e2d", ";"]])
def test_no_reference_goes_on_in_the_next_text(texts: list[str]) -> None:
    with pytest.raises(FileRejectedError, match="begins no known reference"):
        plain(texts)


@pytest.mark.parametrize(
    "reference",
    ["&", "&nbsp;", "&#;", "&#x;", "&#xD800;", "&#1114112;", "&lt", "a&b;", f"&#{'9' * 5000};", "&#12a;", "&#x4g;"],
)
def test_what_is_no_reference_refuses_the_file(reference: str) -> None:
    with pytest.raises(FileRejectedError, match="corrupt_xml"):
        plain(["fine &amp; good", reference])


def test_a_parser_without_memory_blames_no_part() -> None:
    error = expat.ExpatError("out of memory: line 1, column 0")
    error.code = expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]
    with pytest.raises(MemoryError):
        refuse_no_memory(error)
    error.code = expat.errors.codes[expat.errors.XML_ERROR_SYNTAX]
    refuse_no_memory(error)
    refuse_no_memory(ValueError("no code"))
