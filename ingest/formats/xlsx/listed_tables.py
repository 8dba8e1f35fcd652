"""The tables that a sheet of an xlsx workbook declares (Insert, Table): which of its rows are their totals."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ...cells.cells import TotalsRow, column_index
from ...errors import FileRejectedError
from ..zip.opc import relations
from ..zip.xml_text import local_name, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element

    from ..zip.container import Container

_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?[0-9]{1,7}:\$?([A-Z]{1,3})\$?([0-9]{1,7})")


def totals_rows(container: Container, sheet: str) -> tuple[TotalsRow, ...]:
    """Return the rows of totals of the tables on a sheet, which is named by its part.

    A table that is damaged says nothing: the cells are all there without it.
    """
    found: list[TotalsRow] = []
    with suppress(FileRejectedError):
        for kind, part in relations(container, sheet).values():
            if kind == "table" and part in container:
                with suppress(FileRejectedError):
                    found += _totals(parse_xml(container.read(part), part))
    return tuple(found)


def _totals(table: Element) -> Iterator[TotalsRow]:
    """Yield the last rows of the range, as many as are totals (ECMA-376-1, 18.5.1.2, totalsRowCount)."""
    where, count = _RANGE.fullmatch(table.get("ref", "")), table.get("totalsRowCount", "0")
    if local_name(table.tag) == "table" and where is not None and count == "1":
        yield TotalsRow(row=int(where[3]) - 1, left=column_index(where[1]), right=column_index(where[2]))
