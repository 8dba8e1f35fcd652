"""The XML of an xlsx sheet to blocks of cells: the common form by whole columns, any other by an XML parser."""

from __future__ import annotations

import re
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import MAX_COLUMNS, MAX_ROWS, CellBlock, Kind, Merge, column_index
from .errors import rejected
from .parallel import THREADS
from .serials import iso_kind_and_serial
from .sheetbytes import TYPES, find_cells
from .sheetparser import RawCell, parse_cells
from .xmltext import plain_texts, refuse_doctype

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

CHUNK_BYTES: Final = 4 << 20
_PROLOGUE_BYTES: Final = 16 << 20

# A cell as nearly every writer puts it, from behind "<c " to the next one. Whatever is not of this form is left
# to the XML parser, so the pattern may be strict: it matches to the end and hides nothing.
_CELL: Final = (
    r'^r="(?P<column>[A-Z]{1,3})(?P<row>[0-9]{1,7})"(?: s="(?P<style>[0-9]{1,6})")?(?: t="(?P<type>[a-zA-Z]+)")?\s*'
    r"(?:/>|>(?P<formula><f[^>]*>(?:[^<]*</f>)?)?"
    r'(?:<v(?P<space> xml:space="preserve")?>(?P<value>[^<]*)</v>|<v/>)?'
    r'(?:<is><t(?P<inline_space> xml:space="preserve")?>(?P<inline>[^<]*)</t></is>)?</c>)'
    r"\s*(?:(?:</row>|<row(?: [^>]*)?>)\s*)*$"
)
_MERGE: Final = re.compile(
    rb"""<(?:[\w.-]+:)?mergeCell\s[^>]*?ref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
)
_SHEET_DATA: Final = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)sheetData\b[^>]*?(/?)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetContext:
    """What the cells of a sheet refer to: shared strings, the kind of number of each style, the limit."""

    name: str
    strings: pa.LargeStringArray
    style_kinds: NDArray[np.uint8]
    date1904: bool
    max_cells: int


class SheetXml:
    """Reads a sheet's XML in UTF-8: the cells that hold anything, then what follows them."""

    def __init__(self, pieces: Iterable[bytes], context: SheetContext) -> None:
        self._pieces, self._context = iter(pieces), context
        self._rest = b""

    def blocks(self) -> Iterator[CellBlock]:
        """Yield the cells.

        Raises:
            FileRejectedError: the XML is damaged, or the cells span more than the limit.

        """
        box = _Box(self._context)
        row = 0
        for chunk, fast in self._ahead():
            block = fast.result()
            if block is None:
                cells, row = parse_cells(chunk, row, self._context.name)
                block = _from_cells(cells, self._context)
            box.add(block)
            if len(block.rows):
                row = max(row, int(block.rows[-1]) + 1)
                yield block

    def _ahead(self) -> Iterator[tuple[bytes, Future[CellBlock | None]]]:
        """Yield the chunks in order, a few of them being read meanwhile: inflating and reading share the cores."""
        with ThreadPoolExecutor(THREADS, thread_name_prefix="sheet") as pool:
            waiting: deque[tuple[bytes, Future[CellBlock | None]]] = deque()
            for chunk in self._row_chunks():
                waiting.append((chunk, pool.submit(_fast, chunk, self._context)))
                if len(waiting) > THREADS:
                    yield waiting.popleft()
            yield from waiting

    def merges(self) -> list[Merge]:
        """Return the merged ranges, once all blocks were read.

        Raises:
            FileRejectedError: the end of the XML is damaged.

        """
        found: list[Merge] = []
        for piece in self._pieces:
            text = self._rest + piece
            found += map(_merge, _MERGE.findall(text))
            # The last element may be cut by the end of the piece.
            last = text[text.rfind(b"<") :]
            self._rest = b"" if b">" in last else last
        return found + list(map(_merge, _MERGE.findall(self._rest)))

    def _row_chunks(self) -> Iterator[bytes]:
        """Yield the content of sheetData in chunks of whole rows, the namespace prefix of its elements taken off."""
        name = self._context.name
        buffer, prefix = _to_sheet_data(self._pieces, name)
        if buffer is None:
            return
        opening, closing, row_end, data_end = b"<" + prefix, b"</" + prefix, b"</row>", b"</sheetData"
        tail = b""
        while True:
            text = tail + buffer
            if prefix:
                text = text.replace(closing, b"</").replace(opening, b"<")
            end = text.find(data_end)
            if end >= 0:
                self._rest = text[end:]
                yield text[:end]
                return
            cut = text.rfind(row_end) + len(row_end)
            if cut >= CHUNK_BYTES:
                yield text[:cut]
                text = text[cut:]
            tail = text
            buffer = next(self._pieces, b"")
            if not buffer:
                raise rejected("file.corrupt_xml", f"{name} ends in the middle of its rows")


def _merge(reference: tuple[bytes, ...]) -> Merge:
    left, top, right, bottom = (part.decode("ascii") for part in reference)
    return Merge(top=int(top) - 1, bottom=int(bottom) - 1, left=column_index(left), right=column_index(right))


class _Box:
    """The bounding box of all cells so far; a sheet beyond its limit is refused before it is built."""

    def __init__(self, context: SheetContext) -> None:
        self._context = context
        self._rows = self._columns = 0

    def add(self, block: CellBlock) -> None:
        if not len(block.rows):
            return
        self._rows = max(self._rows, int(block.rows.max()) + 1)
        self._columns = max(self._columns, int(block.columns.max()) + 1)
        if self._rows * self._columns > self._context.max_cells:
            raise rejected(
                "file.cell_limit",
                f"the cells of {self._context.name} span {self._rows} rows x {self._columns} columns, "
                f"more than {self._context.max_cells} cells",
            )


def _check_places(rows: NDArray[Any], columns: NDArray[Any], context: SheetContext) -> None:
    if len(rows) and (rows.min() < 0 or columns.min() < 0 or rows.max() >= MAX_ROWS or columns.max() >= MAX_COLUMNS):
        raise rejected("file.corrupt_xml", f"{context.name} has a cell outside of any sheet")


def _to_sheet_data(stream: Iterator[bytes], name: str) -> tuple[bytes | None, bytes]:
    """Read up to the rows: return what follows `<sheetData>` (None if there are none) and the prefix."""
    buffer = b""
    for piece in stream:
        buffer += piece
        found = _SHEET_DATA.search(buffer)
        refuse_doctype(buffer if found is None else buffer[: found.start()], name)
        if found is not None:
            return (None if found[2] else buffer[found.end() :]), found[1]
        if len(buffer) > _PROLOGUE_BYTES:
            break
    if b"</" not in buffer[-200:]:
        raise rejected("file.corrupt_xml", f"{name} has no rows and no end")
    return None, b""


def _fast(chunk: bytes, context: SheetContext) -> CellBlock | None:
    """Read a chunk by whole columns; None if any cell of it is of a form that only an XML parser knows."""
    cells = find_cells(chunk)
    if b"<c" in cells.before or b"<!" in cells.before or (b"<c" in chunk and not len(cells.found)):
        return None
    try:
        values = plain_texts(cells.values.cast(pa.large_string()), pa.repeat(False, len(cells.values)))  # noqa: FBT003
        others = _match(cells.texts.cast(pa.large_string()))
    except pa.ArrowInvalid as error:
        raise rejected("file.corrupt_xml", f"{context.name} is not UTF-8") from error
    if others is None:
        return None
    rows, columns, styles, types = cells.rows, cells.columns, cells.styles, cells.types.astype(np.int32)
    formulas = np.zeros(len(rows), np.bool_)
    names = list(TYPES)
    if len(others.rows):
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
    _check_places(rows, columns, context)
    return _typed(
        rows=rows,
        columns=columns,
        codes=types,
        names=names,
        styles=styles,
        formulas=formulas,
        values=values,
        context=context,
    )


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
    return _Matched(
        rows=parts.field("row").cast(pa.int32()).to_numpy() - 1,
        columns=_column_numbers(parts.field("column")),
        styles=_style_numbers(parts.field("style")),
        formulas=pc.not_equal(parts.field("formula"), "").to_numpy(zero_copy_only=False),
        types=parts.field("type"),
        values=_values(parts),
    )


def _values(parts: pa.StructArray) -> pa.LargeStringArray:
    """Return the text of each cell: of `<v>`, or of an inline string."""
    value = parts.field("value")
    raw = pc.if_else(pc.equal(parts.field("type"), "inlineStr"), parts.field("inline"), value)
    preserve = pc.or_(pc.not_equal(parts.field("space"), ""), pc.not_equal(parts.field("inline_space"), ""))
    return plain_texts(raw, preserve)


def _column_numbers(letters: pa.LargeStringArray) -> NDArray[np.int32]:
    encoded = letters.dictionary_encode()
    numbers = np.array([column_index(text) for text in encoded.dictionary.to_pylist()], np.int32)
    found: NDArray[np.int32] = numbers[encoded.indices.to_numpy()]
    return found


def _style_numbers(texts: pa.LargeStringArray) -> NDArray[np.int32]:
    styles: NDArray[np.int32] = pc.if_else(pc.equal(texts, ""), "0", texts).cast(pa.int32()).to_numpy()
    return styles


def _from_cells(cells: list[RawCell], context: SheetContext) -> CellBlock:
    rows = np.array([cell.row for cell in cells], np.int32)
    columns = np.array([cell.column for cell in cells], np.int32)
    _check_places(rows, columns, context)
    codes, names = _type_codes(pa.array([cell.type for cell in cells], pa.large_string()))
    return _typed(
        rows=rows,
        columns=columns,
        codes=codes,
        names=names,
        styles=np.array([cell.style for cell in cells], np.int32),
        formulas=np.array([cell.formula for cell in cells], np.bool_),
        values=pa.array([cell.value for cell in cells], pa.large_string()),
        context=context,
    )


def _typed(
    *,
    rows: NDArray[np.int32],
    columns: NDArray[np.int32],
    codes: NDArray[np.int32],
    names: list[str],
    styles: NDArray[np.int32],
    formulas: NDArray[np.bool_],
    values: pa.LargeStringArray,
    context: SheetContext,
) -> CellBlock:
    """Give every cell its kind and text, and leave out those that are empty."""
    kinds = np.full(len(rows), Kind.NUMBER, np.uint8)
    filled = pc.not_equal(values, "").to_numpy(zero_copy_only=False)
    for code, name in enumerate(names):
        here = codes == code
        if not here.any():
            continue
        if name in ("", "n"):
            known = np.minimum(styles[here], len(context.style_kinds) - 1)
            kinds[here] = context.style_kinds[known]
        elif name == "s":
            kinds[here] = Kind.TEXT
            values = _shared(values, here & filled, context)
        elif name in ("str", "inlineStr"):
            kinds[here] = Kind.TEXT
        elif name in ("b", "e"):
            kinds[here] = Kind.BOOLEAN if name == "b" else Kind.ERROR
        elif name == "d":
            values = _iso_dates(values, here & filled, kinds, date1904=context.date1904)
        else:
            raise rejected("file.corrupt_xml", f"{context.name} has a cell of the unknown type {name!r}")
    texts_filled = filled | ((kinds == Kind.TEXT) & formulas)
    kinds[formulas & ~texts_filled] = Kind.UNCACHED
    keep = texts_filled | formulas
    if keep.all():
        return CellBlock(rows=rows, columns=columns, kinds=kinds, texts=values)
    return CellBlock(rows=rows[keep], columns=columns[keep], kinds=kinds[keep], texts=values.filter(pa.array(keep)))


def _type_codes(types: pa.LargeStringArray) -> tuple[NDArray[np.int32], list[str]]:
    encoded = types.dictionary_encode()
    return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()


def _shared(values: pa.LargeStringArray, where: NDArray[np.bool_], context: SheetContext) -> pa.LargeStringArray:
    mask = pa.array(where)
    try:
        texts = context.strings.take(values.filter(mask).cast(pa.int32()))
    except (pa.ArrowInvalid, pa.ArrowIndexError) as error:
        raise rejected("file.corrupt_xml", f"{context.name} refers to a shared string that is not there") from error
    return pc.replace_with_mask(values, mask, texts)


def _iso_dates(
    values: pa.LargeStringArray, where: NDArray[np.bool_], kinds: NDArray[np.uint8], *, date1904: bool
) -> pa.LargeStringArray:
    """Turn the rare cells that hold an ISO date into the serial number that all others hold."""
    mask = pa.array(where)
    read = [iso_kind_and_serial(text, date1904=date1904) for text in values.filter(mask).to_pylist()]
    kinds[where] = [kind for kind, _ in read]
    return pc.replace_with_mask(values, mask, pa.array([text for _, text in read], pa.large_string()))
