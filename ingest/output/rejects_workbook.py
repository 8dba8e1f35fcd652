"""The workbook that is handed back: the header and the rejected rows of the original, with what is wrong with them."""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Literal

import openpyxl
from openpyxl.comments import Comment
from openpyxl.styles import Font, PatternFill
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.datavalidation import DataValidation

from ..cells.cells import MAX_COLUMNS, MAX_ROWS, column_letters
from ..errors import UnknownPlaceError, rejected
from ..languages import ENGLISH, in_language
from ..messages import say
from ..table.guards import guarded_again
from ..table.header import REJECT_TITLES
from .rejected_rows import by_column, read_rejected, told
from .rejects_csv import write_csv
from .workbook_cells import in_xml, put_cell, write_text
from .workbook_parts import save

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ..errors import ErrorRecord
    from ..spec.dataset import Dataset
    from .kept import Corrections, KeptFile
    from .rejected_rows import RejectedSheet

Form = Literal["xlsx", "csv"]

_BAD: Final = PatternFill("solid", fgColor="FFF4B6B6")
_ADDED: Final = Font(color="FFB00020", italic=True)
_COMMENT_WIDTH, _COMMENT_HEIGHT = 320, 120
_NARROW, _WIDE, _REASONS_WIDE = 9, 40, 60
"""Characters: the narrowest and the widest column, and the widest of those that say what is wrong."""
_WIDTH_ROWS: Final = 200
"""So many rows decide how wide a column is."""
_LIST_CHARACTERS: Final = 255
"""What a workbook takes as a list of allowed values in a cell (Excel specifications and limits)."""
_LISTS_TITLE: Final = "Headgate lists"
_REASONS_CHARACTERS: Final = 8_000
"""More says nobody anything of a row: hundreds of its cells are bad."""
_TITLE_CHARACTERS: Final = 31
"""What a workbook takes as a sheet's name (Excel specifications and limits)."""
_NO_TITLE: Final = re.compile(r"[\\*?:/\[\]\x00-\x1f]|^'|'$")
"""What a sheet's name cannot have in a workbook; those of other formats may."""
_ABOVE_HEADER: Final = 5
"""So many rows above the header stay in view with it."""


def write_rejects(kept: KeptFile, out: Path, form: Form) -> int:
    """Write the rejected rows of a kept workbook to `out`; return how many there are.

    What stands above the data is kept in its place, and every rejected row keeps its cells, in their columns; behind
    them stand its row number in the original, and codes, reasons and remedies. In xlsx the bad cells are coloured and
    have a comment; texts stay texts.

    Raises:
        FileRejectedError: no row was rejected, or the workbook cannot be read any more, or the form cannot hold what
            it needs: a text is too long for a workbook, rows or columns are too many, a value comes from the name of a
            sheet.

    """
    language = kept.dataset.language or ENGLISH
    sheets, titles = read_rejected(kept, language), [in_language(title, language) for title in REJECT_TITLES]
    _refuse_too_wide(sheets)
    if form == "csv":
        if _takes_names(kept.dataset):
            message = say("a CSV file has no sheet, and the dataset takes a value from the sheet's name")
            raise rejected("sheet.missing", message, hint=say("ask for the rejected rows as a workbook"))
        write_csv(sheets, titles, out)
    else:
        _refuse_other_names(sheets, kept.dataset)
        _refuse_too_long(sheets)
        hidden_sheet = kept.dataset.workbook.hidden_sheets == "skip"

        def fill(book: Any, pages: Sequence[Any]) -> None:
            lists = _Lists(book, language, hidden_sheet=hidden_sheet)
            for page, sheet in zip(pages, sheets, strict=True):
                _fill(page, sheet, titles, lists)

        _write_xlsx(sheets, out, fill)
    return sum(len(sheet.rows) for sheet in sheets)


def write_corrected(kept: KeptFile, corrections: Corrections, out: Path) -> int:
    """Write those rejected rows that have corrections to `out`, as a workbook of their own; return how many they are.

    A corrected cell holds the text that it was given, and nothing if that is empty; all others are as they were in the
    original. The same corrections are the same bytes: handed in twice, they are a duplicate.

    Raises:
        UnknownPlaceError: a row or a column is none of those that were rejected.
        FileRejectedError: as `write_rejects` for a workbook.

    """
    sheets = [sheet for sheet in read_rejected(kept, ENGLISH) if sheet.name in corrections]
    for name in corrections.keys() - {sheet.name for sheet in sheets}:
        raise UnknownPlaceError(say("sheet {name} has no rejected rows", name=repr(name)))
    _refuse_other_names(sheets, kept.dataset)
    _refuse_too_wide(sheets)
    for sheet in sheets:
        _check_places(sheet, corrections[sheet.name])

    def fill(_: Any, pages: Sequence[Any]) -> None:
        for page, sheet in zip(pages, sheets, strict=True):
            _fill_corrected(page, sheet, corrections[sheet.name])

    _write_xlsx(sheets, out, fill)
    return sum(map(len, corrections.values()))


def _takes_names(dataset: Dataset) -> bool:
    return any(constant.from_ == "sheet" for constant in dataset.constants.values())


def _refuse_other_names(sheets: Sequence[RejectedSheet], dataset: Dataset) -> None:
    names = [sheet.name for sheet in sheets]
    other = [name for name, title in zip(names, _page_titles(names), strict=True) if name != title]
    if other and _takes_names(dataset):
        message = say("no workbook can have the sheet name {name}, from which a value is taken", name=repr(other[0]))
        raise rejected("sheet.missing", message, hint=say("correct the original, and hand that in again"))


def _refuse_too_wide(sheets: Sequence[RejectedSheet]) -> None:
    for sheet in sheets:
        if sheet.width + len(REJECT_TITLES) > MAX_COLUMNS:
            message = say(
                "the rejected rows of sheet {name} have {columns} columns: there is no room for what is wrong with "
                "them",
                name=repr(sheet.name),
                columns=sheet.width,
            )
            raise rejected("file.too_large", message, hint=say("correct the original, and hand that in again"))


def _refuse_too_long(sheets: Sequence[RejectedSheet]) -> None:
    for sheet in sheets:
        if sheet.end + len(sheet.rows) > MAX_ROWS:
            message = say(
                "the {rows} rejected rows of sheet {name} are more than a workbook takes",
                rows=len(sheet.rows),
                name=repr(sheet.name),
            )
            raise rejected("file.too_large", message, hint=say("ask for the rejected rows as CSV"))


def _check_places(sheet: RejectedSheet, rows: Mapping[int, Mapping[int, str]]) -> None:
    for row, cells in rows.items():
        if row not in sheet.rows:
            raise UnknownPlaceError(say("row {row} of sheet {name} was not rejected", row=row, name=repr(sheet.name)))
        for column in cells:
            if not 0 < column <= sheet.width:
                raise UnknownPlaceError(
                    say("sheet {name} has no column {column}", name=repr(sheet.name), column=column)
                )


# -- xlsx ------------------------------------------------------------------------------------------------


def _write_xlsx(sheets: Sequence[RejectedSheet], out: Path, fill: Callable[[Any, Sequence[Any]], None]) -> None:
    """Write a workbook with what stands above the data of each sheet; `fill` writes the rest of it."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    if any(sheet.cells.date1904 for sheet in sheets):
        book.epoch = CALENDAR_MAC_1904
    pages = [book.create_sheet(title) for title in _page_titles([sheet.name for sheet in sheets])]
    for page, sheet in zip(pages, sheets, strict=True):
        for row in range(sheet.end):
            for place, column in sheet.cells.columns.items():
                put_cell(page, row + 1, place, column, row)
        for merge in sheet.merges_above:
            page.merge_cells(
                start_row=merge.top + 1,
                start_column=merge.left + 1,
                end_row=merge.bottom + 1,
                end_column=merge.right + 1,
            )
    fill(book, pages)
    save(book, out)


def _page_titles(names: Sequence[str]) -> list[str]:
    """Return the names of sheets as a workbook can have them; two that differ in case only are one name there."""
    titles: dict[str, str] = {}
    for name in names:
        fit = _NO_TITLE.sub("_", name)[:_TITLE_CHARACTERS] or "_"
        for number in count(2):
            if fit.casefold() not in titles:
                break
            ending = f" ({number})"
            fit = _NO_TITLE.sub("_", name)[: _TITLE_CHARACTERS - len(ending)] + ending
        titles[fit.casefold()] = fit
    return list(titles.values())


def _fill_corrected(page: Any, sheet: RejectedSheet, rows: Mapping[int, Mapping[int, str]]) -> None:
    if sheet.titled:
        page.cell(sheet.end, sheet.width + 1, REJECT_TITLES[0]).font = _ADDED
    for number, (row, texts) in enumerate(sorted(rows.items()), start=sheet.end + 1):
        for place in range(sheet.width):
            if place + 1 in texts:
                if text := texts[place + 1]:
                    write_text(page.cell(number, place + 1), guarded_again(text))
            elif place in sheet.cells.columns:
                field, column = sheet.fields.get(place), sheet.cells.columns[place]
                put_cell(page, number, place, column, row - 1, field, again=True)
        _name(page.cell(number, sheet.width + 1), sheet.names[row])
        if not sheet.titled:
            # By them it is known what stands in front.
            codes, *_ = told(sheet.rows[row])
            write_text(page.cell(number, sheet.width + 2), codes)


def _name(cell: Any, name: str | int) -> None:
    """Write what a row is called in the original; nothing for one that has no name there."""
    if isinstance(name, int):
        cell.value = name
    elif name:
        write_text(cell, name)
    cell.font = _ADDED


def _fill(page: Any, sheet: RejectedSheet, titles: Sequence[str], lists: _Lists) -> None:
    width = sheet.width
    for offset, title in enumerate(titles if sheet.titled else ()):
        page.cell(sheet.end, width + 1 + offset, title).font = _ADDED
    for number, (row, errors) in enumerate(sheet.rows.items(), start=sheet.end + 1):
        for place, column in sheet.cells.columns.items():
            put_cell(page, number, place, column, row - 1, sheet.fields.get(place), again=True)
        _name(page.cell(number, width + 1), sheet.names[row])
        for offset, text in enumerate(told(errors), start=2):
            cell = page.cell(number, width + offset)
            write_text(cell, text if len(text) < _REASONS_CHARACTERS else f"{text[:_REASONS_CHARACTERS]}…")
            cell.font = _ADDED
        _mark(page, number, errors, sheet.keys)
    _furnish(page, sheet, lists)
    _select_first(page, sheet)


def _furnish(page: Any, sheet: RejectedSheet, lists: _Lists) -> None:
    """Give the page what makes it readable: widths, a header that stays, lists of allowed values."""
    last = sheet.end + len(sheet.rows)
    if sheet.titled:
        _freeze(page, sheet)
    for place in range(sheet.width + len(REJECT_TITLES)):
        rows = page.iter_rows(
            min_row=max(1, sheet.end), max_row=min(last, sheet.end + _WIDTH_ROWS), min_col=place + 1, max_col=place + 1
        )
        longest = max((len(str(cell.value)) for (cell,) in rows if cell.value is not None), default=0)
        widest = _WIDE if place < sheet.width else _REASONS_WIDE
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
            write_text(self._page.cell(row, place + 1), value)
        column = column_letters(place)
        return f"'{self._page.title}'!${column}$1:${column}${len(values)}"


def _mark(page: Any, number: int, errors: Sequence[ErrorRecord], keys: frozenset[int]) -> None:
    for column, found in by_column(errors, keys).items():
        if column is not None:
            cell = page.cell(number, column)
            cell.fill = _BAD
            comment = "\n".join(f"{error.code}: {error.message}\n{error.hint}" for error in found)
            cell.comment = Comment(in_xml(comment), "Headgate", _COMMENT_HEIGHT, _COMMENT_WIDTH)


def _select_first(page: Any, sheet: RejectedSheet) -> None:
    """Put the cursor on the first bad cell."""
    errors = next(iter(sheet.rows.values()))
    columns = [column for column in by_column(errors, sheet.keys) if column is not None]
    first = f"{column_letters(min(columns, default=1) - 1)}{sheet.end + 1}"
    for selection in page.sheet_view.selection:
        selection.activeCell = selection.sqref = first
