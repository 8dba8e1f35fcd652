"""Rows read by their shape are what an XML parser makes of them, whatever stands between, before and in them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from ingest.cells.assembly import assemble
from ingest.cells.cells import SheetCells, column_letters
from ingest.cells.number_format import number_format
from ingest.cells.styles import CellStyles
from ingest.errors import FileRejectedError
from ingest.formats.xlsx.cell_values import SheetContext
from ingest.formats.xlsx.chunk import parsed_block, read_chunk
from ingest.formats.xlsx.expat_cells import parse_cells
from ingest.formats.xlsx.row_shapes import find_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[[str, random.Random], str]
    Reader = Callable[[bytes], SheetCells | None]

CONTEXT = SheetContext(
    name="sheet1.xml",
    strings=pa.array([f"text {number}" for number in range(50)], pa.large_string()),
    styles=CellStyles([number_format(code) for code in ("General", "yyyy-mm-dd", "yyyy-mm-dd h:mm", "00000")]),
    date1904=False,
    max_cells=10**8,
)


def _number(place: str, chance: random.Random) -> str:
    style = chance.choice(["", ' s="1"', ' s="2"', ' s="3"', ' s="7"'])
    return f'<c r="{place}"{style}><v>{chance.choice([chance.randint(0, 99999), chance.random(), "1E-5"])}</v></c>'


def _shared(place: str, chance: random.Random) -> str:
    return f'<c r="{place}" s="0" t="s"><v>{chance.randrange(50)}</v></c>'


def _inline(place: str, chance: random.Random) -> str:
    space = chance.choice(["", ' xml:space="preserve"'])
    text = chance.choice(["订单", " a ", "&lt;b&gt; &amp; &#20013;", "", "_x000D_x", "line\nbreak", "é" * 9])
    return f'<c r="{place}" t="inlineStr"><is><t{space}>{text}</t></is></c>'


def _formula(place: str, chance: random.Random) -> str:
    kind = chance.choice(['<f t="shared" si="0"/>', f"<f>SUM({place}:B2)</f>", '<f t="array" ref="A1:A2">1+1</f>'])
    value = chance.choice(["<v>3.5</v>", "<v></v>", ""])
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


def _by_shape(chunk: bytes) -> SheetCells | None:
    block = read_chunk(chunk, CONTEXT)
    return None if block is None else assemble([block], date1904=False)


def _filled(cells: SheetCells) -> dict[tuple[int, int], tuple[int, str | None]]:
    return {
        (row, place): (int(column.kinds[row]), column.texts[row].as_py())
        for place, column in cells.columns.items()
        for row in np.flatnonzero(column.kinds).tolist()
    }


@pytest.mark.parametrize("seed", range(40))
def test_rows_are_what_a_parser_reads(seed: int) -> None:
    chance = random.Random(seed)
    kinds: list[Maker] = [_number, _shared, _inline, _formula, _other]
    makers = chance.choices(kinds, [6, 4, 4, 1, 0.3], k=chance.randint(1, 12))
    tag = chance.choice(["", ' spans="1:9"', ' ht="15" customHeight="1"'])
    chunk = _rows(chance, chance.randint(30, 400), makers, chance.choice([0, 0, 0.05, 0.5]), tag)
    read = _by_shape(chunk)
    if read is not None:
        assert _filled(read) == _filled(_by_parser(chunk))


def test_rows_of_one_shape_leave_hardly_anything_over() -> None:
    chunk = _rows(random.Random(1), 300, [lambda place, _: f'<c r="{place}" s="1"><v>1</v></c>', _shared], 0, "")
    found = find_rows(chunk)
    assert found is not None
    assert found.rows == 300
    # Rows 8 and 9 have numbers of another length, and behind the last one there is no line end.
    assert found.left_rows.tolist() in ([], [7, 8], [7, 8, 306])


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
    ],
)
def test_one_odd_row_among_many_is_read_or_refused_as_a_parser_does(odd: str) -> None:
    rows = [ROW.format(row) for row in range(10, 100)]
    chunk = "".join([*rows[:40], odd, *rows[41:]]).encode()
    expected, read = _outcome(_by_parser, chunk), _outcome(_by_shape, chunk)
    assert read in (expected, None)


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
