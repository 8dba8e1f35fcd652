"""A chunk of a sheet's rows to cells: rows of one shape by whole columns, others by their bytes or a pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...cells.assembly import overlaid
from ...cells.cells import CellBlock, Column, Kind, RowBlock, column_index
from ...errors import rejected
from ..zip.xml_text import plain_texts
from .cell_scan import find_cells
from .cell_values import INLINE, TYPES, RawCells, SheetContext, check_places, typed
from .row_shapes import find_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .expat_cells import RawCell
    from .row_shapes import FoundRows

# A cell as nearly every writer puts it, from behind "<c " to the next one. Whatever is not of this form is left
# to the XML parser, so the pattern may be strict: it matches to the end and hides nothing.
_CELL: Final = (
    r'^r="(?P<column>[A-Z]{1,3})(?P<row>[0-9]{1,7})"(?: s="(?P<style>[0-9]{1,6})")?(?: t="(?P<type>[a-zA-Z]+)")?\s*'
    r"(?:/>|>(?P<formula><f[^>]*>(?:[^<]*</f>)?)?"
    r'(?:<v(?P<space> xml:space="preserve")?>(?P<value>[^<]*)</v>|<v/>)?'
    r'(?P<own><is><t(?P<inline_space> xml:space="preserve")?>(?P<inline>[^<]*)</t></is>)?</c>)'
    r"\s*(?:(?:</row>|<row(?: [^>]*)?>)\s*)*$"
)


def read_chunk(chunk: bytes, context: SheetContext) -> CellBlock | RowBlock | None:
    """Read whole rows; None if any cell is of a form that only an XML parser knows.

    Raises:
        FileRejectedError: the chunk is not UTF-8, or a cell refers to what is not there.

    """
    if b"\0" in chunk:
        # No XML has it: the parser says so, whichever cells stand beside it.
        return None
    rows = find_rows(chunk)
    if rows is None:
        return _read_cells(chunk, context)
    left = _read_cells(rows.left, context) if rows.left else None
    if rows.left and (left is None or not np.isin(left.rows, rows.left_rows).all()):
        return None
    block = RowBlock(first=rows.first, rows=rows.rows, columns=_columns(rows, context))
    check_places(np.array([block.first, block.last], np.int32), np.array(rows.columns, np.int32), context)
    # Cells that are only formatted hold nothing that could be laid over anything.
    return block if left is None or left.empty else overlaid(block, left)


def _columns(rows: FoundRows, context: SheetContext) -> dict[int, Column]:
    texts = plain_texts(_utf8(rows.values, context), rows.preserve.ravel())
    columns: dict[int, Column] = {}
    for line, place in enumerate(rows.columns):
        raw = RawCells(
            codes=rows.codes[line],
            names=TYPES,
            styles=rows.styles[line],
            formulas=rows.formulas[line],
            values=texts[line * rows.rows : (line + 1) * rows.rows],
        )
        kinds, values = typed(raw, context)
        empty = kinds == Kind.EMPTY
        if empty.any():
            values = pc.if_else(pa.array(empty), pa.scalar(None, pa.large_string()), values)
        columns[place] = Column(kinds=kinds, texts=values)
    return columns


def _utf8(values: pa.LargeBinaryArray, context: SheetContext) -> pa.LargeStringArray:
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise rejected("file.corrupt_xml", f"{context.name} is not UTF-8") from error


def _read_cells(chunk: bytes, context: SheetContext) -> CellBlock | None:
    """Read cells one by one, wherever they are; None if any is of a form that only an XML parser knows."""
    if b"<!" in chunk:
        return None
    cells = find_cells(chunk)
    if b"<c" in cells.before or (b"<c" in chunk and not len(cells.found)):
        return None
    values = plain_texts(_utf8(cells.values, context), np.zeros(len(cells.values), np.bool_))
    rows, columns, styles, types = cells.rows, cells.columns, cells.styles, cells.types.astype(np.int32)
    formulas = np.zeros(len(rows), np.bool_)
    names = list(TYPES)
    if len(cells.texts):
        others = _match(_utf8(cells.texts, context))
        if others is None:
            return None
        rest = ~cells.found
        rows[rest], columns[rest], styles[rest], formulas[rest] = (
            others.rows,
            others.columns,
            others.styles,
            others.formulas,
        )
        codes, found = _type_codes(others.types)
        types[rest] = codes + len(names)
        names += found
        values = pc.replace_with_mask(values, pa.array(rest), others.values)
    raw = RawCells(codes=types, names=names, styles=styles, formulas=formulas, values=values)
    return _block(rows, columns, raw, context)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Matched:
    """Cells as the regular expression has read them."""

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    styles: NDArray[np.int32]
    formulas: NDArray[np.bool_]
    types: pa.LargeStringArray
    values: pa.LargeStringArray


def _match(cells: pa.LargeStringArray) -> _Matched | None:
    """Read cells of the rarer forms, such as formulas; None if one is of no form that is known."""
    parts = pc.extract_regex(cells, _CELL)
    if parts.null_count:
        return None
    inline = _are_inline(parts)
    types = pc.if_else(inline, pa.scalar(INLINE, pa.large_string()), parts.field("type"))
    return _Matched(
        rows=parts.field("row").cast(pa.int32()).to_numpy() - 1,
        columns=_column_numbers(parts.field("column")),
        styles=_style_numbers(parts.field("style")),
        formulas=pc.not_equal(parts.field("formula"), "").to_numpy(zero_copy_only=False),
        types=types,
        values=_values(parts, inline),
    )


def _are_inline(parts: pa.StructArray) -> pa.BooleanArray:
    """Say which cells hold the text of their `<is>`, by the rule of `INLINE`."""
    declared, empty = pc.equal(parts.field("type"), INLINE), pc.equal(parts.field("value"), "")
    return pc.and_(pc.not_equal(parts.field("own"), ""), pc.or_(declared, empty))


def _values(parts: pa.StructArray, inline: pa.BooleanArray) -> pa.LargeStringArray:
    """Return the text of each cell: of `<v>`, or of an inline string."""
    raw = pc.if_else(inline, parts.field("inline"), parts.field("value"))
    space = pc.if_else(inline, parts.field("inline_space"), parts.field("space"))
    return plain_texts(raw, pc.not_equal(space, "").to_numpy(zero_copy_only=False))


def _column_numbers(letters: pa.LargeStringArray) -> NDArray[np.int32]:
    encoded = letters.dictionary_encode()
    numbers = np.array([column_index(text) for text in encoded.dictionary.to_pylist()], np.int32)
    found: NDArray[np.int32] = numbers[encoded.indices.to_numpy()]
    return found


def _style_numbers(texts: pa.LargeStringArray) -> NDArray[np.int32]:
    styles: NDArray[np.int32] = pc.if_else(pc.equal(texts, ""), "0", texts).cast(pa.int32()).to_numpy()
    return styles


def parsed_block(cells: list[RawCell], context: SheetContext) -> CellBlock:
    """Return the cells that an XML parser has found.

    Raises:
        FileRejectedError: one lies outside of any sheet, or refers to what is not there.

    """
    codes, names = _type_codes(pa.array([cell.type for cell in cells], pa.large_string()))
    raw = RawCells(
        codes=codes,
        names=names,
        styles=np.array([cell.style for cell in cells], np.int32),
        formulas=np.array([cell.formula for cell in cells], np.bool_),
        values=pa.array([cell.value for cell in cells], pa.large_string()),
    )
    rows = np.array([cell.row for cell in cells], np.int32)
    return _block(rows, np.array([cell.column for cell in cells], np.int32), raw, context)


def _block(rows: NDArray[np.int32], columns: NDArray[np.int32], raw: RawCells, context: SheetContext) -> CellBlock:
    """Give every cell its kind and text, and leave out those that are empty."""
    check_places(rows, columns, context)
    kinds, texts = typed(raw, context)
    keep = kinds != Kind.EMPTY
    if keep.all():
        return CellBlock(rows=rows, columns=columns, kinds=kinds, texts=texts)
    return CellBlock(rows=rows[keep], columns=columns[keep], kinds=kinds[keep], texts=texts.filter(pa.array(keep)))


def _type_codes(types: pa.LargeStringArray) -> tuple[NDArray[np.int32], list[str]]:
    encoded = types.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
