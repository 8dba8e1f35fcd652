"""The XML of an xlsx sheet to blocks of cells, chunk by chunk: the common forms by several threads, any by a parser."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from ...cells.cells import Block, Merge, column_index
from ...errors import rejected
from ...messages import say
from ...parallel import ahead, threads
from ..failures import refused
from ..zip.xml_text import refuse_doctype
from .chunk import ReadChunk, parsed_block, read_chunk
from .expat_cells import parse_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .cell_values import SheetContext

CHUNK_BYTES: Final = 4 << 20
"""For each thread: one core's cache likes less at a time, several threads wait less for each other with more."""

_MERGE: Final = re.compile(
    rb"""<(?:[\w.-]+:)?mergeCell\s[^<>]*?ref=["']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})["']"""
)
_ROW: Final = re.compile(rb"<row[^<>]* r=[\"']([0-9]{1,7})[\"']")
_SHEET_DATA: Final = re.compile(rb"<((?:[A-Za-z_][\w.-]*:)?)sheetData\b[^<>]*?(/?)>")


class SheetXml:
    """Reads a sheet's XML in UTF-8: the cells that hold anything, then what follows them.

    `size` is about how many bytes there are: by it the work is shared out.
    """

    def __init__(self, pieces: Iterable[bytes], size: int, context: SheetContext) -> None:
        self._pieces, self._size, self._context = iter(pieces), size, context
        self._rest = b""

    def blocks(self) -> Iterator[Block]:
        """Yield the cells.

        Raises:
            FileRejectedError: the XML is damaged, or the cells span more than the limit.

        """
        box = _Box(self._context)
        row = 0
        for chunk, read in ahead(partial(_read, context=self._context), self._row_chunks()):
            block, row = read or self._in_order(chunk, row)
            if not block.empty:
                box.add(block)
                row = max(row, block.last + 1)
                yield block

    def _in_order(self, chunk: bytes, row: int) -> ReadChunk:
        """Read a chunk that was not read ahead: one whose rows do not say which they are, or of an unusual form."""
        with refused(row=partial(_first_row, chunk)):
            read = read_chunk(chunk, self._context, row)
            if read is None:
                cells, next_row = parse_cells(chunk, row, self._context.name)
                read = ReadChunk(parsed_block(cells, self._context), next_row)
        return read

    def merges(self) -> list[Merge]:
        """Return the merged ranges, once all blocks were read.

        Raises:
            FileRejectedError: the end of the XML is damaged.

        """
        found: list[Merge] = []
        for text in _by_tags(chain([self._rest], self._pieces)):
            found += map(_merge, _MERGE.findall(text))
        return found

    def _row_chunks(self) -> Iterator[bytes]:
        """Yield the content of sheetData in chunks of whole rows, the namespace prefix of its elements taken off."""
        name = self._context.name
        buffer, prefix = _to_sheet_data(self._pieces, name)
        if buffer is None:
            return
        row_end, data_end = b"</" + prefix + b"row>", b"</" + prefix + b"sheetData"
        held, size, edge, taken = [buffer], len(buffer), b"", 0
        while True:
            # What ends the rows stands behind the last one, and may be cut by the end of a piece.
            whole_rows = buffer.rfind(row_end) + len(row_end)
            behind = buffer[whole_rows:] if whole_rows >= len(row_end) else buffer
            if data_end in behind or data_end in edge + buffer[: len(data_end)]:
                break
            if size >= self._share(taken) and whole_rows >= len(row_end):
                yield _without(prefix, b"".join([*held[:-1], memoryview(buffer)[:whole_rows]]))
                taken += size
                held, size = [behind], len(behind)
            edge = (edge + buffer[-len(data_end) :])[-len(data_end) :]
            buffer = next(self._pieces, b"")
            if not buffer:
                raise rejected("file.corrupt_xml", say("{part} ends in the middle of its rows", part=name))
            held.append(buffer)
            size += len(buffer)
        text = b"".join(held)
        end = text.rfind(data_end)
        self._rest = text[end:]
        yield _without(prefix, text[:end])

    def _share(self, taken: int) -> int:
        """Return how long the next chunk should be, after so many bytes.

        Several threads are given short ones at first, so that none of them waits long for its work, and at the end, so
        that they come to it together.
        """
        most, left = CHUNK_BYTES * threads(), self._size - taken
        if threads() == 1:
            return most
        return max(most // 4, min(most, taken, left // (2 * threads())))


def _read(chunk: bytes, context: SheetContext) -> tuple[bytes, ReadChunk | None]:
    with refused(row=partial(_first_row, chunk)):
        return chunk, read_chunk(chunk, context)


def _first_row(chunk: bytes) -> int | None:
    """Return the 1-based row with which a chunk begins, if it says so."""
    found = _ROW.search(chunk)
    return None if found is None else int(found[1])


def _without(prefix: bytes, rows: bytes) -> bytes:
    """Take the namespace prefix off all elements."""
    return rows.replace(b"</" + prefix, b"</").replace(b"<" + prefix, b"<") if prefix else rows


def _merge(reference: tuple[bytes, ...]) -> Merge:
    left, top, right, bottom = (part.decode("ascii") for part in reference)
    return Merge(top=int(top) - 1, bottom=int(bottom) - 1, left=column_index(left), right=column_index(right))


class _Box:
    """The bounding box of all cells so far; a sheet beyond its limit is refused before it is built."""

    def __init__(self, context: SheetContext) -> None:
        self._context = context
        self._rows = self._columns = 0

    def add(self, block: Block) -> None:
        self._rows = max(self._rows, block.last + 1)
        self._columns = max(self._columns, block.width)
        if self._rows * self._columns > self._context.max_cells:
            raise rejected(
                "file.cell_limit",
                say(
                    "the cells of {part} span {rows} rows x {columns} columns, more than limits.cells ({limit})",
                    part=self._context.name,
                    rows=self._rows,
                    columns=self._columns,
                    limit=self._context.max_cells,
                ),
            )


def _to_sheet_data(stream: Iterator[bytes], name: str) -> tuple[bytes | None, bytes]:
    """Read up to the rows: return what follows `<sheetData>` (None if there are none) and the prefix."""
    buffer = b""
    for buffer in _by_tags(stream):
        found = _SHEET_DATA.search(buffer)
        refuse_doctype(buffer if found is None else buffer[: found.start()], name)
        if found is not None:
            return (None if found[2] else buffer[found.end() :]), found[1]
    if b"</" not in buffer[-200:]:
        raise rejected("file.corrupt_xml", say("{part} has no rows and no end", part=name))
    return None, b""


def _by_tags(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of an XML part, each with the tag that began before it, which is put together once."""
    held: list[bytes] = []
    for piece in pieces:
        held.append(piece)
        if b">" in piece:
            text = b"".join(held)
            yield text
            begun = text.find(b"<", text.rfind(b">") + 1)
            held = [] if begun < 0 else [text[begun:]]
    rest = b"".join(held)
    if b"<" in rest:
        yield rest
