"""A file as a person sees it who says what its columns mean: its sheets, the header, the first rows, strange values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from ..cells.cells import column_letters
from ..cells.display import displayed
from ..columns.validate import check_field
from ..errors import FileRejectedError, rejected
from ..formats.hint import Hint
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..infer.sample import Sample, filled_cells
from ..messages import say
from ..output.copy_file import read_accepted
from ..output.drafted import SEEN_COLUMNS, SEEN_ROWS
from ..output.grid import choose_sheet, shown_rows
from ..output.report import accepted_columns
from ..parse import parse
from ..spec.titles import normal
from ..table.header import own_titles
from ..table.sheets import candidate_sheets
from ..table.table import header_of, put_otherwise, title_rows
from .seen import SEEN_VALUES, Followed, SeenColumn, SeenField, SeenSheet, StrangeValue, StrangeValues, TriedMapping
from .suggest import nearest, suggestions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..cells.cells import Column, SheetCells
    from ..errors import ErrorRecord
    from ..formats.readers import Book
    from ..spec.dataset import Dataset
    from ..spec.mapping import ColumnMapping
    from ..table.header import FoundHeader, Labels


def look(path: Path, dataset: Dataset, source: str, sheet: str | None = None, row: int | None = None) -> SeenSheet:
    """Return a sheet of a file beside the dataset: the one with the header unless `sheet` names another.

    `source` is the path under which the file was handed in, `row` the 1-based row of the titles where it is known.

    Raises:
        FileRejectedError: the file or the sheet cannot be read; its code says why.

    """
    hint = Hint.of(dataset, source)
    with open_book(path, sniff(path, dataset.limits, hint), dataset.limits) as book:
        index = _likeliest(book, dataset) if sheet is None else choose_sheet(book, sheet)
        return _Seen(book, index, dataset, row).sheet()


def try_mapping(
    path: Path, dataset: Dataset, out_dir: Path, source: str, sheet: str | None = None, row: int | None = None
) -> TriedMapping:
    """Parse the whole file by a dataset that has the mapping, and look at it; `out_dir` is there for the parse.

    Raises:
        FileRejectedError: see `look`.

    """
    report = parse(path, dataset, out_dir, source)
    names = accepted_columns(dataset, report.absent)
    places = [names.index(field.name) for field in dataset.fields if field.name in names]
    rows = [] if report.rejection else read_accepted(out_dir, SEEN_ROWS)
    return TriedMapping(
        report=report,
        columns=tuple(names[place] for place in places),
        rows=tuple(tuple(row[place] for place in places) for row in rows),
        seen=look(path, dataset, source, sheet, row),
    )


def _likeliest(book: Book, dataset: Dataset) -> int:
    """Return the first sheet with the dataset's header; without one, the first that has cells and may have it."""
    try:
        candidates = candidate_sheets(book.sheets, dataset)
    except FileRejectedError:
        return choose_sheet(book, None)
    filled = [index for index in candidates if book.read(index).rows]
    for index in filled:
        try:
            header_of(book.read(index), dataset, book.sheets[index][0])
        except FileRejectedError:
            continue
        return index
    return (filled or candidates)[0]


class _Seen:
    """What is to be said of one sheet."""

    def __init__(self, book: Book, index: int, dataset: Dataset, row: int | None) -> None:
        self._names, self._name = tuple(name for name, _ in book.sheets), book.sheets[index][0]
        self._cells, self._dataset = book.read(index), dataset
        if not self._cells.rows:
            raise rejected("table.no_rows", say("sheet {title} is empty", title=repr(self._name)), sheet=self._name)
        self._header, self._rejection = _header(self._cells, dataset, self._name)
        self._row = self._header.row if self._header else Sample(self._cells).header_row
        if row is not None and row - 1 != self._row:
            self._header, self._row = None, row - 1
        titles = title_rows(self._cells, dataset.header)
        self._labels: Labels = titles[self._row] if 0 <= self._row < len(titles) else ()
        self._places = self._assigned()

    def sheet(self) -> SeenSheet:
        """Return it."""
        cells, dataset, mapping = self._cells, self._dataset, self._mapping
        return SeenSheet(
            sheets=self._names,
            sheet=self._name,
            rows=tuple(shown_rows(cells, slice(0, min(SEEN_ROWS, cells.rows)), SEEN_COLUMNS)),
            header_row=self._row + 1 if self._labels else None,
            columns=tuple(self._columns()),
            fields=tuple(
                SeenField(
                    name=field.name,
                    type=str(field.type),
                    titles=field.labels,
                    required=dataset.is_needed(field),
                    values=field.constraints.enum or (),
                )
                for field in dataset.cell_fields
            ),
            values=tuple(self._strange()),
            rejection=self._rejection,
            mapping=Followed(columns=dict(mapping.columns), values=dict(mapping.values)) if mapping else None,
        )

    @property
    def _mapping(self) -> ColumnMapping | None:
        return self._header.mapping if self._header else None

    def _assigned(self) -> dict[str, int]:
        """Return the column of each field that has one."""
        if self._header is not None:
            return dict(self._header.columns)
        by_title: dict[str, int] = {}
        for place, label in enumerate(self._labels):
            by_title.setdefault(normal(label or ""), place)
        found = (
            (field.name, [by_title.get(normal(label)) for label in field.labels]) for field in self._dataset.cell_fields
        )
        return {name: next(place for place in places if place is not None) for name, places in found if any(places)}

    def _columns(self) -> Iterator[SeenColumn]:
        own = set(own_titles(self._labels))
        titles = {place: label for place, label in enumerate(self._labels) if label in own and label is not None}
        fields = {place: name for name, place in self._places.items()}
        free = [field for field in self._dataset.cell_fields if field.name not in self._places]
        mapping = self._mapping
        left_out = mapping.left_out if mapping else frozenset[str]()
        open_titles = {
            place: title
            for place, title in titles.items()
            if place < SEEN_COLUMNS and place not in fields and normal(title) not in left_out
        }
        suggested = suggestions(open_titles, self._below(), free, self._dataset, date1904=self._cells.date1904)
        for place, title in titles.items():
            yield SeenColumn(
                column=place + 1,
                letters=column_letters(place),
                title=title,
                field=fields.get(place),
                suggestions=suggested.get(place, ()),
            )

    def _below(self) -> Mapping[int, Column]:
        start = self._row + self._dataset.header.rows if self._labels else 0
        return {place: column.part(slice(start, None)) for place, column in self._cells.columns.items()}

    def _strange(self) -> Iterator[StrangeValues]:
        """Yield what the columns of fields with a list of values have that is not in the list."""
        # Without titles there is nothing that a mapping could be known by.
        below, date1904 = self._below() if self._labels else {}, self._cells.date1904
        mapping = self._mapping
        for field in self._dataset.cell_fields:
            place = self._places.get(field.name, -1)
            if field.constraints.enum is None or place not in below:
                continue
            column = below[place]
            words = mapping.values.get(field.name) if mapping else None
            read = put_otherwise(column, words, date1904=date1904) if words else column
            faults = check_field(read, filled_cells(read), field, self._dataset, date1904=date1904).faults
            rows = np.concatenate([np.zeros(0, np.int64), *(one.index for one in faults if one.code == "cell.enum")])
            texts = displayed(column.at(rows), date1904=date1904).to_pylist()
            counted = Counter(text.strip() for text in texts if text)
            if counted:
                yield StrangeValues(
                    field=field.name,
                    found=tuple(
                        StrangeValue(text=text, rows=count, suggestion=nearest(text, field.constraints.enum))
                        for text, count in counted.most_common(SEEN_VALUES)
                    ),
                )


def _header(cells: SheetCells, dataset: Dataset, name: str) -> tuple[FoundHeader | None, ErrorRecord | None]:
    try:
        return header_of(cells, dataset, name), None
    except FileRejectedError as error:
        return None, error.record
