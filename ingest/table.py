"""The table of a dataset within a workbook: its sheet, its header, where it ends; knows no values' types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import Column, Kind, SheetCells, empty_column
from .converted import truth
from .display import displayed
from .errors import FileRejectedError, rejected
from .header import FoundHeader, Labels, find_header, normal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from .spec import Dataset
    from .workbook import Book

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The cells below the header, and what each row is: exactly one of data, blank, footer or `beyond`.

    `columns` has a column for every field. `beyond` are rows below the end of the table that look like data.
    """

    sheet: str
    header: FoundHeader
    first_row: int
    columns: Mapping[str, Column]
    blank: Mask
    footer: Mask
    beyond: Mask
    date1904: bool

    @property
    def rows(self) -> int:
        """The number of rows below the header."""
        return len(self.blank)


def find_table(book: Book, dataset: Dataset) -> Table:
    """Return the one table of the workbook that the dataset declares.

    Raises:
        FileRejectedError: the sheet or its header is missing or ambiguous, or it has no rows.

    """
    found: list[tuple[str, SheetCells, FoundHeader]] = []
    refusals: list[FileRejectedError] = []
    for index in _candidates(book, dataset):
        name, cells = book.sheets[index][0], book.read(index)
        if not cells.rows:
            continue
        try:
            found.append((name, cells, find_header(list(_first_rows(cells, dataset)), dataset, name)))
        except FileRejectedError as error:
            refusals.append(error)
    if len(found) > 1:
        names = ", ".join(repr(name) for name, _, _ in found)
        raise rejected("sheet.ambiguous", f"more than one sheet has the table: {names}")
    if not found:
        raise _most_telling(refusals)
    return _cut(*found[0], dataset)


def _candidates(book: Book, dataset: Dataset) -> list[int]:
    wanted = dataset.workbook.sheets
    names = [name for name, _ in book.sheets]
    if wanted.index is not None:
        chosen = [wanted.index] if wanted.index < len(names) else []
    elif wanted.name:
        globs = [normal(glob) for glob in wanted.name]
        chosen = [place for place, name in enumerate(names) if any(fnmatchcase(normal(name), g) for g in globs)]
    else:
        chosen = list(range(len(names)))
    if not chosen:
        asked = f"index {wanted.index}" if wanted.index is not None else ", ".join(wanted.name) or "any sheet"
        there = ", ".join(repr(name) for name in names) or "none"
        raise rejected("sheet.missing", f"looked for {asked}; the workbook has {there}")
    shown = [place for place in chosen if book.sheets[place][1] == "visible"]
    if dataset.workbook.hidden_sheets == "skip" and not shown:
        hidden = ", ".join(repr(names[place]) for place in chosen)
        raise rejected("sheet.hidden_only", f"only hidden sheets would do: {hidden}")
    return shown if dataset.workbook.hidden_sheets == "skip" else chosen


def _most_telling(refusals: list[FileRejectedError]) -> FileRejectedError:
    """Of several sheets without the table, blame the one that came nearest to having it."""
    if not refusals:
        return rejected("table.no_rows", "the sheets are empty")
    return min(refusals, key=lambda refusal: refusal.record.code == "header.not_found")


def _first_rows(cells: SheetCells, dataset: Dataset) -> Iterator[Labels]:
    """Yield the texts of the rows that may hold the header."""
    stop = min(cells.rows, max(dataset.header.search_rows, dataset.header.row or 0))
    texts = [
        displayed(cells.columns[column].part(slice(0, stop)), date1904=cells.date1904).to_pylist()
        if column in cells.columns
        else [None] * stop
        for column in range(cells.width)
    ]
    yield from zip(*texts, strict=True)


def _cut(name: str, cells: SheetCells, header: FoundHeader, dataset: Dataset) -> Table:
    start = header.row + 1
    height = cells.rows - start
    if height <= 0:
        raise rejected("table.no_rows", f"nothing stands below the header in row {start}", sheet=name)
    below = {place: column.part(slice(start, None)) for place, column in cells.columns.items()}
    filled = {place: _filled(column) for place, column in below.items()}
    blank = ~np.logical_or.reduce([np.zeros(height, np.bool_), *filled.values()])
    columns = {
        field.name: below.get(header.columns.get(field.name, -1), empty_column(height)) for field in dataset.fields
    }
    ends = _footer_rows(below, filled, height, dataset, date1904=cells.date1904) & ~blank
    end = _end(ends, blank, dataset)
    after = np.arange(height) >= end
    beyond = after & ~ends & ~blank & _looks_like_data(filled, header, height, dataset)
    return Table(
        sheet=name,
        header=header,
        first_row=start + 1,
        columns=columns,
        blank=blank,
        footer=after & ~blank & ~beyond,
        beyond=beyond,
        date1904=cells.date1904,
    )


def _filled(column: Column) -> Mask:
    """Say which cells hold anything that can be seen."""
    filled: Mask = column.kinds != Kind.EMPTY
    texts = column.kinds == Kind.TEXT
    if texts.any():
        white = truth(pc.match_substring_regex(column.texts, r"^[\s\p{Z}]*$"))
        filled &= ~(texts & white)
    return filled


def _end(ends: Mask, blank: Mask, dataset: Dataset) -> int:
    """Return the first row behind the table: a footer, or the first of many blank rows."""
    stops = [len(blank), *np.flatnonzero(ends)[:1].tolist()]
    limit = dataset.table_end.blank_rows
    if limit <= len(blank):
        runs = np.convolve(blank, np.ones(limit, np.int64), mode="valid") == limit
        stops += np.flatnonzero(runs)[:1].tolist()
    return int(min(stops))


def _footer_rows(
    below: Mapping[int, Column], filled: Mapping[int, Mask], height: int, dataset: Dataset, *, date1904: bool
) -> Mask:
    """Say in which rows the first filled cell matches one of the footer globs."""
    if not dataset.table_end.footers:
        return np.zeros(height, np.bool_)
    first = pa.nulls(height, pa.large_string())
    for place in sorted(below):
        texts = displayed(below[place], date1904=date1904)
        visible = pc.if_else(pa.array(filled[place]), texts, pa.scalar(None, pa.large_string()))
        first = pc.coalesce(first, visible)
        if not first.null_count:
            break
    form = "|".join(_glob_pattern(normal(glob)) for glob in dataset.table_end.footers)
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(pc.utf8_normalize(first, form="NFKC")))
    return truth(pc.match_substring_regex(plain, rf"(?s)\A(?:{form})\z"))


def _glob_pattern(glob: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)


def _looks_like_data(filled: Mapping[int, Mask], header: FoundHeader, height: int, dataset: Dataset) -> Mask:
    """Say which rows fill what every data row must, the required fields and the key, and more than one column.

    Such a row below the end of the table is no footer: counting it as one would lose it silently. A single text is a
    note. Where nothing is required, half of the columns must be filled.
    """
    empty = np.zeros(height, np.bool_)
    needed = {field.name for field in dataset.fields if field.constraints.required} | set(dataset.primary_key)
    marks = [filled.get(place, empty) for place in header.columns.values()]
    least = min(2, len(marks)) if needed else (len(marks) + 1) // 2
    must = [filled.get(header.columns.get(name, -1), empty) for name in sorted(needed)]
    found: Mask = np.logical_and.reduce([np.sum(marks, axis=0) >= least, *must])
    return found
