"""Whether the sheets of an xls workbook are whole: owns what readers of rare and damaged ones pass over silently."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from ...cells.extent import Extent
from ...errors import is_of_the_machine, rejected
from ...messages import say
from .globals import BIFF5, read_globals
from .layout import BOF, EOF, HEAD, LABEL_SST, RICH_STRING, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...spec.dataset import FileLimits

_HEAD: Final = struct.Struct("<HH")
_INTEGER: Final = struct.Struct("<I")
_STRING_BYTES: Final = 10
_CELL: Final = struct.Struct("<HH")
_CELLS: Final = frozenset((*VALUES, RICH_STRING))


def refuse_torn(file: Path | bytes, limits: FileLimits) -> None:
    """Refuse a workbook with a sheet that breaks off: xlrd and calamine would read it as one of fewer cells.

    One of which not even the list of sheets can be read is left to them, and so is one older than Excel 5.

    Raises:
        FileRejectedError: `file.truncated` for a sheet without an end, `file.corrupt_container` for one with a hole, or
            with a text that is not there; `file.corrupt_xml` for a cell outside of any sheet, `file.cell_limit`.

    """
    try:
        found = read_globals(file, least=BIFF5)
    except Exception as error:
        if is_of_the_machine(error):
            raise
        return
    content = found.stream.content[: found.stream.end]
    strings = 0 if found.strings is None else _INTEGER.unpack_from(content, found.strings + HEAD + 4)[0]
    for sheet in found.sheets:
        ended = depth = 0
        extent = Extent(sheet.name, limits.cells)
        for kind, size, start in _records(content, sheet.place):
            depth += (kind == BOF) - (kind == EOF)
            if not kind:
                raise rejected("file.corrupt_container", say("the part {part} is damaged", part=sheet.name))
            if kind == LABEL_SST and size >= _STRING_BYTES and _INTEGER.unpack_from(content, start + 6)[0] >= strings:
                raise rejected(
                    "file.corrupt_container", say("{part} refers to a shared string that is not there", part=sheet.name)
                )
            if depth == 1 and kind in _CELLS and size >= _CELL.size:
                # calamine takes memory for all the cells before one that is far away.
                extent.add(*_CELL.unpack_from(content, start))
            ended = depth <= 0
            if ended:
                break
        if not ended:
            raise rejected("file.truncated", say("{part} ends in the middle of its rows", part=sheet.name))


def _records(content: bytes, place: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, size and place of the data of each record that is there as a whole."""
    while place + HEAD <= len(content):
        kind, size = _HEAD.unpack_from(content, place)
        place += HEAD
        if place + size > len(content):
            return
        yield kind, size, place
        place += size
