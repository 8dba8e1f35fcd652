"""One workbook to accepted rows, error records and a report: owns the stages and the conservation law."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells.cells import column_letters
from .columns.duplicates import key_range
from .columns.reconcile import reconcile
from .columns.renamed import refuse_renamed
from .columns.table_end import settled
from .columns.unforeseen import Place, values_refused
from .columns.validate import Checked, check_columns
from .errors import ErrorRecord, FileRejectedError, rejected
from .formats.hint import Hint
from .formats.open import extension_mismatch, open_book
from .formats.zip.container import sniff
from .freed_memory import keep_freed_memory
from .messages import in_a_row, say, say_n
from .output.copy_file import (
    copy_lines,
    lineage_columns,
    write_accepted,
    write_originals,
    write_rejected,
    write_rejected_keys,
    write_rows,
)
from .output.copy_text import NULL
from .output.error_records import COMMON_HINT, cell_records, common_fault
from .output.info_records import cell_notes, fill_notes, row_notes
from .output.report import ERRORS_REPORTED, ParsedRows, Report, SheetPart, accepted_columns
from .output.sorted_rows import SortedRows, sort_rows
from .parallel import each
from .table.drift import find_drift
from .table.table import Table, find_table, refuse_moved
from .table.torn import refuse_cut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from .formats.zip.container import Sniffed
    from .spec.dataset import Dataset, Quarantine

    Mask = NDArray[np.bool_]

_WEIGHTS: Final = {"error": 0, "warning": 1, "info": 2}
REFUSED_RECORDS: Final = 10_000
"""How many records are written of a file that is refused as a whole: it may have one for every cell."""


def parse(
    path: Path,
    dataset: Dataset,
    out_dir: Path,
    source: str | None = None,
    job: int = 0,
    name: str | None = None,
    *,
    loaded: Collection[str] | None = None,
) -> Report:
    """Parse a workbook by a dataset and leave `ACCEPTED_FILE` in `out_dir`, and `REJECTED_FILE` if it finds faults.

    `source` is the path under which the file was handed in, for constants that are cut out of it; `name` is the file's
    own, if that is another one (empty: none); `job` is what rows with lineage are marked with. `loaded` are the rows of
    the original that need not be loaded any more, of a file with corrected ones that is to leave `ORIGINALS_FILE`, too.
    Whatever is wrong with the file is in the report's `rejection`; nothing may be loaded then.
    """
    keep_freed_memory()
    source = source or path.name
    hint = Hint.of(dataset, source if name is None else name)
    run = _Run(path, dataset, out_dir, source, job, hint, loaded=loaded)
    try:
        return run.report()
    except FileRejectedError as error:
        return run.refused(error.record)


class _Run:
    """One parse: what is known so far, so that a refusal at any stage can tell it."""

    def __init__(
        self,
        path: Path,
        dataset: Dataset,
        out_dir: Path,
        source: str,
        job: int,
        hint: Hint,
        *,
        loaded: Collection[str] | None,
    ) -> None:
        self._hint, self._loaded = hint, loaded
        self._path, self._dataset, self._out_dir, self._source, self._job = path, dataset, out_dir, source, job
        self._seconds = dict.fromkeys(("sniff", "read", "validate", "spool"), 0.0)
        self._format: str | None = None
        self._table: Table | None = None
        self._rows = ParsedRows()
        self._records: Iterable[ErrorRecord] = ()
        self._warnings: tuple[ErrorRecord, ...] = ()
        self._codes: Counter[str] = Counter()
        self._key_range: tuple[str, str] | None = None
        self._parts: tuple[SheetPart, ...] = ()
        self._absent: tuple[str, ...] = ()
        self._partly: tuple[str, ...] = ()
        self._rejected_keys = False

    def report(self) -> Report:
        with values_refused():
            table = self._read()
        with values_refused(lambda: Place(sheet=table.sheet)):
            return self._checked(table)

    def _checked(self, table: Table) -> Report:
        with self._timed("validate"):
            refuse_renamed(table, self._dataset)
            self._warnings = (*self._warnings, *find_drift(table, self._dataset), *fill_notes(table, self._dataset))
            checked = check_columns(table, self._dataset)
            reconcile(table, checked.columns, self._dataset)
            if self._dataset.transform is not None:
                from .columns.transform import transformed  # noqa: PLC0415  # no other file needs pandas

                checked = transformed(table, checked, self._dataset, self._dataset.transform)
        with self._timed("spool"):
            outcome = sort_rows(table, checked, self._dataset, by_originals=self._loaded is not None)
            self._count(table, checked, outcome)
            refusal = self._bad_table(table, checked)
            limit = None if refusal is None else REFUSED_RECORDS
            self._records = self._found(table, checked, outcome, limit)
            if refusal is not None:
                raise refusal
            notes = (
                *row_notes(table, self._dataset, outcome.duplicate, outcome.superseded),
                *cell_notes(table, self._dataset, checked.columns),
            )
            self._codes.update(note.code for note in notes)
            records = _by_weight((*self._warnings, *self._records, *notes))
            write_rejected(self._out_dir, records)
            self._write_rows(table, checked, outcome)
        return self._report(records[:ERRORS_REPORTED], None)

    def _write_rows(self, table: Table, checked: Checked, outcome: SortedRows) -> None:
        """Write the accepted rows, without the columns that the file does not have, and what the load needs of them."""
        dataset = self._dataset
        self._absent, self._partly = _missing_columns(table, checked, dataset)
        keep = np.flatnonzero(outcome.accepted)
        columns = outcome.columns
        if len(keep) < table.rows:
            columns = each(lambda column: column.take(pa.array(keep)), columns, table.rows * len(columns))
        self._key_range = self._range_of_keys(columns)
        rows = table.sheet_rows(keep)
        lineage = lineage_columns(rows, self._job, accepted_columns(dataset))
        present = [
            column for field, column in zip(dataset.fields, columns, strict=True) if field.name not in self._absent
        ]
        write_accepted(self._out_dir, [*lineage, *present])
        write_rows(self._out_dir, rows)
        if self._loaded is not None:
            write_originals(self._out_dir, table.originals, keep)
        self._parts = tuple(_sheet_parts(table, keep))
        if dataset.load.mode == "replace" and dataset.primary_key:
            self._write_rejected_keys(outcome)

    def _write_rejected_keys(self, outcome: SortedRows) -> None:
        """Write the keys of rejected rows: what the table has of them must not be taken for rows that are gone."""
        names = [field.name for field in self._dataset.fields]
        index = pa.array(np.flatnonzero(outcome.rejected))
        parts = [outcome.columns[names.index(name)].take(index) for name in self._dataset.primary_key]
        self._rejected_keys = not any(pc.any(pc.equal(part, NULL)).as_py() for part in parts)
        if self._rejected_keys:
            write_rejected_keys(self._out_dir, copy_lines(parts))

    def refused(self, rejection: ErrorRecord) -> Report:
        """Return the report of a file that is refused, with what had been found until then."""
        rejection = replace(rejection, spec_version=self._dataset.version)
        self._codes[rejection.code] += 1
        records = (rejection, *_by_weight((*self._warnings, *self._records)))
        with self._timed("spool"):
            write_accepted(self._out_dir, ())
            write_rejected(self._out_dir, records)
        return self._report(records[:ERRORS_REPORTED], rejection)

    def _sniffed(self) -> Sniffed:
        with self._timed("sniff"):
            found = sniff(self._path, self._dataset.limits, self._hint)
            self._format = found.format
            mismatch = extension_mismatch(self._hint, found.format)
            self._warnings = () if mismatch is None else (mismatch,)
        return found

    def _read(self) -> Table:
        # What was found may be a whole text, which is kept no longer than its reader needs it.
        opened = open_book(self._path, self._sniffed(), self._dataset.limits)
        with self._timed("read"), opened as book:
            table = settled(find_table(book, self._dataset, self._source), self._dataset)
            self._table = table = table.without(self._loaded or ())
            refuse_cut(table.torn, table.data, table.sheet)
            refuse_moved(table)
        return table

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - started

    def _found(self, table: Table, checked: Checked, outcome: SortedRows, limit: int | None) -> tuple[ErrorRecord, ...]:
        cells = cell_records(table, self._dataset, checked.faults, limit)
        found = sorted((*cells, *outcome.records), key=lambda record: (record.row or 0, record.column or 0))
        return tuple(islice(found, limit))

    def _count(self, table: Table, checked: Checked, outcome: SortedRows) -> None:
        self._rows = ParsedRows(
            read=table.rows,
            accepted=int(outcome.accepted.sum()),
            duplicate=int((outcome.duplicate | table.loaded).sum()),
            rejected=int(outcome.rejected.sum()),
            blank=int(table.blank.sum()),
            footer=int((table.footer | table.repeated).sum()),
        )
        rows = self._rows
        if rows.read != rows.accepted + rows.duplicate + rows.rejected + rows.blank + rows.footer:
            raise AssertionError(f"rows are unaccounted for: {rows}")
        self._codes.update(record.code for record in (*self._warnings, *outcome.records))
        for faults in checked.faults.values():
            for fault in faults:
                self._codes[fault.code] += len(fault.index)

    def _bad_table(self, table: Table, checked: Checked) -> FileRejectedError | None:
        """Return why nothing of the table may be loaded, if so."""
        rows = self._rows
        data = rows.read - rows.blank - rows.footer
        if data and data == table.loaded.sum():
            return None
        if not data:
            message = say("none of the {rows} rows below the header holds data", rows=rows.read)
            return rejected("table.no_rows", message, sheet=table.sheet)
        if data < self._dataset.expect.min_rows:
            message = say(
                "{rows} rows hold data; the dataset expects {least} or more",
                rows=data,
                least=self._dataset.expect.min_rows,
            )
            whole = say("send a workbook that has all of its rows, or lower expect.min_rows of the dataset")
            return rejected("table.no_rows", message, hint=whole, sheet=table.sheet)
        if rows.accepted and not self._dataset.quarantine.exceeded(rows.rejected, data):
            return None
        why, hint = _too_many(self._dataset.quarantine, rows.rejected, data)
        common = common_fault(table, self._dataset, checked.faults)
        if common is not None:
            return rejected(
                "table.too_many_bad_rows",
                in_a_row((common, why)),
                hint=COMMON_HINT,
                sheet=table.sheet,
            )
        return rejected("table.too_many_bad_rows", why, hint=hint, sheet=table.sheet)

    def _range_of_keys(self, columns: Sequence[pa.LargeStringArray]) -> tuple[str, str] | None:
        key = self._dataset.primary_key
        found = [
            key_range(column, field.type.kind)
            for column, field in zip(columns, self._dataset.fields, strict=True)
            if (field.name,) == key
        ]
        return found[0] if found else None

    def _report(self, errors: tuple[ErrorRecord, ...], rejection: ErrorRecord | None) -> Report:
        table = self._table
        return Report(
            rows=self._rows,
            rejection=rejection,
            errors=errors,
            errors_total=self._codes.total(),
            codes=dict(self._codes),
            seconds=self._seconds,
            format=self._format,
            sheet=None if table is None else table.sheet,
            header_row=None if table is None or table.parts[0].header.row < 0 else table.parts[0].header.row + 1,
            key_range=self._key_range,
            parts=self._parts,
            absent=self._absent,
            partly=self._partly,
            rejected_keys=self._rejected_keys,
            loaded_before=0 if table is None else int(table.loaded.sum()),
            handed_back=table is not None and any(part.header.handed_back for part in table.parts),
        )


def _missing_columns(table: Table, checked: Checked, dataset: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields of which no part of the table has a column, and those that only some parts have.

    A transform may have filled one all the same.
    """
    fields = [field.name for field in dataset.cell_fields]
    having = {name: sum(name in part.header.columns for part in table.parts) for name in fields}
    empty = {name for name in fields if checked.columns[name].null_count == table.rows}
    absent = tuple(name for name in fields if not having[name] and name in empty)
    return absent, tuple(name for name in fields if 0 < having[name] < len(table.parts))


def _sheet_parts(table: Table, accepted: NDArray[np.int64]) -> Iterator[SheetPart]:
    for part in table.parts:
        first, stop = np.searchsorted(accepted, (part.start, part.start + part.rows))
        labels, columns = part.header.labels, part.header.columns
        titles = {name: labels[place] or "" for name, place in columns.items() if place < len(labels)}
        letters = {name: column_letters(place) for name, place in columns.items()}
        yield SheetPart(
            sheet=part.sheet, accepted=int(stop - first), columns=dict(columns), letters=letters, titles=titles
        )


def _by_weight(records: Iterable[ErrorRecord]) -> tuple[ErrorRecord, ...]:
    """Return what has to be corrected before what only has to be known, each in its order."""
    return tuple(sorted(records, key=lambda record: _WEIGHTS[record.severity]))


def _too_many(limits: Quarantine, bad: int, rows: int) -> tuple[str, str | None]:
    """Return that too many rows are bad, and the remedy, if limits that are raised would be none."""
    if not limits.exceeded(bad, rows):
        message = say_n("the only row is bad", "all {n} rows are bad", bad)
        return message, say("correct the rows: none is left to be loaded, whatever the dataset allows")
    message = say(
        "{bad} of {rows} rows are bad; the dataset allows {max_rows} rows and {max_percent} percent",
        bad=bad,
        rows=rows,
        max_rows=limits.max_rows,
        max_percent=f"{limits.max_percent:g}",
    )
    return message, None
