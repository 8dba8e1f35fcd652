"""Tables of a web page, as programs save them under the name of an xls workbook: each is a sheet of texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from lxml import etree

from ...cells.assembly import assemble
from ...cells.cells import MAX_COLUMNS, CellBlock, Kind, Merge, SheetCells
from ...cells.error_values import error_texts
from ...errors import rejected
from ...messages import say
from .dressed import without_formulas
from .mhtml import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits
    from .file import TextFile

_SPACE: Final = re.compile(r"[ \t\r\n\f]+")
_BREAK: Final = "\ue000"
"""Stands for a line break while white space is collapsed; a private character that no page means."""
_NUL: Final = "\ue001"
"""Likewise for a NUL, which the parser would take for a letter that cannot be read."""
_UNDISPLAYED: Final = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.IGNORECASE)
_SPAN_MAX: Final = 65_534
"""Rows that a cell may span (HTML standard, 4.9.11)."""
_DEEPEST: Final = 100
_CELL: Final = re.compile(r"<t[dh]\b")
_CLOSED: Final = ("</head", "</thead", "</table")
"""What a program closes that closes more than rows."""
_CLOSED_LAST: Final = ("</body", "</html")
"""What stands at the end of a page that is whole, though a table in it may have been left open."""


class HtmlBook:
    """An open page, or an archive of pages; its tables are numbered in the order in which they begin.

    Raises:
        FileRejectedError: `file.corrupt_xml`; `file.truncated` for one that ends within a table, or an archive without
            its last boundary; `file.cell_limit` for tables within tables, too deep.

    """

    def __init__(self, file: TextFile, limits: FileLimits) -> None:
        self._limits = limits
        self._tables = [table for text in pages(file) for table in _tables(text)]

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The tables that have rows."""
        return tuple((f"Table {number}", "visible") for number in range(1, len(self._tables) + 1))

    def read(self, index: int) -> SheetCells:
        """Return the cells of a table; one that spans several has its text in the first of them.

        Raises:
            FileRejectedError: `file.cell_limit`.

        """
        rows: list[int] = []
        columns: list[int] = []
        texts: list[str] = []
        merges: list[Merge] = []
        taken: dict[int, int] = {}
        for row, element in enumerate(_rows(self._tables[index])):
            column = 0
            for cell in element:
                if cell.tag not in ("td", "th"):
                    continue
                while taken.get(column, 0) > row:
                    column += 1
                across, down = _span(cell, "colspan", MAX_COLUMNS), _span(cell, "rowspan", _SPAN_MAX)
                if column + across > MAX_COLUMNS or (row + 1) * (column + across) > self._limits.cells:
                    message = say(
                        "table {number} spans more than {columns} columns or limits.cells ({limit})",
                        number=index + 1,
                        columns=MAX_COLUMNS,
                        limit=self._limits.cells,
                    )
                    raise rejected("file.cell_limit", message)
                if text := _text(cell):
                    rows.append(row)
                    columns.append(column)
                    texts.append(text)
                if across > 1 or down > 1:
                    merges.append(Merge(top=row, bottom=row + down - 1, left=column, right=column + across - 1))
                if down > 1 or (across > 1 and taken):
                    taken.update(dict.fromkeys(range(column, column + across), row + down))
                column += across
        shown = without_formulas(pa.array(texts, pa.large_string()))
        block = CellBlock(
            rows=np.array(rows, np.int32),
            columns=np.array(columns, np.int32),
            kinds=np.where(error_texts(shown), np.uint8(Kind.ERROR), np.uint8(Kind.TEXT)),
            texts=shown,
        )
        return assemble([block], date1904=False, merges=merges)


def _tables(text: str) -> list[Any]:
    """Return the tables of a page that have rows."""
    _refuse_torn(text)
    # Elements of lxml.html are of classes of their own, which takes a call for each.
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, huge_tree=True)
    try:
        plain = _without_declaration(text).replace("\0", _NUL)
        page = etree.fromstring(plain.encode("utf-8", "replace"), parser)
    except (etree.LxmlError, ValueError) as error:
        raise rejected("file.corrupt_xml", say("the page cannot be read: {error}", error=error)) from error
    # The parser forgives everything: where it gives up, it leaves out the rest, and only its log says so.
    if given_up := parser.error_log.filter_from_fatals():
        message = say(
            "the page cannot be read beyond line {line}: {error}", line=given_up[0].line, error=given_up[0].message
        )
        raise rejected("file.corrupt_xml", message)
    if page is None:
        raise rejected("file.corrupt_xml", say("the page cannot be read: {error}", error="Document is empty"))
    tables = list(page.iter("table"))
    _refuse_deep(tables)
    return [table for table in tables if next(_rows(table), None) is not None]


def _refuse_deep(tables: Iterable[Any]) -> None:
    """Refuse tables within tables beyond all layouts: what the innermost has is a text of each table around it."""
    depths: dict[Any, int] = {}
    for table in tables:
        depths[table] = depths.get(next(table.iterancestors("table"), None), 0) + 1
        if depths[table] > _DEEPEST:
            message = say("tables lie within tables, more than {most} deep", most=_DEEPEST)
            raise rejected("file.cell_limit", message, hint=say("save the innermost table as a page of its own"))


def _refuse_torn(text: str) -> None:
    """Refuse a page that ends within a row, or below one: who closes other rows and tables would have closed it too.

    There are programs that close rows and leave it at that, but what they close of the rest they close to the end.
    """
    page = text.lower()
    number, end = page.count("<table"), page.rfind("</tr")
    if end < 0 or number <= page.count("</table"):
        return
    last = page.find("<tr", end)
    within = last >= 0 and _CELL.search(page, last)
    careful = any(tag in page for tag in _CLOSED) and not any(tag in page for tag in _CLOSED_LAST)
    if within or (careful and "</table" not in page[end:]):
        hint = say("send the file again: its end is missing; if the page is whole, close its table (</table>)")
        raise rejected(
            "file.truncated", say("{part} ends in the middle of its rows", part=f"Table {number}"), hint=hint
        )


def _without_declaration(text: str) -> str:
    """Take off an XML declaration: it names the encoding that the file had."""
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def _rows(table: Any) -> Iterator[Any]:
    """Yield the rows of a table, not those of tables within its cells; its feet are shown last, wherever they stand."""
    rows = (row for row in table.iter("tr") if next(row.iterancestors("table")) is table)
    if table.find("tfoot") is None:
        yield from rows
    else:
        yield from sorted(rows, key=lambda row: row.getparent().tag == "tfoot")


def _span(cell: Any, name: str, most: int) -> int:
    if (given := cell.get(name)) is None:
        return 1
    text = str(given).strip()
    return max(1, min(int(text), most)) if text.isascii() and text.isdigit() else 1


def _text(cell: Any) -> str:
    """Return the text of a cell as it is shown: white space collapsed, `<br>` and blocks on lines of their own."""
    shown = "".join(_pieces(cell)) if len(cell) else cell.text or ""
    lines = _SPACE.sub(" ", shown.replace(_NUL, "\0")).split(_BREAK)
    return "\n".join(line.strip(" ") for line in lines).strip("\n")


def _is_unseen(element: Any) -> bool:
    """Say whether a page does not show an element: a key to sort by, a script."""
    return element.tag in ("script", "style", "template") or (
        "hidden" in element.attrib or _UNDISPLAYED.search(element.get("style", "")) is not None
    )


def _pieces(cell: Any) -> list[str]:
    """Return the texts of a cell and of the elements in it, line breaks marked."""
    pieces: list[str] = []
    walk = etree.iterwalk(cell, events=("start", "end"))
    for event, element in walk:
        unseen = element is not cell and _is_unseen(element)
        if event == "start" and unseen:
            walk.skip_subtree()
        elif event == "start":
            pieces += [_BREAK] if element.tag == "br" else []
            pieces += [element.text or ""]
        elif element is not cell:
            parted = element.tag in ("p", "div", "li") and element.getnext() is not None and not unseen
            pieces += [_BREAK] if parted else []
            pieces += [element.tail or ""]
    return pieces
