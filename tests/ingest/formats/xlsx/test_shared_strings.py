"""Shared strings are what an XML parser makes of them, in whatever form a writer puts them down."""

from __future__ import annotations

from typing import Final
from xml.parsers import expat

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.formats.xlsx.shared_strings import by_stretches, shared_strings
from ingest.formats.xlsx.string_list import StringListReader

HEADS: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<sst xmlns="x" count="3">',
    "<sst>",
    '<sst xml:space="preserve">\n',
    '<x:sst xmlns:x="y">',
)
SPACES: Final = st.sampled_from(["", "", "\n  ", "\t"])
TEXTS: Final = st.one_of(
    st.sampled_from(["", " a ", "&lt;b&gt; &amp; &#20013;", "_x000D_x_x4e2d_", "line\r\nbreak", "订单 > 3", "a" * 40]),
    st.text(st.characters(codec="utf-8", exclude_characters="<&\r", exclude_categories=("Cc", "Cs")), max_size=12),
)
ATTRIBUTES: Final = st.sampled_from(
    ["", ' xml:space="preserve"', " xml:space='preserve'", ' xml:space="default"', '\n a="1>2" xml:space="preserve" ']
)
FONTS: Final = st.sampled_from(
    ["", '<rPr><sz val="11"/><color rgb="FF000000"/></rPr>', "<rPr><b/><vertAlign></vertAlign></rPr>"]
)
UNUSUAL: Final = (
    "<!-- <si><t>no</t></si> -->",
    "<si><t><![CDATA[<t>]]></t></si>",
    "<?pi <t> ?>",
    "<si><t>a<b>c</b>d</t></si>",
    "<si><t>a</t><t>b</t></si>",
    "<si><t>a</t><si><t>b</t></si></si>",
    "<si><y:t>other</y:t></si>",
    "<t>nowhere</t>",
    "<si><r><rPh><t>x</t></rPh><t>y</t></r></si>",
    "<si>stray<t>a</t>stray</si>",
    "<si><t>not closed</si>",
    "<si><t>a</t></si></sst><sst><si><t>b</t></si>",
    "<si><t a=1>b</t></si>",
    "<si><tab/><t>b</t></si>",
)


@st.composite
def _node(draw: st.DrawFn) -> str:
    if draw(st.integers(0, 9)) == 0:
        return f"<t{draw(ATTRIBUTES)}/>"
    return f"<t{draw(ATTRIBUTES)}>{draw(TEXTS)}</t>"


@st.composite
def _string(draw: st.DrawFn) -> str:
    space = draw(SPACES)
    if (kind := draw(st.integers(0, 9))) == 0:
        return draw(st.sampled_from(["<si/>", "<si></si>", "<si> </si>"]))
    runs = [f"<r>{draw(FONTS)}{draw(_node())}</r>" for _ in range(draw(st.integers(1, 3)))] if kind > 5 else []
    inner = space.join(runs or [draw(_node())])
    if draw(st.booleans()):
        inner += f'{space}<rPh sb="0" eb="1"><t>シ</t></rPh><phoneticPr fontId="1"/>'
    attribute = draw(st.sampled_from(["", "", ' id="1"']))
    return f"<si{attribute}>{inner}{space}</si>{space}"


def _list(head: str, strings: list[str]) -> bytes:
    prefix = "x:" if head.startswith("<x:") else ""
    body = "".join(strings)
    if prefix:
        for name in ("si", "t", "r", "rPr", "rPh"):
            for end in (">", " ", "/>", "\n"):
                body = body.replace(f"<{name}{end}", f"<x:{name}{end}").replace(f"</{name}>", f"</x:{name}>")
    return f"{head}{body}</{prefix}sst>".encode()


def _parsed(content: bytes) -> list[str] | None:
    reader = StringListReader()
    try:
        reader.read(content, whole=True)
    except expat.ExpatError:
        return None
    return reader.texts


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(HEADS), st.lists(_string(), min_size=1, max_size=12))
def test_strings_are_what_a_parser_reads(head: str, strings: list[str]) -> None:
    content = _list(head, strings)
    assert shared_strings(content, "strings.xml").to_pylist() == _parsed(content)


@pytest.mark.parametrize("unusual", UNUSUAL)
@settings(max_examples=25, deadline=None)
@given(before=st.lists(_string(), max_size=3), after=st.lists(_string(), max_size=3))
def test_unusual_ones_are_read_or_refused_as_a_parser_does(unusual: str, before: list[str], after: list[str]) -> None:
    content = _list(HEADS[0], [*before, unusual, *after])
    expected = _parsed(content)
    if expected is not None:
        assert shared_strings(content, "strings.xml").to_pylist() == expected
        return
    with pytest.raises(FileRejectedError) as refusal:
        shared_strings(content, "strings.xml")
    assert refusal.value.record.code == "file.corrupt_xml"


@given(
    st.lists(
        st.sampled_from(
            [
                "<si><t>plain</t></si>",
                '<si><t xml:space="preserve"> kept </t></si>',
                '<si><r><rPr><sz val="11"/></rPr><t>rich</t></r><r><t xml:space="preserve"> text</t></r></si>',
                '<si><t>課きく</t><rPh sb="0" eb="1"><t>カ</t></rPh><phoneticPr fontId="1"/></si>',
                "<si><t>&lt;tag&gt;_x000D_</t></si>",
            ]
        ),
        min_size=1,
        max_size=30,
    )
)
@example(["<si><t/></si>", "<si><t>a</t></si>"])
def test_common_forms_need_no_parser_of_the_whole(strings: list[str]) -> None:
    content = _list(HEADS[0], strings)
    found = by_stretches(content, "strings.xml")
    assert found is not None
    assert found.to_pylist() == _parsed(content)


@pytest.mark.parametrize("size", [(1 << 18) + 10, (1 << 18) + 1000])
def test_a_prefix_may_be_long(size: int) -> None:
    prefix = "x" * 99
    begin, end = (
        f'<{prefix}:sst xmlns:{prefix}="y"><{prefix}:si><{prefix}:t>',
        f"</{prefix}:t></{prefix}:si></{prefix}:sst>",
    )
    text = "a" * (size - len(begin + end))  # the last bytes are a little more than is looked through at once
    assert shared_strings((begin + text + end).encode(), "strings.xml").to_pylist() == [text]


def test_what_is_not_utf_8_is_refused() -> None:
    for content in (b"<sst><si><t>\xff</t></si></sst>", b"<sst><si a='\xff'><t>a</t></si></sst>"):
        with pytest.raises(FileRejectedError, match="is not UTF-8"):
            shared_strings(content, "strings.xml")


def test_a_document_type_is_a_bomb() -> None:
    with pytest.raises(FileRejectedError) as refusal:
        shared_strings(b'<!DOCTYPE sst [<!ENTITY a "b">]><sst><si><t>&a;</t></si></sst>', "strings.xml")
    assert refusal.value.record.code == "file.bomb"
