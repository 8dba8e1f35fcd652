"""References in texts, worked on all at once: each text is what it is by itself."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ingest.errors import FileRejectedError
from ingest.formats.zip.xml_text import plain_texts

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
}


def plain(raw: list[str]) -> list[str]:
    found: list[str] = plain_texts(pa.array(raw, pa.large_string()), np.zeros(len(raw), np.bool_)).to_pylist()
    return found


def test_references_line_ends_and_escapes() -> None:
    assert plain(list(CASES)) == list(CASES.values())
    assert [plain([raw]) for raw in CASES] == [[text] for text in CASES.values()]


@pytest.mark.parametrize("zero", ["&#0;", "&#x0;", "\0"])
def test_the_character_zero_stays_in_its_text(zero: str) -> None:
    assert plain(["a&amp;", f"b{zero}c&amp;", "&#100;"]) == ["a&", "b\0c&", "d"]


@pytest.mark.parametrize("reference", ["&", "&nbsp;", "&#;", "&#xD800;", "&#1114112;", "&lt", "a&b;"])
def test_what_is_no_reference_refuses_the_file(reference: str) -> None:
    with pytest.raises(FileRejectedError, match="corrupt_xml"):
        plain(["fine &amp; good", reference])
