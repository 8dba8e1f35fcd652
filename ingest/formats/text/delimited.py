"""Delimited text (CSV, TSV) as one sheet of texts: owns its records, knows nothing of values' types."""

from __future__ import annotations

import csv
import io
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from ...cells.cells import Column, Kind, SheetCells
from ...errors import rejected
from .encoding import read_text
from .sniff import find_delimiter

if TYPE_CHECKING:
    from pathlib import Path

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits

SHEET: str = "Sheet1"
_FIELD_CHARACTERS = 1 << 24
_SEPARATOR = "sep="
"""Begins a first line that tells Excel the delimiter."""


class DelimitedBook:
    """An open file of delimited text. A row is a record, which may span several lines within quotes."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._text = read_text(path)
        self._delimiter = find_delimiter(self._text, named=True) or ","

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The one sheet."""
        return ((SHEET, "visible"),)

    def read(self, _index: int) -> SheetCells:
        """Return the cells.

        Raises:
            FileRejectedError: `file.cell_limit`, or `file.corrupt_container` for a quote that never ends.

        """
        columns = None if self._text.startswith(_SEPARATOR) else self._whole_columns()
        if columns is None:
            columns = self._records()
        filled = [int(np.flatnonzero(column.kinds)[-1]) + 1 for column in columns.values()]
        rows = max(filled, default=0)
        return SheetCells(rows=rows, columns={place: column.part(slice(0, rows)) for place, column in columns.items()})

    def _whole_columns(self) -> dict[int, Column] | None:
        """Read records of one length all at once; None if they are of several."""
        try:
            width = len(next(csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter), []))
            table = pa_csv.read_csv(
                pa.BufferReader(self._text.encode()),
                pa_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
                pa_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values='"' in self._text, ignore_empty_lines=False
                ),
                pa_csv.ConvertOptions(
                    column_types={f"f{place}": pa.large_string() for place in range(width)}, strings_can_be_null=False
                ),
            )
        except (pa.ArrowInvalid, csv.Error):
            return None
        if table.num_columns != width:
            return None
        self._check_size(table.num_rows, width)
        columns = enumerate(_column(column.combine_chunks()) for column in table.itercolumns())
        return {place: column for place, column in columns if column.kinds.any()}

    def _records(self) -> dict[int, Column]:
        """Read records of any length, one by one."""
        csv.field_size_limit(_FIELD_CHARACTERS)
        try:
            records = list(csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter))
        except csv.Error as error:
            raise rejected("file.corrupt_container", f"the delimited text cannot be read: {error}") from error
        if records and len(records[0]) <= 2 and "".join(records[0]).startswith(_SEPARATOR):  # noqa: PLR2004  # sep=;
            records[0] = []
        width = max(map(len, records), default=0)
        self._check_size(len(records), width)
        columns = (_column(pa.array(values, pa.large_string())) for values in zip_longest(*records, fillvalue=""))
        return {place: column for place, column in enumerate(columns) if column.kinds.any()}

    def _check_size(self, records: int, width: int) -> None:
        if records * width > self._limits.cells:
            message = f"the text has {records} records x {width} fields, more than {self._limits.cells} cells"
            raise rejected("file.cell_limit", message)


def _column(texts: pa.LargeStringArray) -> Column:
    empty = pc.equal(texts, "")
    kinds = np.where(empty.to_numpy(zero_copy_only=False), Kind.EMPTY, Kind.TEXT).astype(np.uint8)
    return Column(kinds=kinds, texts=pc.if_else(empty, pa.scalar(None, pa.large_string()), texts))
