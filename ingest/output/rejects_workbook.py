"""The workbook that is handed back: the header and the rejected rows of the original, with what is wrong with them."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Literal
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import openpyxl
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.writer.excel import ExcelWriter

from ..cells.cells import Kind, column_letters, empty_column
from ..cells.display import displayed
from ..cells.number_text import doubles, lost_digits
from ..cells.styles import without_zeros
from ..errors import UnknownPlaceError
from ..languages import ENGLISH, in_language
from ..messages import say
from ..table.header import REJECT_TITLES
from .rejected_rows import by_column, read_rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ..cells.cells import Column, SheetCells
    from ..errors import ErrorRecord
    from ..spec.field import Field
    from .kept import Corrections, KeptFile
    from .rejected_rows import RejectedSheet

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
_TEXT_FORMAT: Final = "@"
_NARROW, _WIDE, _REASONS_WIDE = 9, 40, 60
"""Characters: the narrowest and the widest column, and the widest of those that say what is wrong."""
_WIDTH_ROWS: Final = 200
"""So many rows decide how wide a column is."""
_LIST_CHARACTERS: Final = 255
"""What a workbook takes as a list of allowed values in a cell (Excel specifications and limits)."""
_LISTS_TITLE: Final = "Headgate lists"
_ABOVE_HEADER: Final = 5
"""So many rows above the header stay in view with it."""
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""What begins an escaped character in a workbook (ECMA-376, ST_Xstring), and is itself escaped where it is meant so."""
_EXACT_BELOW: Final = 1e15
_NO_TIME: Final = datetime(2000, 1, 1)  # noqa: DTZ001  # the times of a workbook's properties have no zone


def write_rejects(kept: KeptFile, out: Path, form: Form) -> int:
    """Write the rejected rows of a kept workbook to `out`; return how many there are.

    What stands above the data is kept in its place, and every rejected row keeps its cells, in their columns; behind
    them stand its row number in the original, and codes, reasons and remedies. In xlsx the bad cells are coloured and
    have a comment; texts stay texts.

    Raises:
        FileRejectedError: no row was rejected, or the workbook cannot be read any more.

    """
    language = kept.dataset.language or ENGLISH
    sheets, titles = read_rejected(kept, language), [in_language(title, language) for title in REJECT_TITLES]
    if form == "csv":
        _write_csv(sheets, titles, out)
    else:
        hidden_sheet = kept.dataset.workbook.hidden_sheets == "skip"

        def fill(book: Any) -> None:
            lists = _Lists(book, language, hidden_sheet=hidden_sheet)
            for sheet in sheets:
                _fill(book[sheet.name], sheet, titles, lists)

        _write_xlsx(sheets, out, fill)
    return sum(len(sheet.rows) for sheet in sheets)


def write_corrected(kept: KeptFile, corrections: Corrections, out: Path) -> int:
    """Write those rejected rows that have corrections to `out`, as a workbook of their own; return how many they are.

    A corrected cell holds the text that it was given, and nothing if that is empty; all others are as they were in the
    original. The same corrections are the same bytes: handed in twice, they are a duplicate.

    Raises:
        UnknownPlaceError: a row or a column is none of those that were rejected.
        FileRejectedError: as `write_rejects`.

    """
    sheets = [sheet for sheet in read_rejected(kept, ENGLISH) if sheet.name in corrections]
    for name in corrections.keys() - {sheet.name for sheet in sheets}:
        raise UnknownPlaceError(say("sheet {name} has no rejected rows", name=repr(name)))
    for sheet in sheets:
        _check_places(sheet, corrections[sheet.name])

    def fill(book: Any) -> None:
        for sheet in sheets:
            _fill_corrected(book[sheet.name], sheet, corrections[sheet.name])

    _write_xlsx(sheets, out, fill)
    return sum(map(len, corrections.values()))


def _check_places(sheet: RejectedSheet, rows: Mapping[int, Mapping[int, str]]) -> None:
    for row, cells in rows.items():
        if row not in sheet.rows:
            raise UnknownPlaceError(say("row {row} of sheet {name} was not rejected", row=row, name=repr(sheet.name)))
        for column in cells:
            if not 0 < column <= sheet.width:
                raise UnknownPlaceError(
                    say("sheet {name} has no column {column}", name=repr(sheet.name), column=column)
                )


def _told(errors: Sequence[ErrorRecord]) -> tuple[str, str, str]:
    """Return codes, reasons and remedies of a row, each with its cell."""
    places = [f"{error.cell}: " if error.cell else "" for error in errors]
    return (
        ", ".join(dict.fromkeys(error.code for error in errors)),
        "; ".join(f"{place}{error.message}" for place, error in zip(places, errors, strict=True)),
        "; ".join(dict.fromkeys(error.hint for error in errors)),
    )


# -- xlsx ------------------------------------------------------------------------------------------------


def _write_xlsx(sheets: Sequence[RejectedSheet], out: Path, fill: Callable[[Any], None]) -> None:
    """Write a workbook with what stands above the data of each sheet; `fill` writes the rest of it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    if any(sheet.cells.date1904 for sheet in sheets):
        book.epoch = CALENDAR_MAC_1904
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for row in range(sheet.end):
            for place, column in sheet.cells.columns.items():
                _put(page, row + 1, place, column, row)
    fill(book)
    _save(book, out)


def _save(book: Any, out: Path) -> None:
    """Save a workbook so that the same cells are the same bytes, whenever it is written."""
    book.properties.created = book.properties.modified = _NO_TIME
    made = BytesIO()
    ExcelWriter(book, ZipFile(made, "w", ZIP_DEFLATED)).save()
    with ZipFile(made) as parts, ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for part in parts.namelist():
            archive.writestr(ZipInfo(part), parts.read(part), ZIP_DEFLATED)


def _fill_corrected(page: Any, sheet: RejectedSheet, rows: Mapping[int, Mapping[int, str]]) -> None:
    for number, (row, texts) in enumerate(sorted(rows.items()), start=sheet.end + 1):
        for place in range(sheet.width):
            if place + 1 in texts:
                if text := texts[place + 1]:
                    _write_text(page.cell(number, place + 1), text)
            elif place in sheet.cells.columns:
                _put(page, number, place, sheet.cells.columns[place], row - 1, sheet.fields.get(place))


def _fill(page: Any, sheet: RejectedSheet, titles: Sequence[str], lists: _Lists) -> None:
    width = sheet.cells.width
    for offset, title in enumerate(titles if sheet.titled else ()):
        page.cell(sheet.end, width + 1 + offset, title).font = _ADDED
    for number, (row, errors) in enumerate(sheet.rows.items(), start=sheet.end + 1):
        for place, column in sheet.cells.columns.items():
            _put(page, number, place, column, row - 1, sheet.fields.get(place))
        page.cell(number, width + 1, row).font = _ADDED
        for offset, text in enumerate(_told(errors), start=2):
            cell = page.cell(number, width + offset)
            _write_text(cell, text)
            cell.font = _ADDED
        _mark(page, number, errors, sheet.keys)
    _furnish(page, sheet, lists)
    _select_first(page, sheet)


def _furnish(page: Any, sheet: RejectedSheet, lists: _Lists) -> None:
    """Give the page what makes it readable: widths, a header that stays, lists of allowed values."""
    last = sheet.end + len(sheet.rows)
    if sheet.titled:
        _freeze(page, sheet)
    for place in range(sheet.cells.width + len(REJECT_TITLES)):
        rows = page.iter_rows(
            min_row=max(1, sheet.end), max_row=min(last, sheet.end + _WIDTH_ROWS), min_col=place + 1, max_col=place + 1
        )
        longest = max((len(str(cell.value)) for (cell,) in rows if cell.value is not None), default=0)
        widest = _WIDE if place < sheet.cells.width else _REASONS_WIDE
        page.column_dimensions[column_letters(place)].width = min(max(longest + 2, _NARROW), widest)
    for place, field in sheet.fields.items():
        formula = lists.formula(field.constraints.enum or ())
        if formula is not None:
            # A question and no refusal: a dataset also takes what it lists as missing.
            allowed = DataValidation(
                type="list",
                formula1=formula,
                allow_blank=True,
                showErrorMessage=True,
                errorStyle="warning",
                errorTitle="Headgate",
                error=lists.refusal,
            )
            allowed.add(f"{column_letters(place)}{sheet.end + 1}:{column_letters(place)}{last}")
            page.add_data_validation(allowed)


def _freeze(page: Any, sheet: RejectedSheet) -> None:
    """Keep the header in view, with the first rejected row below it, however much stands above the header."""
    page.freeze_panes = page.cell(sheet.end + 1, 1)
    if sheet.head > _ABOVE_HEADER:
        # What is frozen begins at the first row in view; with all of the rows above it would fill a small screen.
        page.sheet_view.topLeftCell = f"A{sheet.head + 1}"
        page.sheet_view.pane.ySplit = sheet.end - sheet.head


class _Lists:
    """Lists of allowed values for cells; those that do not fit into a cell's own rule stand on a hidden sheet."""

    def __init__(self, book: Any, language: str, *, hidden_sheet: bool) -> None:
        self._book, self._hidden_sheet = book, hidden_sheet
        self.refusal = in_language(say("This is none of the values that are allowed here."), language)
        self._page: Any = None
        self._formulas: dict[tuple[str, ...], str] = {}

    def formula(self, values: tuple[str, ...]) -> str | None:
        """Return the formula of a list, None if there is none, or no place for it."""
        # Excel tells the values of a list apart by commas, and a list from a formula by its quotes.
        if values and len(",".join(values)) <= _LIST_CHARACTERS and not {",", '"'} & set("".join(values)):
            return f'"{",".join(values)}"'
        if not values or not self._hidden_sheet:
            return None
        if values not in self._formulas:
            self._formulas[values] = self._written(values)
        return self._formulas[values]

    def _written(self, values: tuple[str, ...]) -> str:
        if self._page is None:
            self._page = self._book.create_sheet(_LISTS_TITLE)
            self._page.sheet_state = "veryHidden"
        place = len(self._formulas)
        for row, value in enumerate(values, start=1):
            _write_text(self._page.cell(row, place + 1), value)
        column = column_letters(place)
        return f"'{self._page.title}'!${column}$1:${column}${len(values)}"


def _mark(page: Any, number: int, errors: Sequence[ErrorRecord], keys: frozenset[int]) -> None:
    for column, found in by_column(errors, keys).items():
        if column is not None:
            cell = page.cell(number, column)
            cell.fill = _BAD
            told = "\n".join(f"{error.code}: {error.message}\n{error.hint}" for error in found)
            cell.comment = Comment(told, "Headgate", _COMMENT_HEIGHT, _COMMENT_WIDTH)


def _select_first(page: Any, sheet: RejectedSheet) -> None:
    """Put the cursor on the first bad cell."""
    errors = next(iter(sheet.rows.values()))
    columns = [column for column in by_column(errors, sheet.keys) if column is not None]
    first = f"{column_letters(min(columns, default=1) - 1)}{sheet.end + 1}"
    for selection in page.sheet_view.selection:
        selection.activeCell = selection.sqref = first


def _put(page: Any, number: int, place: int, column: Column, row: int, field: Field | None = None) -> None:
    """Write one cell of the original, as the kind that it is.

    Cells of texts and identifiers have the format of texts, empty ones too, so that what is typed into them keeps its
    zeros; a text where something else is wanted has none, so that a date that is typed over it becomes one.
    """
    textual = field is None or field.id or field.type.kind == "string"
    if field is not None and textual:
        page.cell(number, place + 1).number_format = _TEXT_FORMAT
    one = column.part(slice(row, row + 1)) if row < len(column.kinds) else empty_column(1)
    one = one if field is not None and field.id else without_zeros(one)
    kind = Kind(int(one.kinds[0]))
    if kind in (Kind.EMPTY, Kind.UNCACHED):
        return
    cell = page.cell(number, place + 1)
    text = one.texts[0].as_py() or ""
    if kind in _AS_TEXTS or (kind == Kind.NUMBER and _is_beyond_a_double(one)):
        _write_text(cell, text)
        cell.number_format = _TEXT_FORMAT if textual else "General"
    elif kind == Kind.BOOLEAN:
        cell.value = text != "0"
    elif kind == Kind.ERROR:
        cell.value, cell.data_type = text, "e"
    else:
        cell.value = float(doubles(one.texts)[0])
        cell.number_format = _FORMATS.get(kind, cell.number_format)


def _is_beyond_a_double(number: Column) -> bool:
    """Say whether the file has digits of the number that the cell of a workbook would lose."""
    return abs(doubles(number.texts)[0]) >= _EXACT_BELOW and not lost_digits(number.texts)[0]


def _write_text(cell: Any, text: str) -> None:
    """Write a text that stays one, whatever it begins with, and is read back as it is."""
    whole = _ESCAPED.sub("_x005F_", text).replace("\r", "_x000D_")
    cell.value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", whole)
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(_FORMULA_STARTS)


# -- CSV -------------------------------------------------------------------------------------------------


def _write_csv(sheets: Sequence[RejectedSheet], reject_titles: Sequence[str], out: Path) -> None:
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for sheet in sheets:
            width = sheet.cells.width
            for row in range(sheet.end):
                titles = reject_titles if sheet.titled and row == sheet.end - 1 else ()
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
