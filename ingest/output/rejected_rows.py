"""The rejected rows of a kept workbook, with their cells and what is wrong with them: owns how both are found again."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..cells.cells import Kind, concat_columns
from ..errors import ErrorRecord, rejected
from ..formats.hint import Hint
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..messages import say
from ..table.guards import unguarded
from ..table.header import is_own_title
from ..table.merged import fill_merged
from ..table.originals import names_column, names_of, original_name
from ..table.table import find_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from ..cells.cells import Merge, SheetCells
    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.header import Labels
    from ..table.table import Part
    from .kept import KeptFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedSheet:
    """What is handed back of one sheet: the rows above the 0-based row `end`, and the rejected rows (1-based).

    `head` is the 0-based first row of the header, `fields` are the fields by their 0-based columns, `keys` the columns
    of the key, `labels` the titles from column A on. `names` says what each of the rows is called: by its number in the
    original, of what had been handed back before as in the first original.
    """

    name: str
    cells: SheetCells
    head: int
    end: int
    rows: Mapping[int, Sequence[ErrorRecord]]
    fields: Mapping[int, Field]
    keys: frozenset[int]
    labels: Sequence[str | None]
    names: Mapping[int, str | int]

    @property
    def titled(self) -> bool:
        """Whether the sheet has a header."""
        return self.head >= 0

    @property
    def merges_above(self) -> list[Merge]:
        """The merged ranges above the data, as far as they lie in its columns: titles over several columns are some."""
        above = (merge for merge in self.cells.merges if merge.bottom < self.end and merge.left < self.width)
        inside = [replace(merge, right=min(merge.right, self.width - 1)) for merge in above]
        return [merge for merge in inside if self._is_one_cell(merge)]

    def _is_one_cell(self, merge: Merge) -> bool:
        """Say whether a range is more than one place, of which only the first one holds anything."""
        rows, columns = slice(merge.top, merge.bottom + 1), range(merge.left, merge.right + 1)
        kinds = [self.cells.columns[place].kinds[rows] for place in columns if place in self.cells.columns]
        filled = sum(int((found != Kind.EMPTY).sum()) for found in kinds)
        first = self.cells.columns.get(merge.left)
        alone = filled == 0 or (filled == 1 and first is not None and first.kinds[merge.top] != Kind.EMPTY)
        return alone and (merge.top, merge.left) != (merge.bottom, merge.right)

    @property
    def width(self) -> int:
        """The number of columns from A to the last one that holds anything or is a field's."""
        return max(self.cells.width, max(self.fields, default=-1) + 1)


def read_rejected(kept: KeptFile, language: str) -> list[RejectedSheet]:
    """Return the sheets that have rejected rows, in the order of the tabs; what is wrong is said in the language.

    Raises:
        FileRejectedError: no row was rejected, or the workbook cannot be read any more.

    """
    bad = _rejected_rows(kept.records, language)
    if not bad:
        raise rejected(
            "table.no_rows", say("no row was rejected"), hint=say("read the job's errors: they are of the whole file")
        )
    limits = kept.dataset.limits
    hint = Hint.of(kept.dataset, kept.source)
    with open_book(kept.path, sniff(kept.path, limits, hint), limits) as book:
        parts = find_table(book, kept.dataset, kept.source).parts
        names = [name for name, _ in book.sheets]
        found = [
            _sheet(part, book.read(names.index(part.sheet)), bad[part.sheet], kept.dataset, alone=len(bad) == 1)
            for part in parts
            if part.sheet in bad
        ]
    if not found:
        message = say("the dataset has changed: it reads none of the sheets any more that have rejected rows")
        raise rejected("sheet.missing", message, hint=say("submit the file again"))
    return found


def by_column(errors: Sequence[ErrorRecord], keys: frozenset[int]) -> dict[int | None, list[ErrorRecord]]:
    """Return the errors of a row by the columns (1-based) that they mark, None for those of the row as a whole."""
    found: defaultdict[int | None, list[ErrorRecord]] = defaultdict(list)
    for error in errors:
        # What is wrong with a key is wrong with all of its cells.
        columns = sorted(place + 1 for place in keys) if error.code.startswith("row.key_") else ()
        for column in (error.column,) if error.column is not None else columns or (None,):
            found[column].append(error)
    return dict(found)


def told(errors: Sequence[ErrorRecord]) -> tuple[str, str, str]:
    """Return codes, reasons and remedies of a row, each with its cell."""
    places = [f"{error.cell}: " if error.cell else "" for error in errors]
    return (
        ", ".join(dict.fromkeys(error.code for error in errors)),
        "; ".join(f"{place}{error.message}" for place, error in zip(places, errors, strict=True)),
        "; ".join(dict.fromkeys(error.hint for error in errors)),
    )


def _sheet(
    part: Part, cells: SheetCells, rows: Mapping[int, Sequence[ErrorRecord]], dataset: Dataset, *, alone: bool
) -> RejectedSheet:
    columns, labels = part.header.columns, part.header.labels
    names: dict[int, str | int]
    if names_column(labels) is None:
        names = {row: original_name(part.sheet, row, alone=alone) for row in rows}
    else:
        names = _first_names(cells, labels, rows)
    return RejectedSheet(
        name=part.sheet,
        cells=_without_own(part, _filled(part, cells, dataset)),
        head=part.header.row,
        end=part.header.end,
        rows=rows,
        fields={columns[field.name]: field for field in dataset.fields if field.name in columns},
        keys=frozenset(columns[name] for name in dataset.primary_key if name in columns),
        labels=labels,
        names=names,
    )


def _first_names(cells: SheetCells, labels: Labels, rows: Collection[int]) -> dict[int, str | int]:
    """Return what rows say that they are in the original; a row that somebody has added has no name there."""
    columns = {place: unguarded(column) for place, column in cells.columns.items() if is_own_title(labels[place])}
    said = names_of(columns, labels, date1904=cells.date1904)
    names = {row: (None if said is None or row > len(said) else said[row - 1].as_py()) or "" for row in rows}
    return {row: int(name) if name.isdecimal() else name for row, name in names.items()}


def _without_own(part: Part, cells: SheetCells) -> SheetCells:
    """Return the cells of what is handed back once more, without what was added to it the first time."""
    own = {place for place, label in enumerate(part.header.labels) if is_own_title(label)}
    if not own:
        return cells
    above = slice(0, part.header.end)
    kept = {
        place: concat_columns([column.part(above), unguarded(column.part(slice(part.header.end, None)))])
        for place, column in cells.columns.items()
        if place not in own
    }
    return replace(cells, columns=kept)


def _filled(part: Part, cells: SheetCells, dataset: Dataset) -> SheetCells:
    """Return the cells with the values of merged ranges in each row, as the parse has seen them.

    A rejected row stands alone then: the cell that its value stood in may be in a row that is not handed back.
    """
    columns, start = part.header.columns, part.header.end
    merged = {columns[name]: name for name in dataset.merged.fill if name in columns}
    if not merged:
        return cells
    below = {place: column.part(slice(start, None)) for place, column in cells.columns.items()}
    fill_merged(below, cells.merges, start, cells.rows - start, merged)
    filled = {
        place: concat_columns([cells.columns[place].part(slice(0, start)), below[place]])
        for place in merged
        if place in cells.columns
    }
    return replace(cells, columns={**cells.columns, **filled})


def _rejected_rows(records: Path, language: str) -> dict[str, dict[int, list[ErrorRecord]]]:
    """Return the errors of rows by sheet and row, in the language."""
    found: defaultdict[str, defaultdict[int, list[ErrorRecord]]] = defaultdict(lambda: defaultdict(list))
    with records.open(encoding="utf-8") as lines:
        for line in lines:
            record = ErrorRecord.from_dict(json.loads(line))
            of_row = record.code.partition(".")[0] in ("row", "cell") and record.severity == "error"
            if of_row and record.sheet is not None and record.row is not None:
                found[record.sheet][record.row].append(record.in_language(language))
    return {sheet: dict(sorted(rows.items())) for sheet, rows in found.items()}
