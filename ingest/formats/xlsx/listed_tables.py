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

_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})")


def totals_rows(container: Container, sheet: str) -> tuple[TotalsRow, ...]:
    """Return the rows of totals of the tables on a sheet, which is named by its part.

    A table that is damaged says nothing: the cells are all there without it.
    """
    found: list[TotalsRow] = []
    with suppress(FileRejectedError):
        for kind, part in set(relations(container, sheet).values()):
            if kind == "table" and part in container:
                with suppress(FileRejectedError):
                    found += _totals(parse_xml(container.read(part), part))
    return tuple(found)


def _totals(table: Element) -> Iterator[TotalsRow]:
    """Yield the last row of the range if it is one of totals (ECMA-376-1, 18.5.1.2, totalsRowCount)."""
    where, count = _RANGE.fullmatch(table.get("ref", "")), table.get("totalsRowCount", "0")
    if local_name(table.tag) == "table" and where is not None and count == "1":
        left = column_index(where[1])
        yield TotalsRow(
            top=int(where[2]) - 1,
            row=int(where[4]) - 1,
            left=left,
            right=column_index(where[3]),
            labels=dict(_labels(table, left)),
        )


def _labels(table: Element, left: int) -> Iterator[tuple[int, str | None]]:
    """Yield the columns of which the row of totals has anything, with its text; None for a function's result."""
    columns = [list(child) for child in table if local_name(child.tag) == "tableColumns"]
    for place, column in enumerate(columns[0] if columns else (), left):
        label, function = column.get("totalsRowLabel"), column.get("totalsRowFunction", "none")
        if label is not None or function != "none":
            yield place, label
