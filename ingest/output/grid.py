"""The grid of a sheet as CSV or JSON, exactly as the parser sees it, without any dataset."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TextIO

import pyarrow as pa

from ..cells.cells import Kind, SheetCells
from ..cells.display import displayed
from ..cells.number_text import doubles, shortest_texts
from ..cells.styles import without_zeros
from ..errors import rejected
from ..formats.hint import Hint
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..messages import say
from ..spec.dataset import FileLimits

if TYPE_CHECKING:
    from pathlib import Path

    from ..cells.cells import Visibility
    from ..formats.readers import Book

LIMITS: Final = FileLimits.model_construct()
"""Those of a dataset that says nothing of them."""
ROWS_AT_ONCE: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetInfo:
    """One sheet of a workbook; `rows` and `columns` count from A1 to the last cell that holds anything."""

    index: int
    name: str
    visibility: Visibility
    rows: int
    columns: int


def read_sheets(path: Path, encoding: str | None = None, limits: FileLimits = LIMITS) -> tuple[SheetInfo, ...]:
    """Return the sheets of a workbook, in the order of the tabs; a text is in the encoding, if one is given.

    Raises:
        FileRejectedError: the file cannot be read; its code says why.

    """
    hint = Hint(name=path.name, encoding=encoding)
    with open_book(path, sniff(path, limits, hint), limits) as book:
        return tuple(
            SheetInfo(index=index, name=name, visibility=visibility, rows=cells.rows, columns=cells.width)
            for index, (name, visibility) in enumerate(book.sheets)
            for cells in (book.read(index),)
        )


def read_grid(
    path: Path,
    sheet: str | int | None,
    out: TextIO,
    form: Literal["csv", "json"],
    encoding: str | None = None,
    limits: FileLimits = LIMITS,
) -> None:
    """Write every physical row of a sheet from row 1, and every column from A, to `out`.

    `sheet` is a name, a 0-based index (digits, too), or None for the first visible one. CSV has ISO dates and times,
    the shortest text of a number that reads back the same, `TRUE` and `FALSE`, errors as Excel shows them and
    nothing for an empty cell; JSON has one array a row, with numbers, booleans, texts and nulls. `encoding` is that of
    a file of text, if it is known.

    Raises:
        FileRejectedError: the file or the sheet cannot be read; its code says why.

    """
    hint = Hint(name=path.name, encoding=encoding)
    with open_book(path, sniff(path, limits, hint), limits) as book:
        cells = book.read(choose_sheet(book, sheet))
    write = _write_csv if form == "csv" else _write_json
    for start in range(0, cells.rows, ROWS_AT_ONCE):
        write(cells, slice(start, min(cells.rows, start + ROWS_AT_ONCE)), out)


def shown_rows(cells: SheetCells, rows: slice, columns: int) -> list[tuple[str | None, ...]]:
    """Return rows as the texts of their first columns, as CSV has them."""
    texts = [_texts(cells, column, rows) for column in range(min(columns, cells.width))]
    return list(zip(*texts, strict=True))


def choose_sheet(book: Book, sheet: str | int | None) -> int:
    """Return the place of a sheet by its name or 0-based index (digits, too), or None for the first visible one.

    Raises:
        FileRejectedError: `sheet.missing` or `sheet.hidden_only`.

    """
    names = [name for name, _ in book.sheets]
    if sheet is None:
        visible = [index for index, (_, visibility) in enumerate(book.sheets) if visibility == "visible"]
        if visible:
            return visible[0]
        if names:
            raise rejected(
                "sheet.hidden_only", say("no sheet of the workbook is visible"), hint=say("name the sheet to read")
            )
        raise rejected(
            "sheet.missing", say("the workbook has no sheet with cells"), hint=say("send a workbook with a sheet")
        )
    if isinstance(sheet, str) and sheet in names:
        return names.index(sheet)
    index = int(sheet) if isinstance(sheet, int) or (sheet.isascii() and sheet.isdigit()) else -1
    if 0 <= index < len(names):
        return index
    known = ", ".join(f"{index} {name!r}" for index, name in enumerate(names))
    raise rejected(
        "sheet.missing",
        say("there is no sheet {sheet}", sheet=repr(sheet)),
        hint=say("choose one of: {known}", known=known),
    )


class _Lines:
    """Ends lines with a newline alone; csv quotes a carriage return only while it is part of its own line end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, line: str) -> None:
        self._out.write(line.removesuffix("\r\n") + "\n")


def _write_csv(cells: SheetCells, rows: slice, out: TextIO) -> None:
    texts = [_texts(cells, column, rows) for column in range(cells.width)]
    csv.writer(_Lines(out)).writerows(zip(*texts, strict=True))


def _texts(cells: SheetCells, column: int, rows: slice) -> list[str | None]:
    if column not in cells.columns:
        return [None] * (rows.stop - rows.start)
    part = cells.columns[column].part(rows)
    texts: list[str | None] = displayed(part, date1904=cells.date1904, numbers=shortest_texts).to_pylist()
    return texts


def _write_json(cells: SheetCells, rows: slice, out: TextIO) -> None:
    values = [_values(cells, column, rows) for column in range(cells.width)]
    for row in zip(*values, strict=True):
        out.write(json.dumps(row, ensure_ascii=False))
        out.write("\n")


def _values(cells: SheetCells, column: int, rows: slice) -> list[object]:
    values: list[object] = list(_texts(cells, column, rows))
    if column not in cells.columns:
        return values
    part = without_zeros(cells.columns[column].part(rows))
    for index in part.has(Kind.BOOLEAN).nonzero()[0]:
        values[index] = values[index] == "TRUE"
    numeric = part.has(Kind.NUMBER).nonzero()[0]
    for place, number in zip(numeric.tolist(), doubles(part.texts.take(pa.array(numeric))).tolist(), strict=True):
        values[place] = _json_number(str(values[place]), number)
    return values


def _json_number(text: str, number: float) -> object:
    """Return a number as JSON has it: digits that no double has are kept; what is no finite number is a text."""
    if not math.isfinite(number):
        return text
    return int(text) if text.removeprefix("-").isdecimal() else number
