"""Cells read by whole columns are what an XML parser makes of them, whatever stands between, before and in them."""

from __future__ import annotations

import random
import re
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.cells.assembly import assemble
from ingest.cells.cells import SheetCells, column_letters
from ingest.cells.number_format import number_format
from ingest.cells.styles import CellStyles
from ingest.errors import FileRejectedError
from ingest.formats.xlsx import cell_openings, sheet
from ingest.formats.xlsx import chunk as sheet_chunk
from ingest.formats.xlsx.cell_scan import find_cells
from ingest.formats.xlsx.cell_values import SheetContext
from ingest.formats.xlsx.chunk import parsed_block, read_chunk
from ingest.formats.xlsx.expat_cells import parse_cells
from ingest.formats.xlsx.sheet import SheetXml

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[[str, random.Random], str]
    Reader = Callable[[bytes], SheetCells | None]

CONTEXT = SheetContext(
    name="sheet1.xml",
    strings=lambda: pa.array([f"text {number}" for number in range(50)], pa.large_string()),
    styles=CellStyles([number_format(code) for code in ("General", "yyyy-mm-dd", "yyyy-mm-dd h:mm", "00000")]),
    date1904=False,
    max_cells=10**8,
)


def _number(place: str, chance: random.Random) -> str:
    style = chance.choice(["", ' s="1"', ' s="2"', ' s="3"', ' s="7"'])
    return f'<c r="{place}"{style}><v>{chance.choice([chance.randint(0, 99999), chance.random(), "1E-5"])}</v></c>'


def _shared(place: str, chance: random.Random) -> str:
    return f'<c r="{place}" s="0" t="s"><v>{chance.randrange(50):0{chance.choice([1, 1, 1, 8])}}</v></c>'


def _inline(place: str, chance: random.Random) -> str:
    space = chance.choice(["", ' xml:space="preserve"'])
    text = chance.choice(["订单", " a ", "&lt;b&gt; &amp; &#20013;", "", "_x000D_x", "line\nbreak", "é" * 9])
    element = f"<t{space}>{text}</t>" if text or chance.random() < 0.3 else f"<t{space}{chance.choice(['/>', ' />'])}"
    return f'<c r="{place}" t="inlineStr"><is>{element}</is></c>'


def _formula(place: str, chance: random.Random) -> str:
    kind = chance.choice(['<f t="shared" si="0"/>', f"<f>SUM({place}:B2)</f>", '<f t="array" ref="A1:A2">1+1</f>'])
    value = chance.choice(["<v>3.5</v>", "<v></v>", "", "<v/>", "<v />"])
    return f'<c r="{place}">{kind}{value}</c>'


def _other(place: str, chance: random.Random) -> str:
    return chance.choice(
        [
            f'<c r="{place}" s="1"/>',
            f'<c r="{place}" t="b"><v>{chance.randint(0, 1)}</v></c>',
            f'<c r="{place}" t="e"><v>#N/A</v></c>',
            f'<c r="{place}" t="str"><f>A1</f><v>done</v></c>',
            f'<c s="1" r="{place}" cm="1"><v>7</v></c>',
            f'<c r="{place}" t="d"><v>2024-05-01</v></c>',
            f'<c r="{place}" s="1" ph="{"1" * chance.randint(1, 40)}"><v>7</v></c>',
            f'<c r="{place}" t="inlineStr"><is><r><t>rich</t></r><r><rPr><b/></rPr><t>er</t></r></is></c>',
        ]
    )


def _rows(chance: random.Random, count: int, makers: list[Maker], missing: float, row_tag: str) -> bytes:
    first = chance.choice([1, 8, 95, 990, 1_040_000])
    rows = []
    for row in range(first, first + count):
        cells = [
            maker(f"{column_letters(column)}{row}", chance)
            for column, maker in enumerate(makers)
            if chance.random() >= missing
        ]
        rows.append(f'<row r="{row}"{row_tag}>{"".join(cells)}</row>')
    return chance.choice(["", "\n"]).join(rows).encode()


def _by_parser(chunk: bytes) -> SheetCells:
    cells, _ = parse_cells(chunk, 0, "sheet1.xml")
    return assemble([parsed_block(cells, CONTEXT)], date1904=False)


def _by_columns(chunk: bytes, row: int | None = None) -> SheetCells | None:
    read = read_chunk(chunk, CONTEXT, row)
    return None if read is None else assemble([read.block], date1904=False)


def _filled(cells: SheetCells) -> dict[tuple[int, int], tuple[int, str | None]]:
    return {
        (row, place): (int(column.kinds[row]), column.texts[row].as_py())
        for place, column in cells.columns.items()
        for row in np.flatnonzero(column.kinds).tolist()
    }


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_what_a_parser_reads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(sheet_chunk, "_CELLS_AT_ONCE", chance.choice([1, 700, 32_000]))
    monkeypatch.setattr(cell_openings, "_COMMON", chance.choice([0, 2, 24]))
    kinds: list[Maker] = [_number, _shared, _inline, _formula, _other]
    makers = chance.choices(kinds, [6, 4, 4, 1, 0.3], k=chance.randint(1, 12))
    tag = chance.choice(["", ' spans="1:9"', ' ht="15" customHeight="1"'])
    chunk = _rows(chance, chance.randint(30, 400), makers, chance.choice([0, 0, 0.05, 0.5]), tag)
    read = _by_columns(chunk)
    if read is not None:
        assert _filled(read) == _filled(_by_parser(chunk))


def test_gaps_leave_nothing_to_a_parser_and_unusual_cells_only_themselves() -> None:
    makers: list[Maker] = [_number, _shared, _inline, _formula]
    chunk = _rows(random.Random(1), 300, makers, 0.3, "")
    found = find_cells(chunk, None)
    assert found is not None
    assert not found.left.xml
    rich = chunk.replace(b"</row>", b'<c r="Z9" t="inlineStr"><is><r><t>a</t></r></is></c></row>', 1)
    found = find_cells(rich, None)
    assert found is not None
    assert not len(found.left.rows)
    assert len(found.left.cells) == 1
    odd = chunk.replace(b"</row>", b"<c r='Z9'><v>1</v></c></row>", 1)
    found = find_cells(odd, None)
    assert found is not None
    assert len(found.left.rows) == 1


def test_white_space_beside_tags_leaves_nothing_to_a_parser() -> None:
    makers: list[Maker] = [_number, _shared, _inline, _formula]
    rows = _rows(random.Random(1), 300, makers, 0.3, "").decode()
    indented = re.sub(r">(?=<(?!/[tvf]>))", ">\n    ", rows).replace(" s=", "\n s=").encode()
    found = find_cells(indented, None)
    assert found is not None
    assert not found.left.xml
    read = _by_columns(indented)
    assert read is not None
    assert _filled(read) == _filled(_by_parser(rows.encode())) == _filled(_by_parser(indented))


RICH = "<is><r><t>ri</t></r><r><t>ch</t></r></is>"
ROW = '<row r="{0}"><c r="A{0}"><v>{0}</v></c><c r="B{0}" t="str"><v>x</v></c></row>'


@pytest.mark.parametrize(
    "odd",
    [
        '<row r="50"><c r="A51"><v>9</v></c><c r="B50" t="str"><v>x</v></c></row>',
        '<row r="50"><c r="A50"><v>9</v></c><c r="B50" t="STR"><v>x</v></c></row>',
        '<row r="50"><c r="A50"><f>9</f></c><c r="B50" t="str"><v>x</v></c></row>',
        '<row r="50"><c r="A50"><v>9</v></c><c r="C50" t="str"><v>x</v></c></row>',
        '<row r="50"><c r="A50"><v>9</v></c><c r="B50" t="str"><v>x</v></c>junk</row>',
        '<row r="50"><c r="A50"><v>9</w></c><c r="B50" t="str"><v>x</v></c></row>',
        '<row spans="1:2" r="50"><c r="A50"><v>9</v></c><c r="B50" t="str"><v>x</v></c></row>',
        '<row r="50"><c r="B50"><v>9</v></c><c r="A50" t="str"><v>x</v></c></row>',
        '<row><c><v>9</v></c><c t="str"><v>x</v></c></row>',
        '<row r="50"><!-- a --><c r="A50"><v>9</v></c><c r="B50" t="str"><v>x</v></c></row>',
        '<row r="20"><c r="A20"><v>9</v></c><c r="B20" t="str"><v>x</v></c></row>',
        f'<row r="50"><c r="A50"><v>9</v></c><c r="A50">{RICH}</c></row>',
        f'<row r="50"><c r="A50">{RICH}</c><c r="A50"><v>9</v></c></row>',
        f'<row r="50"><c r="A50">{RICH}</c><c r="A50">{RICH}{RICH}</c></row>',
        f'<row r="50"><c r="A20">{RICH}</c><c r="B50" t="str"><v>x</v></c></row>',
        f'<row r="50"><c r="A51">{RICH}</c></row><row r="52"><c r="A51"><v>1</v></c></row>',
        f'<row r="50"><c r=\'A50\'><v>1</v></c></row><row r="52"><c r="A50">{RICH}</c></row>',
        f'<row r="50"><c r="A52">{RICH}</c></row><row r="52"><c r=\'A52\'><v>1</v></c></row>',
        f'<row r="50"><c r="A50">{RICH}</c><c>{RICH}</c><c><v>3</v></c></row>',
        f'<row r="50"><c r="A50">{RICH}</c><c><v>3</v></c></row>',
        f'<row r="50"><c r="A50">{RICH}</c></c></row>',
        f'<row r="50"><c r="A50">{RICH}</c>junk<c r="B50"><v>1</v></c></row>',
        '<row r="50"><c r="A50"><x></c><c r="B50"></x></c></row>',
        '<row r="50"><c r="A50"><x><c r="B50"><v>1</v></c></x></c></row>',
        '<row r="50"><c r="A50"><x><c r="B50"><v>1</v></c><c r="C50"></c></x></c></row>',
        f'<row r="50"><c r="ZZZ50">{RICH}</c></row>',
        f'<row r="9999999"><c r="A9999999">{RICH}</c></row>',
    ],
)
def test_one_odd_row_among_many_is_read_or_refused_as_a_parser_does(odd: str) -> None:
    rows = [ROW.format(row) for row in range(10, 100)]
    chunk = "".join([*rows[:40], odd, *rows[41:]]).encode()
    expected, read = _outcome(_by_parser, chunk), _outcome(_by_columns, chunk)
    assert read in (expected, None)


@pytest.mark.parametrize(
    "rows",
    [
        '<c r="A1"><v>1</v></c><row r="2"><c r="A2"><v>2</v></c></row><row r="3"><c r="A3"><v>3</v></c></row>',
        '<c r="A14"/><row r="14"><c r="B14"><v>5</v></c></row>',
        '<row r="1"/><row r="0"><c><v>5</v></c></row>',
        "<row r='995\"'/><row><c><v>5</v></c></row>",
        '<row r="14"><c r="A14"/><v>1</v></c></row>',
        '<row r="14"><c r="A14" t="\xe9"><v>1</v></c></row>',
    ],
)
@pytest.mark.parametrize("row", [None, 0])
def test_what_no_writer_writes_is_read_or_refused_as_a_parser_does(rows: str, row: int | None) -> None:
    chunk = rows.encode("latin-1")
    assert _outcome(partial(_by_columns, row=row), chunk) in (_outcome(_by_parser, chunk), None)


def _outcome(read: Reader, chunk: bytes) -> object:
    try:
        cells = read(chunk)
    except FileRejectedError as error:
        return error.record.code
    return None if cells is None else _filled(cells)


def test_a_string_that_is_not_there_is_refused() -> None:
    rows = [f'<row r="{row}"><c r="A{row}" t="s"><v>{row}</v></c></row>' for row in range(1, 90)]
    with pytest.raises(FileRejectedError, match="shared string"):
        read_chunk("".join(rows).encode(), CONTEXT)


def test_a_cell_that_is_cut_off_is_left_to_the_parser() -> None:
    rows = [ROW.format(row) for row in range(10, 100)]
    with pytest.raises(FileRejectedError):
        parse_cells("".join([*rows, '<row r="100"><c ']).encode(), 0, "sheet1.xml")
    assert read_chunk("".join([*rows, '<row r="100"><c ']).encode(), CONTEXT) is None


# What follows writes one sheet in every way that a writer may choose.

PLACES: Final = st.sampled_from(["first", "last", "none"])
VALUES: Final = st.sampled_from(
    [
        ("", "<v>7</v>"), ("n", "<v>45000.5</v>"), ("s", "<v>3</v>"), ("s", ""), ("b", "<v>1</v>"),
        ("e", "<v>#N/A</v>"), ("str", "<v> a &lt;&#20013; </v>"), ("str", '<v xml:space="preserve"> a </v>'),
        ("str", "<f>A1&amp;B1</f><v>x_x000D_</v>"), ("", '<f t="shared" si="0"/><v>3</v>'), ("", "<f>1+1</f>"),
        ("", '<f t="array" ref="A1:B2">1&gt;0</f><v>1</v>'), ("", "<v/>"), ("", "<v></v>"), ("", "/"), ("", ""),
        ("inlineStr", "<is><t> a </t></is>"), ("inlineStr", '<is><t xml:space="preserve"> a </t></is>'),
        ("", "<is><t>text</t></is>"), ("d", "<v>2024-05-01</v>"), ("inlineStr", "<is/>"),
        ("inlineStr", "<is><r><t>rich</t></r><r><t>er</t></r></is>"), ("str", "<v><![CDATA[<c>]]></v>"),
        ("inlineStr", '<is><t>a</t><rPh sb="0" eb="1"><t>b</t></rPh></is>'), ("str", "<v>a<!-- c -->b</v>"),
        ("", "\n <v>1</v>\n "), ("", "<v>1</v><extLst><ext/></extLst>"), ("str", "<v>a<?pi?>b</v>"),
        ("str", "<v>a > b</v>"), ("", "<v>1</v><f>A1</f>"), ("str", "<v>x</v>text"), ("wrong", "<v>1</v>"),
        ("inlineStr", "<is><t/></is>"), ("inlineStr", "<is><t /></is>"), ("inlineStr", "<is></is>"), ("s", "<v />"),
        ("inlineStr", '<is><t xml:space="preserve"/></is>'), ("", "<is />"), ("str", '<v xml:space="preserve"/>'),
        ("", "<f/></f><v>1</v>"), ("", '<f x="1">a/><v>1</v>'), ("", '<f t="shared" si="0"></f><v>1</v>'),
        ("", "<f t=shared/><v>1</v>"), ("s", "<v>99</v>"), ("", "<w>1</v>"), ("str", "<v>a & b</v>"),
        ("str", "<v>&nope;</v>"), ("s", "<v>007</v>"), ("s", "<v>00000000049</v>"), ("s", "<v> 8 </v>"),
        ("s", "<f>A1</f><v>4</v>"), ("s", "<f>A1</f>"), ("s", "<v>12345678</v>"), ("s", "<v>-1</v>"),
        ("s", "<v>1a</v>"), ("s", "<v>&#49;</v>"),
    ]
)  # fmt: skip
FAULTS: Final = ('t="wrong"', ">99<", ">12345678<", ">-1<", ">1a<", "a & b", "&nope;")


@st.composite
def _sheet(draw: st.DrawFn) -> str:
    """Return rows: most cells of usual forms, in a few ways to write them down."""
    numbered, referred, indents = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([0, 0, 0, 1, 2]))
    order, more = draw(PLACES), draw(st.sampled_from(["", ' cm="1"', ' xr:uid="{a}"', " a='1'"]))
    values = draw(st.lists(VALUES, min_size=1, max_size=5))
    height, width = draw(st.sampled_from([1, 3, 30, 210])), draw(st.integers(1, 6))
    chance = random.Random(draw(st.integers(0, 1 << 16)))
    missing = draw(st.sampled_from([0, 0, 0.2, 0.9]))
    first, rows = draw(st.sampled_from([1, 7, 95, 99_990])), []
    for row in range(first, first + height):
        cells = []
        for column in range(width):
            if chance.random() < missing:
                continue
            kind, content = chance.choice(values) if chance.random() < 0.2 else values[column % len(values)]
            place = f' r="{column_letters(column * 9)}{row}"' if referred or chance.random() < 0.5 else ""
            style = f' s="{chance.randint(0, 4)}"' if chance.random() < 0.5 else ""
            attributes = [place, style, f' t="{kind}"' if kind else "", more if chance.random() < 0.1 else ""]
            tag = "".join(reversed(attributes) if order == "last" else attributes)
            tag, content = (tag.replace(" ", "\n "), _indented(content)) if indents > 1 else (tag, content)
            cells.append(f"<c{tag}/>" if content == "/" else f"<c{tag}>{content}</c>")
        number = f' r="{row}"' if numbered or chance.random() < 0.3 else ""
        space = "\n  " if indents else ""
        tag = chance.choice([f'<row{number} spans="1:9"', f'<row ht="15"{number}', f"<row{number}"])
        rows.append(f"{tag}>{space}{space.join(cells)}{space}</row>" if cells else f"{tag}/>")
    return ("\n" if indents else "").join(rows)


def _indented(content: str) -> str:
    """Return what a cell holds with white space beside its tags, but not before the end of a text."""
    return content if content == "/" else re.sub(r"(^|>)(?=$|<(?!/[tvf]>|!|\?))", r"\1\n    ", content)


def _whole_sheet(rows: str, prefix: str) -> SheetCells:
    body = re.sub(r"<(/?)(row|c|v|f|is|t|r|rPh|extLst|ext|w)(?=[\s/>])", rf"<\1{prefix}\2", rows) if prefix else rows
    xml = f"<{prefix}worksheet><{prefix}sheetData>{body}</{prefix}sheetData></{prefix}worksheet>".encode()
    return assemble(SheetXml([xml], len(xml), CONTEXT).blocks(), date1904=False)


def _told(read: Callable[[], SheetCells]) -> object:
    try:
        return _filled(read())
    except FileRejectedError as error:
        return error.record.code, error.record.message


@settings(max_examples=500, deadline=None)
@given(_sheet(), st.sampled_from(["", "", "x:"]))
def test_a_sheet_is_read_or_refused_as_a_parser_does(rows: str, prefix: str) -> None:
    expected, read = _told(lambda: _by_parser(rows.encode())), _told(lambda: _whole_sheet(rows, prefix))
    if read != expected:
        # Of references the columns have a message of their own, and of several faults in a sheet any may be told.
        assert isinstance(read, tuple)
        assert isinstance(expected, tuple)
        assert "ampersand" in read[1] or sum(fault in rows for fault in FAULTS) > 1
        assert read[0] == expected[0]


@settings(max_examples=60, deadline=None)
@given(st.lists(_sheet(), min_size=2, max_size=4))
def test_chunks_follow_each_other_whatever_their_form(sheets: list[str]) -> None:
    rows = "".join(sheets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sheet, "CHUNK_BYTES", 200)
        read = _told(lambda: _whole_sheet(rows, ""))
    expected = _told(lambda: _by_parser(rows.encode()))
    # A refusal may name another place: each chunk is parsed by itself.
    assert read == expected or (isinstance(read, tuple) and isinstance(expected, tuple) and read[0] == expected[0])
