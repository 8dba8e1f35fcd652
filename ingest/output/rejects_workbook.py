"""The workbook that is handed back: the header and the rejected rows of the original, with what is wrong with them."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from ..cells.cells import Kind
from ..cells.display import displayed
from ..cells.number_text import doubles, lost_digits
from ..errors import ErrorRecord, rejected
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..table.header import REJECT_TITLES
from ..table.table import find_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ..cells.cells import Column, SheetCells
    from ..spec.dataset import Dataset

Form = Literal["xlsx", "csv"]

_BAD: Final = PatternFill("solid", fgColor="FFF4B6B6")
_ADDED: Final = Font(color="FFB00020", italic=True)
_FORMATS: Final = {
    Kind.DATE: "yyyy-mm-dd",
    Kind.DATETIME: "yyyy-mm-dd hh:mm:ss",
    Kind.TIME: "hh:mm:ss",
    Kind.DURATION: "[h]:mm:ss",
}
_AS_TEXTS: Final = (Kind.TEXT, Kind.MOMENT, Kind.PADDED, Kind.MALFORMED)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text of a CSV file for a formula (OWASP, CSV injection)."""
_COMMENT_WIDTH, _COMMENT_HEIGHT = 320, 120
_EXACT_BELOW: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What is handed back of one sheet: the rows above the 0-based row `end`, and the rejected rows (1-based)."""

    name: str
    cells: SheetCells
    end: int
    titled: bool
    rows: Mapping[int, Sequence[ErrorRecord]]


def write_rejects(path: Path, dataset: Dataset, records: Path, source: str, out: Path, form: Form) -> int:
    """Write the rejected rows of the workbook at `path` to `out`; return how many there are.

    `records` are the error records of its parse (`report.REJECTED_FILE`), `source` is the path under which the file
    was handed in. What stands above the data is kept in its place, and every rejected row keeps its cells, in their
    columns; behind them stand its row number in the original, and codes, reasons and remedies. In xlsx the bad cells
    are coloured and have a comment; texts stay texts.

    Raises:
        FileRejectedError: no row was rejected, or the workbook cannot be read any more.

    """
    bad = _rejected_rows(records)
    if not bad:
        raise rejected("table.no_rows", "no row was rejected", hint="read the job's errors: they are of the whole file")
    limits = dataset.limits
    with open_book(path, sniff(path, limits), limits) as book:
        parts = find_table(book, dataset, source).parts
        names = [name for name, _ in book.sheets]
        sheets = [
            _Sheet(
                name=part.sheet,
                cells=book.read(names.index(part.sheet)),
                end=part.header.end,
                titled=part.header.row >= 0,
                rows=bad[part.sheet],
            )
            for part in parts
            if part.sheet in bad
        ]
    if form == "csv":
        _write_csv(sheets, out)
    else:
        _write_xlsx(sheets, out)
    return sum(len(sheet.rows) for sheet in sheets)


def _rejected_rows(records: Path) -> dict[str, dict[int, list[ErrorRecord]]]:
    """Return the errors of rows by sheet and row."""
    found: defaultdict[str, defaultdict[int, list[ErrorRecord]]] = defaultdict(lambda: defaultdict(list))
    with records.open(encoding="utf-8") as lines:
        for line in lines:
            record = ErrorRecord(**json.loads(line))
            of_row = record.code.partition(".")[0] in ("row", "cell") and record.severity == "error"
            if of_row and record.sheet is not None and record.row is not None:
                found[record.sheet][record.row].append(record)
    return {sheet: dict(sorted(rows.items())) for sheet, rows in found.items()}


def _told(errors: Sequence[ErrorRecord]) -> tuple[str, str, str]:
    """Return codes, reasons and remedies of a row, each with its cell."""
    places = [f"{error.cell}: " if error.cell else "" for error in errors]
    return (
        ", ".join(dict.fromkeys(error.code for error in errors)),
        "; ".join(f"{place}{error.message}" for place, error in zip(places, errors, strict=True)),
        "; ".join(dict.fromkeys(error.hint for error in errors)),
    )


# -- xlsx ------------------------------------------------------------------------------------------------


def _write_xlsx(sheets: Sequence[_Sheet], out: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.active)
    if any(sheet.cells.date1904 for sheet in sheets):
        book.epoch = CALENDAR_MAC_1904
    for sheet in sheets:
        _fill(book.create_sheet(sheet.name), sheet)
    book.save(out)


def _fill(page: Any, sheet: _Sheet) -> None:
    width = sheet.cells.width
    for row in range(sheet.end):
        for place, column in sheet.cells.columns.items():
            _put(page, row + 1, place, column, row)
    for offset, title in enumerate(REJECT_TITLES if sheet.titled else ()):
        page.cell(sheet.end, width + 1 + offset, title).font = _ADDED
    for number, (row, errors) in enumerate(sheet.rows.items(), start=sheet.end + 1):
        for place, column in sheet.cells.columns.items():
            _put(page, number, place, column, row - 1)
        page.cell(number, width + 1, row).font = _ADDED
        for offset, text in enumerate(_told(errors), start=2):
            cell = page.cell(number, width + offset)
            _write_text(cell, text)
            cell.font = _ADDED
        _mark(page, number, errors)


def _mark(page: Any, number: int, errors: Sequence[ErrorRecord]) -> None:
    notes: defaultdict[int, list[str]] = defaultdict(list)
    for error in errors:
        if error.column is not None:
            notes[error.column].append(f"{error.code}: {error.message}\n{error.hint}")
    for column, texts in notes.items():
        cell = page.cell(number, column)
        cell.fill = _BAD
        cell.comment = Comment("\n".join(texts), "Headgate", _COMMENT_HEIGHT, _COMMENT_WIDTH)


def _put(page: Any, number: int, place: int, column: Column, row: int) -> None:
    """Write one cell of the original, as the kind that it is."""
    kind = Kind(int(column.kinds[row])) if row < len(column.kinds) else Kind.EMPTY
    if kind in (Kind.EMPTY, Kind.UNCACHED):
        return
    cell = page.cell(number, place + 1)
    one = column.part(slice(row, row + 1))
    text = one.texts[0].as_py() or ""
    if kind in _AS_TEXTS or (kind == Kind.NUMBER and _is_beyond_a_double(one)):
        _write_text(cell, text)
    elif kind == Kind.BOOLEAN:
        cell.value = text != "0"
    elif kind == Kind.ERROR:
        cell.value, cell.data_type = text, "e"
    else:
        cell.value = float(doubles(one.texts)[0])
        cell.number_format = _FORMATS.get(kind, "General")


def _is_beyond_a_double(number: Column) -> bool:
    """Say whether the file has digits of the number that the cell of a workbook would lose."""
    return abs(doubles(number.texts)[0]) >= _EXACT_BELOW and not lost_digits(number.texts)[0]


def _write_text(cell: Any, text: str) -> None:
    """Write a text that stays one, whatever it begins with."""
    cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", text)
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(_FORMULA_STARTS)


# -- CSV -------------------------------------------------------------------------------------------------


def _write_csv(sheets: Sequence[_Sheet], out: Path) -> None:
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for sheet in sheets:
            width = sheet.cells.width
            for row in range(sheet.end):
                titles = REJECT_TITLES if sheet.titled and row == sheet.end - 1 else ()
                writer.writerow([*map(_harmless, _texts(sheet.cells, row)), *titles])
            for row, errors in sheet.rows.items():
                values = [*_texts(sheet.cells, row - 1)] if row <= sheet.cells.rows else [""] * width
                writer.writerow(map(_harmless, [*values, str(row), *_told(errors)]))


def _texts(cells: SheetCells, row: int) -> Iterator[str]:
    for place in range(cells.width):
        column = cells.columns.get(place)
        if column is None:
            yield ""
        else:
            yield displayed(column.part(slice(row, row + 1)), date1904=cells.date1904)[0].as_py() or ""


def _harmless(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; numbers are none."""
    if not text.startswith(_FORMULA_STARTS):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text
