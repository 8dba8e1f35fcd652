"""The table of a dataset within a workbook: its sheets, headers, where it ends; knows no values' types."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import may_begin_with, truth
from ..cells.batches import alike
from ..cells.cells import Column, Kind, SheetCells, concat_columns, empty_column, text_column
from ..cells.display import displayed
from ..errors import FileRejectedError, rejected
from ..messages import say
from ..parallel import each
from .constants import constant_text
from .declared_totals import declared_totals
from .drawn_lines import drawn_lines
from .guards import unguarded, unguarded_labels
from .header import NAMED, FoundHeader, Labels, find_header, is_own_title, joined_rows
from .marks import RowMarks, mark_rows, stacked_marks
from .merged import fill_merged
from .originals import added_labels, names_of, rows_of
from .page_headers import moved_headers, page_headings, page_numbers, repeated_headers
from .row_counts import row_counts
from .sheets import candidate_sheets, choose_matches, hidden_only, skipped_sheets
from .torn import torn_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ..formats.readers import Book
    from ..spec.dataset import Dataset, Header

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The table's rows on one sheet: `start` is the first of them in the table, `first_row` in the sheet (1-based)."""

    sheet: str
    header: FoundHeader
    start: int
    first_row: int
    rows: int

    def sheet_row(self, row: int) -> int:
        """Return the 1-based row of the sheet of a 0-based row of the table that lies in this part."""
        return self.first_row + row - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The cells below the headers, and what each row is: one of data, blank, footer, `beyond`, `repeated` or `loaded`.

    `columns` has a column for every field. `repeated` are rows that have the header's titles again, or are drawn lines,
    `moved` those that have titles of all fields otherwise, `beyond` rows below the end of the table that look like
    data, `undeclared` those that fill a column which nobody declared, `filled` which cells of a field took their value
    from a merged range. Until values have been looked at, there are no footers: `marks` says which rows may be some.
    `torn` are rows whose cells may not be where they belong, with the code and what is so. `originals` has, of rejected
    rows that come back, what each says that it was, and `loaded` those of them that are in the target table by now,
    which are no data either.
    """

    parts: tuple[Part, ...]
    columns: Mapping[str, Column]
    blank: Mask
    footer: Mask
    beyond: Mask
    repeated: Mask
    moved: Mask
    undeclared: Mask
    torn: Mapping[int, tuple[str, str]]
    filled: Mapping[str, Mask]
    date1904: bool
    marks: RowMarks
    loaded: Mask
    originals: pa.LargeStringArray | None

    @property
    def rows(self) -> int:
        """The number of rows below the headers."""
        return len(self.blank)

    @property
    def data(self) -> Mask:
        """Which rows hold data."""
        return ~(self.blank | self.footer | self.beyond | self.repeated | self.loaded)

    @property
    def doubtful(self) -> Mask:
        """Which rows are data although they begin as footers do."""
        doubtful: Mask = self.data & self.marks.like_footers
        return doubtful

    @property
    def torn_data(self) -> Mask:
        """Which rows of data are torn: no dataset may load them."""
        torn = np.zeros(self.rows, np.bool_)
        torn[list(self.torn)] = True
        torn &= self.data
        return torn

    @property
    def sheet(self) -> str | None:
        """The sheet that has the table; None if it lies on more than one."""
        return self.parts[0].sheet if len(self.parts) == 1 else None

    def without(self, loaded: Collection[str]) -> Self:
        """Return the table in which rows are no data whose `originals` were loaded before."""
        known = rows_of(self.originals, loaded)
        return self if known is None else replace(self, loaded=known & self.data)

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
            found.append((name, cells, header_of(cells, dataset, name)))
        except FileRejectedError as error:
            refusals.append(error)
    if not found:
        # Where a visible sheet has anything, its titles may be what somebody has to map.
        hidden = [] if refusals else _hidden_tables(book, dataset)
        raise hidden_only(hidden) if hidden else _most_telling(refusals)
    heights = [(name, cells.rows - header.end) for name, cells, header in found]
    cuts = [_cut(*found[place], dataset, source) for place in choose_matches(heights, dataset)]
    return _stacked(cuts)


def refuse_moved(table: Table) -> None:
    """Refuse a table in which a row of data looks as much like the header as the header itself.

    Raises:
        FileRejectedError: `header.ambiguous`.

    """
    found = np.flatnonzero(table.moved & table.data)
    if len(found):
        part = table.part_of(int(found[0]))
        rows = [part.header.row + 1, *(part.sheet_row(row) for row in found.tolist() if table.part_of(row) == part)]
        message = say("rows {rows} look equally like the header", rows=", ".join(map(str, rows[:NAMED])))
        hint = say(
            "put what stands below the second one into the columns of the first, without its titles, or send it as a "
            "file of its own; if it is a row of data, set header.mode: row in the dataset"
        )
        raise rejected("header.ambiguous", message, hint=hint, sheet=part.sheet)


def _hidden_tables(book: Book, dataset: Dataset) -> list[str]:
    """Return the names of the sheets that have the header, and are passed over because they are hidden."""
    names: list[str] = []
    for index in skipped_sheets(book.sheets, dataset):
        name = book.sheets[index][0]
        # What else is wrong with a sheet that is not to be read is nobody's concern.
        with suppress(FileRejectedError):
            cells = book.read(index)
            if cells.rows and header_of(cells, dataset, name):
                names.append(name)
    return names


def _most_telling(refusals: list[FileRejectedError]) -> FileRejectedError:
    """Of several sheets without the table, blame the one that came nearest to having it."""
    if not refusals:
        return rejected("table.no_rows", say("the sheets are empty"))
    return min(refusals, key=lambda refusal: refusal.record.code == "header.not_found")


def header_of(cells: SheetCells, dataset: Dataset, name: str) -> FoundHeader:
    """Find the header, as a rule without looking at how numbers and dates are shown: titles are texts.

    Raises:
        FileRejectedError: see `find_header`.

    """
    with suppress(FileRejectedError):
        header = find_header(_first_rows(cells, dataset.header, shown=False), dataset, name)
        rows = slice(max(header.row, 0), header.end)
        if all((column.kinds[rows] <= Kind.TEXT).all() for column in cells.columns.values()):
            return header
    return find_header(_first_rows(cells, dataset.header, shown=True), dataset, name)


def title_rows(cells: SheetCells, header: Header) -> list[Labels]:
    """Return what each of the first rows has as titles, if it is the header's first one."""
    rows = _first_rows(cells, header, shown=True)
    return joined_rows(rows, header) if header.rows > 1 else rows


def _first_rows(cells: SheetCells, header: Header, *, shown: bool) -> list[Labels]:
    """Return the texts of the rows that may hold the header, numbers and dates as Excel shows them or raw."""
    rows = header.rows
    stop = min(cells.rows, max(header.search_rows, header.row or 0) + rows - 1)
    texts: list[list[str | None]] = [[None] * stop for _ in range(cells.width)]
    for place, cell_column in cells.columns.items():
        part = cell_column.part(slice(0, stop))
        texts[place] = (displayed(part, date1904=cells.date1904) if shown else part.texts).to_pylist()
    if rows > 1:
        # A title over several columns belongs to each of them.
        for merge in cells.merges:
            if merge.top < stop:
                for column in range(merge.left, min(merge.right + 1, cells.width)):
                    texts[column][merge.top] = texts[merge.left][merge.top]
    found = list(zip(*texts, strict=True))
    return unguarded_labels(found) if any(is_own_title(label) for labels in found for label in labels) else found


def _cut(name: str, cells: SheetCells, header: FoundHeader, dataset: Dataset, source: str) -> Table:
    start = header.end
    height = cells.rows - start
    if height <= 0:
        raise rejected("table.no_rows", say("nothing stands below the header in row {start}", start=start), sheet=name)
    below = {place: column.part(slice(start, None)) for place, column in cells.columns.items()}
    labels = header.labels if header.row >= 0 else added_labels(below, len(header.columns))
    if any(map(is_own_title, labels)):
        below = {place: unguarded(column) for place, column in below.items()}
    merged = {header.columns[field]: field for field in dataset.merged.fill if field in header.columns}
    filled_in = fill_merged(below, cells.merges, start, height, merged)
    filled = dict(zip(below, _filled_cells(list(below.values()), height), strict=True))
    blank = ~np.logical_or.reduce([np.zeros(height, np.bool_), *filled.values()])
    columns = {
        field.name: below.get(header.columns.get(field.name, -1), empty_column(height)) for field in dataset.cell_fields
    }
    for field, words in header.mapping.values.items() if header.mapping else ():
        columns[field] = put_otherwise(columns[field], words, date1904=cells.date1904)
    for constant, rule in dataset.constants.items():
        columns[constant] = text_column(constant_text(constant, rule, source, name), height)
    repeated = repeated_headers(below, header, _titles(cells, header), height)
    if repeated.any():
        above = {place: column.part(slice(0, header.row)) for place, column in cells.columns.items()}
        repeated |= page_headings(above, below, repeated) | page_numbers(below, repeated, blank)
    repeated |= drawn_lines(below, filled, height)
    marks = mark_rows(
        below,
        filled,
        header,
        height,
        dataset,
        totals=declared_totals(cells, header.columns.values(), repeated) | row_counts(below, filled, repeated),
        date1904=cells.date1904,
    )
    torn = torn_rows(cells, header, filled, ~(blank | repeated), marks.like_footers, dataset)
    if header.row < 0:
        whole = ~(blank | repeated | marks.like_footers)
        whole[list(torn)] = False
        behind = _behind(filled, len(header.columns), labels, whole)
        header = replace(header, labels=labels, behind=behind)
    none = np.zeros(height, np.bool_)
    extra = [filled[place] for place in header.extra if place in filled]
    return Table(
        parts=(Part(sheet=name, header=header, start=0, first_row=start + 1, rows=height),),
        columns=columns,
        blank=blank,
        footer=none,
        beyond=none,
        repeated=repeated & ~blank,
        moved=moved_headers(below, header, dataset, height),
        undeclared=np.logical_or.reduce([none, *extra]),
        torn=torn,
        filled=filled_in,
        date1904=cells.date1904,
        marks=marks,
        loaded=none,
        originals=names_of(below, header.labels, date1904=cells.date1904),
    )


def _behind(filled: Mapping[int, Mask], fields: int, labels: Labels, rows: Mask) -> tuple[int, ...]:
    """Return the columns behind those of all fields that hold anything of the sender's in these rows."""
    own = {place for place, label in enumerate(labels) if is_own_title(label)}
    return tuple(
        place for place in sorted(filled) if place >= fields and place not in own and filled[place][rows].any()
    )


def put_otherwise(column: Column, words: Mapping[str, str], *, date1904: bool) -> Column:
    """Return a column in which texts that a mapping names stand as what it gives for them."""
    shown = pc.utf8_trim_whitespace(displayed(column, date1904=date1904))
    place = pc.index_in(shown, value_set=pa.array([text.strip() for text in words], pa.large_string()))
    given = pa.array(list(words.values()), pa.large_string()).take(place)
    kinds = np.where(place.is_valid().to_numpy(zero_copy_only=False), np.uint8(Kind.TEXT), column.kinds)
    return Column(kinds=kinds, texts=pc.coalesce(given, column.texts))


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
        moved=np.concatenate([table.moved for table in tables]),
        undeclared=np.concatenate([table.undeclared for table in tables]),
        torn={
            start + row: found
            for table, start in zip(tables, starts, strict=False)
            for row, found in table.torn.items()
        },
        filled={
            name: np.concatenate([table.filled.get(name, np.zeros(table.rows, np.bool_)) for table in tables])
            for name in {name for table in tables for name in table.filled}
        },
        date1904=tables[0].date1904,
        marks=stacked_marks([table.marks for table in tables]),
        loaded=np.concatenate([table.loaded for table in tables]),
        originals=_stacked_names(tables),
    )


def _stacked_names(tables: Sequence[Table]) -> pa.LargeStringArray | None:
    """Return what the rows of all tables are called in the original; nothing in those that do not say it."""
    found = [table.originals for table in tables]
    if all(names is None for names in found):
        return None
    parts = zip(found, tables, strict=True)
    return pa.concat_arrays([pa.nulls(table.rows, pa.large_string()) if it is None else it for it, table in parts])


def _filled_cells(columns: Sequence[Column], height: int) -> Iterator[Mask]:
    """Yield for each column which of its cells hold anything that can be seen."""
    groups = alike(("" for _ in columns), height)

    def filled(places: list[int]) -> Mask:
        return _filled(concat_columns([columns[place] for place in places])).reshape(len(places), height)

    yield from chain.from_iterable(each(filled, groups, height * len(columns)))


def _filled(column: Column) -> Mask:
    """Say which cells hold anything that can be seen."""
    filled: Mask = column.kinds != Kind.EMPTY
    perhaps = np.flatnonzero((column.kinds == Kind.TEXT) & may_begin_with(column.texts))
    if len(perhaps):
        filled[perhaps] = ~truth(pc.match_substring_regex(column.texts.take(pa.array(perhaps)), r"^[\s\p{Z}]*$"))
    return filled
