"""The table of a dataset within a workbook: its sheets, headers, where it ends; knows no values' types."""

from __future__ import annotations

import re
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.batches import alike
from ..cells.cells import Column, Kind, SheetCells, concat_columns, empty_column, text_column
from ..cells.display import displayed
from ..errors import FileRejectedError, rejected
from .constants import constant_text
from .header import FoundHeader, Labels, find_header, normal
from .merged import fill_merged
from .page_headers import repeated_headers
from .sheets import candidate_sheets, choose_matches

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..formats.open import Book
    from ..spec.dataset import Dataset

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The table's rows on one sheet: `start` is the first of them in the table, `first_row` in the sheet (1-based)."""

    sheet: str
    header: FoundHeader
    start: int
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The cells below the headers, and what each row is: exactly one of data, blank, footer, `beyond` or `repeated`.

    `columns` has a column for every field. `repeated` are rows that have the header's titles again, `beyond` rows
    below the end of the table that look like data, `undeclared` those that fill a column which nobody declared,
    `filled` which cells of a field took their value from a merged range.
    """

    parts: tuple[Part, ...]
    columns: Mapping[str, Column]
    blank: Mask
    footer: Mask
    beyond: Mask
    repeated: Mask
    undeclared: Mask
    filled: Mapping[str, Mask]
    date1904: bool

    @property
    def rows(self) -> int:
        """The number of rows below the headers."""
        return len(self.blank)

    @property
    def data(self) -> Mask:
        """Which rows hold data."""
        return ~(self.blank | self.footer | self.beyond | self.repeated)

    @property
    def sheet(self) -> str | None:
        """The sheet that has the table; None if it lies on more than one."""
        return self.parts[0].sheet if len(self.parts) == 1 else None

    def part_of(self, row: int) -> Part:
        """Return the part that a 0-based row of the table lies in."""
        return self.parts[bisect_right([part.start for part in self.parts], row) - 1]

    def sheet_rows(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the 1-based sheet rows of 0-based rows of the table."""
        shift = np.array([part.first_row - part.start for part in self.parts], np.int64)
        starts = np.array([part.start for part in self.parts], np.int64)
        found: NDArray[np.int64] = rows + shift[np.searchsorted(starts, rows, side="right") - 1]
        return found


def find_table(book: Book, dataset: Dataset, source: str) -> Table:
    """Return the one table of the workbook that the dataset declares; `source` is the path that constants look at.

    Raises:
        FileRejectedError: the sheet or its header is missing or ambiguous, or it has no rows.

    """
    found: list[tuple[str, SheetCells, FoundHeader]] = []
    refusals: list[FileRejectedError] = []
    for index in candidate_sheets(book.sheets, dataset):
        name, cells = book.sheets[index][0], book.read(index)
        if not cells.rows:
            continue
        try:
            found.append((name, cells, _header_of(cells, dataset, name)))
        except FileRejectedError as error:
            refusals.append(error)
    if not found:
        raise _most_telling(refusals)
    heights = [(name, cells.rows - header.end) for name, cells, header in found]
    cuts = [_cut(*found[place], dataset, source) for place in choose_matches(heights, dataset)]
    return _stacked(cuts)


def _most_telling(refusals: list[FileRejectedError]) -> FileRejectedError:
    """Of several sheets without the table, blame the one that came nearest to having it."""
    if not refusals:
        return rejected("table.no_rows", "the sheets are empty")
    return min(refusals, key=lambda refusal: refusal.record.code == "header.not_found")


def _header_of(cells: SheetCells, dataset: Dataset, name: str) -> FoundHeader:
    """Find the header, as a rule without looking at how numbers and dates are shown: titles are texts."""
    with suppress(FileRejectedError):
        header = find_header(list(_first_rows(cells, dataset, shown=False)), dataset, name)
        rows = slice(max(header.row, 0), header.end)
        if all((column.kinds[rows] <= Kind.TEXT).all() for column in cells.columns.values()):
            return header
    return find_header(list(_first_rows(cells, dataset, shown=True)), dataset, name)


def _first_rows(cells: SheetCells, dataset: Dataset, *, shown: bool) -> Iterator[Labels]:
    """Yield the texts of the rows that may hold the header, numbers and dates as Excel shows them or raw."""
    rows = dataset.header.rows
    stop = min(cells.rows, max(dataset.header.search_rows, dataset.header.row or 0) + rows - 1)
    texts: list[list[str | None]] = [[None] * stop for _ in range(cells.width)]
    for place, cell_column in cells.columns.items():
        part = cell_column.part(slice(0, stop))
        texts[place] = (displayed(part, date1904=cells.date1904) if shown else part.texts).to_pylist()
    if rows > 1:
        # A title over several columns belongs to each of them.
        for merge in cells.merges:
            for column in range(merge.left, min(merge.right + 1, cells.width)):
                if merge.top < stop:
                    texts[column][merge.top] = texts[merge.left][merge.top]
    yield from zip(*texts, strict=True)


def _cut(name: str, cells: SheetCells, header: FoundHeader, dataset: Dataset, source: str) -> Table:
    start = header.end
    height = cells.rows - start
    if height <= 0:
        raise rejected("table.no_rows", f"nothing stands below the header in row {start}", sheet=name)
    below = {place: column.part(slice(start, None)) for place, column in cells.columns.items()}
    merged = {header.columns[field]: field for field in dataset.merged.fill if field in header.columns}
    filled_in = fill_merged(below, cells.merges, start, height, merged)
    filled = dict(zip(below, _filled_cells(list(below.values()), height), strict=True))
    blank = ~np.logical_or.reduce([np.zeros(height, np.bool_), *filled.values()])
    columns = {
        field.name: below.get(header.columns.get(field.name, -1), empty_column(height)) for field in dataset.cell_fields
    }
    for constant, rule in dataset.constants.items():
        columns[constant] = text_column(constant_text(constant, rule, source, name), height)
    repeated = repeated_headers(below, header, _titles(cells, header), height) & ~blank
    ends = _footer_rows(below, filled, height, dataset, date1904=cells.date1904) & ~blank & ~repeated
    after = np.arange(height) >= _end(ends, blank, dataset)
    beyond = after & ~ends & ~blank & ~repeated & _looks_like_data(filled, header, height, dataset)
    extra = [filled[place] for place in header.extra if place in filled]
    return Table(
        parts=(Part(sheet=name, header=header, start=0, first_row=start + 1, rows=height),),
        columns=columns,
        blank=blank,
        footer=after & ~blank & ~beyond & ~repeated,
        beyond=beyond,
        repeated=repeated,
        undeclared=np.logical_or.reduce([np.zeros(height, np.bool_), *extra]),
        filled=filled_in,
        date1904=cells.date1904,
    )


def _titles(cells: SheetCells, header: FoundHeader) -> list[Labels]:
    """Return the texts of the header's own rows; none for a sheet without a header."""
    if header.row < 0:
        return []
    rows = slice(header.row, header.end)
    texts: list[list[str | None]] = [[None] * header.height for _ in range(cells.width)]
    for place, column in cells.columns.items():
        texts[place] = displayed(column.part(rows), date1904=cells.date1904).to_pylist()
    return list(zip(*texts, strict=True))


def _stacked(tables: list[Table]) -> Table:
    """Return the tables of several sheets as one, in the order of the tabs."""
    if len(tables) == 1:
        return tables[0]
    starts = np.cumsum([0, *(table.rows for table in tables)]).tolist()
    parts = tuple(
        Part(sheet=part.sheet, header=part.header, start=start, first_row=part.first_row, rows=part.rows)
        for table, start in zip(tables, starts, strict=False)
        for part in table.parts
    )
    names = tables[0].columns.keys()
    return Table(
        parts=parts,
        columns={name: concat_columns([table.columns[name] for table in tables]) for name in names},
        blank=np.concatenate([table.blank for table in tables]),
        footer=np.concatenate([table.footer for table in tables]),
        beyond=np.concatenate([table.beyond for table in tables]),
        repeated=np.concatenate([table.repeated for table in tables]),
        undeclared=np.concatenate([table.undeclared for table in tables]),
        filled={
            name: np.concatenate([table.filled.get(name, np.zeros(table.rows, np.bool_)) for table in tables])
            for name in {name for table in tables for name in table.filled}
        },
        date1904=tables[0].date1904,
    )


def _filled_cells(columns: Sequence[Column], height: int) -> Iterator[Mask]:
    """Yield for each column which of its cells hold anything that can be seen."""
    for places in alike(("" for _ in columns), height):
        filled = _filled(concat_columns([columns[place] for place in places]))
        yield from filled.reshape(len(places), height)


def _filled(column: Column) -> Mask:
    """Say which cells hold anything that can be seen."""
    filled: Mask = column.kinds != Kind.EMPTY
    texts = column.kinds == Kind.TEXT
    if texts.any():
        # Trimming is quicker than the pattern, but takes control characters for white space, too.
        perhaps = texts & (pc.binary_length(pc.utf8_trim_whitespace(column.texts)).fill_null(1).to_numpy() == 0)
        if perhaps.any():
            filled &= ~(perhaps & truth(pc.match_substring_regex(column.texts, r"^[\s\p{Z}]*$")))
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
    needed = {field.name for field in dataset.cell_fields if dataset.is_needed(field)}
    marks = [filled.get(place, empty) for place in header.columns.values()]
    least = min(2, len(marks)) if needed else (len(marks) + 1) // 2
    must = [filled.get(header.columns.get(name, -1), empty) for name in sorted(needed)]
    found: Mask = np.logical_and.reduce([np.sum(marks, axis=0) >= least, *must])
    return found
