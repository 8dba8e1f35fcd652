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
from openpyxl.worksheet.datavalidation import DataValidation

from ..cells.cells import Kind, column_letters, empty_column
from ..cells.display import displayed
from ..cells.number_text import doubles, lost_digits
from ..cells.styles import without_zeros
from ..errors import ErrorRecord, rejected
from ..formats.hint import Hint
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..table.header import REJECT_TITLES
from ..table.table import find_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ..cells.cells import Column, SheetCells
    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Part

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
_EXACT_BELOW: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sheet:
    """What is handed back of one sheet: the rows above the 0-based row `end`, and the rejected rows (1-based).

    `fields` are the fields by their 0-based columns, `keys` the columns of the key.
    """

    name: str
    cells: SheetCells
    end: int
    titled: bool
    rows: Mapping[int, Sequence[ErrorRecord]]
    fields: Mapping[int, Field]
    keys: frozenset[int]


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
    hint = Hint.of(dataset, source)
    with open_book(path, sniff(path, limits, hint), limits, hint) as book:
        parts = find_table(book, dataset, source).parts
        names = [name for name, _ in book.sheets]
        sheets = [
            _sheet(part, book.read(names.index(part.sheet)), bad[part.sheet], dataset)
            for part in parts
            if part.sheet in bad
        ]
    if form == "csv":
        _write_csv(sheets, out)
    else:
        _write_xlsx(sheets, out)
    return sum(len(sheet.rows) for sheet in sheets)


def _sheet(part: Part, cells: SheetCells, rows: Mapping[int, Sequence[ErrorRecord]], dataset: Dataset) -> _Sheet:
    columns = part.header.columns
    return _Sheet(
        name=part.sheet,
        cells=cells,
        end=part.header.end,
        titled=part.header.row >= 0,
        rows=rows,
        fields={columns[field.name]: field for field in dataset.fields if field.name in columns},
        keys=frozenset(columns[name] for name in dataset.primary_key if name in columns),
    )


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
            _put(page, number, place, column, row - 1, sheet.fields.get(place))
        page.cell(number, width + 1, row).font = _ADDED
        for offset, text in enumerate(_told(errors), start=2):
            cell = page.cell(number, width + offset)
            _write_text(cell, text)
            cell.font = _ADDED
        _mark(page, number, errors, sheet.keys)
    _furnish(page, sheet)


def _furnish(page: Any, sheet: _Sheet) -> None:
    """Give the page what makes it readable: widths, a header that stays, lists of allowed values."""
    last = sheet.end + len(sheet.rows)
    if sheet.titled:
        page.freeze_panes = page.cell(sheet.end + 1, 1)
    for place in range(sheet.cells.width + len(REJECT_TITLES)):
        rows = page.iter_rows(
            min_row=max(1, sheet.end), max_row=min(last, sheet.end + _WIDTH_ROWS), min_col=place + 1, max_col=place + 1
        )
        longest = max((len(str(cell.value)) for (cell,) in rows if cell.value is not None), default=0)
        widest = _WIDE if place < sheet.cells.width else _REASONS_WIDE
        page.column_dimensions[column_letters(place)].width = min(max(longest + 2, _NARROW), widest)
    for place, field in sheet.fields.items():
        values = ",".join(field.constraints.enum or ())
        # Excel tells the values of a list apart by commas, and a list from a formula by its quotes.
        plain = all(not {",", '"'} & set(value) for value in field.constraints.enum or ())
        if values and plain and len(values) <= _LIST_CHARACTERS:
            allowed = DataValidation(type="list", formula1=f'"{values}"', allow_blank=True)
            allowed.add(f"{column_letters(place)}{sheet.end + 1}:{column_letters(place)}{last}")
            page.add_data_validation(allowed)


def _mark(page: Any, number: int, errors: Sequence[ErrorRecord], keys: frozenset[int]) -> None:
    notes: defaultdict[int, list[str]] = defaultdict(list)
    for error in errors:
        # What is wrong with a key is wrong with all of its cells.
        columns = sorted(place + 1 for place in keys) if error.code.startswith("row.key_") else ()
        for column in (error.column,) if error.column is not None else columns:
            notes[column].append(f"{error.code}: {error.message}\n{error.hint}")
    for column, texts in notes.items():
        cell = page.cell(number, column)
        cell.fill = _BAD
        cell.comment = Comment("\n".join(texts), "Headgate", _COMMENT_HEIGHT, _COMMENT_WIDTH)


def _put(page: Any, number: int, place: int, column: Column, row: int, field: Field | None = None) -> None:
    """Write one cell of the original, as the kind that it is.

    Cells of texts and identifiers have the format of texts, so that what is typed over them keeps its zeros; a text
    where something else is wanted has none, so that a date that is typed over it becomes one.
    """
    textual = field is None or field.id or field.type.kind == "string"
    if field is not None and field.id:
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
