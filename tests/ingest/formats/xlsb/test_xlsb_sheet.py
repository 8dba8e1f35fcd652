"""Sheets of xlsb workbooks read by whole columns hold what their records say one by one, and are refused alike."""

from __future__ import annotations

import math
import random
import struct
from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xlsb_records import Found, cell, read_by_record, real, record, row, short, wide

from ingest.cells.assembly import assemble
from ingest.cells.cells import Kind
from ingest.cells.collector import CellCollector
from ingest.cells.extent import Extent
from ingest.cells.number_format import number_format
from ingest.cells.styles import CellStyles
from ingest.errors import FileRejectedError
from ingest.formats.binary.stream import Stream
from ingest.formats.xlsb.layout import SPAN_BYTES
from ingest.formats.xlsb.sheet import XlsbSheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.errors import ErrorRecord

    Cells = dict[tuple[int, int], tuple[Kind, str]]

STRINGS = ["zero", "", "中文", "a\U0001f600b", "x" * 300]
FORMATS = [number_format(code) for code in ("General", "yyyy-mm-dd", "00000", "[<1]h:mm;0.0")]
KINDS = {"text": Kind.TEXT, "boolean": Kind.BOOLEAN, "error": Kind.ERROR}
MAX_CELLS = 50_000

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=40) | st.sampled_from(STRINGS)
numbers = st.floats() | st.integers(-(10**17), 10**17).map(float) | st.integers(-99999, 99999).map(lambda n: n / 100)
packed = st.integers(0, 2**32 - 1).map(lambda bits: struct.pack("<I", bits))
shared = st.integers(0, len(STRINGS) - 1).map(lambda number: struct.pack("<I", number))
behind = st.binary(max_size=20)
VALUES: dict[int, st.SearchStrategy[bytes]] = {
    1: st.just(b""),
    2: packed,
    3: st.binary(min_size=1, max_size=1),
    4: st.sampled_from([b"\0", b"\1"]),
    5: numbers.map(real),
    6: texts.map(wide) | st.just(b"\xff" * 4),
    7: shared,
}
FORMULAS = {8: VALUES[6], 9: VALUES[5], 10: VALUES[4], 11: VALUES[3]}
styles = st.integers(0, len(FORMATS))
full_cells = st.one_of(
    *(st.builds(cell, st.just(number), st.integers(0, 12), value, styles) for number, value in VALUES.items()),
    *(
        st.builds(
            lambda number, column, value, rest: cell(number, column, value + rest),
            st.just(number),
            st.integers(0, 12),
            value,
            behind,
        )
        for number, value in FORMULAS.items()
    ),
    st.builds(
        lambda column, text, rest: cell(62, column, b"\1" + wide(text) + rest), st.integers(0, 12), texts, behind
    ),
)
SHORT = {12: 1, 13: 2, 14: 3, 15: 4, 16: 5, 17: 6, 18: 7}
short_cells = st.one_of(
    *(st.builds(short, st.just(number), VALUES[like], styles) for number, like in SHORT.items()),
)
others = st.builds(record, st.sampled_from([19, 50, 129, 147, 151, 476, 5000]), st.binary(max_size=200))
rows = st.lists(full_cells | short_cells | others, max_size=10).map(b"".join)
templates = st.lists(rows, min_size=1, max_size=5)


def sheet_of(templates: list[bytes], height: int, chance: random.Random) -> bytes:
    """Return rows of a few shapes, enough of them for many walkers."""
    content, number = [record(145)], 0
    for _ in range(height):
        content += [row(number, chance.randrange(3)), chance.choice(templates)]
        number += chance.choice([1, 1, 1, 2])
    return b"".join([*content, record(146)])


def reader(content: bytes, max_cells: int = MAX_CELLS) -> tuple[XlsbSheet, Extent]:
    extent = Extent("S", max_cells)
    return XlsbSheet(Stream([content]), pa.array(STRINGS, pa.large_string()), CellStyles(FORMATS), extent), extent


def read(content: bytes) -> Cells:
    cells = assemble(reader(content)[0].blocks(), date1904=False)
    return {
        (place, column): (Kind(kind), text)
        for column, found in cells.columns.items()
        for place, (kind, text) in enumerate(zip(found.kinds.tolist(), found.texts.to_pylist(), strict=True))
        if kind
    }


def expected(found: list[Found]) -> Cells:
    cells: Cells = {}
    for each in found:
        if not isinstance(each.value, float):
            cells[each.row, each.column] = KINDS[each.what], each.value
            continue
        text = repr(each.value).removesuffix(".0")
        kind, shown = FORMATS[each.style if each.style < len(FORMATS) else 0].cell(text)
        cells[each.row, each.column] = (kind if math.isfinite(each.value) else Kind.MALFORMED), shown
    return cells


@given(templates, st.integers(1, 400), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_whole_columns_hold_what_the_records_say(templates: list[bytes], height: int, chance: random.Random) -> None:
    content = sheet_of(templates, height, chance)
    found = read_by_record(content, STRINGS)
    assert found.whole
    assert read(content) == expected(found.cells)


def test_a_sheet_of_many_spans() -> None:
    chance = random.Random(5)
    shapes = [
        b"".join(
            short(17, wide(f"{number} " + "订单" * number)) + short(16, real(number / 7)) for number in range(shape)
        )
        for shape in range(1, 30)
    ]
    content = sheet_of(shapes, 10_000, chance)
    assert len(content) > 2 * SPAN_BYTES
    sheet, _ = reader(content, 10**7)
    blocks = list(sheet.blocks())
    assert len(blocks) > 2
    assert all(upper.last < lower.first for upper, lower in pairwise(blocks)), "rows are not torn"
    found = read_by_record(content, STRINGS)
    assert sum(int((column.kinds > 0).sum()) for block in blocks for column in block.columns.values()) == len(
        found.cells
    )


@given(templates, st.integers(1, 300), st.randoms(use_true_random=False), st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_damage_is_found_where_it_is(
    templates: list[bytes], height: int, chance: random.Random, data: st.DataObject
) -> None:
    content = bytearray(sheet_of(templates, height, chance))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.sampled_from([len(content), len(content) - 1, len(content) // 2]))])
    found = read_by_record(damaged, STRINGS)
    limits = CellCollector("S", MAX_CELLS)
    sheet, extent = reader(damaged)
    refusal = _refusal(lambda: _count(found.cells, limits))
    if refusal is None and not found.whole:
        with pytest.raises(IndexError):
            deque(sheet.blocks(), 0)
    else:
        assert _refusal(lambda: deque(sheet.blocks(), 0)) == refusal
    assert extent.row() == limits.row()


def _count(found: list[Found], limits: CellCollector) -> None:
    for each in found:
        limits.add(each.row, each.column, Kind.TEXT, "")


def _refusal(run: Callable[[], object]) -> ErrorRecord | None:
    try:
        run()
    except FileRejectedError as error:
        return error.record
    return None


def test_what_is_only_formatted_makes_no_rows() -> None:
    assert read(row(5) + cell(1, 3) + short(12) + row(900_000) + short(12)) == {}


def test_the_later_of_two_cells_counts() -> None:
    content = row(1) + cell(5, 2, real(1)) + cell(6, 2, wide("two")) + row(1) + cell(7, 1, struct.pack("<I", 2))
    assert read(content) == {(1, 2): (Kind.TEXT, "two"), (1, 1): (Kind.TEXT, "中文")}
