"""Delimited text (CSV, TSV) as one sheet of texts: owns its columns, knows nothing of values' types."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from ...cells.arrow_masks import has_byte, offsets_of, truth, with_nulls
from ...cells.cells import MAX_COLUMNS, Column, Kind, Records, SheetCells, concat_columns, empty_column
from ...cells.error_values import TOO_NARROW, error_texts
from ...errors import rejected
from ...messages import say
from ...parallel import each, is_shared
from .cut import record_behind_middle
from .dressed import without_formulas, without_tabs
from .evidence import Evidence
from .file import START_CHARACTERS
from .find_dialect import find_dialect
from .orderly import Quotes
from .records import split_text, swallowed
from .scan import Scanner, lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits
    from .file import TextFile

SHEET: Final = "Sheet1"
_TOO_WIDE: Final = say("delete the delimiters that nothing stands between, or save it with another delimiter")
_ONE_CHARACTER: Final = say("save the text with a comma, a semicolon, a tab or a bar between its fields")
_NUMERIC: Final = r"^[^\pL]*[0-9][^\pL]*$"
_NO_VALUES: Final = 2
"""Cells of a column that are no values: its title, a line below the table."""
_BLOCK: Final = 1 << 20
"""Bytes of a text that Arrow reads at once, if nobody says how many."""
_HOLES: Final = 256 << 20
"""More bytes of holes than these are worth another pool."""


class DelimitedBook:
    """An open file of delimited text. A row is a record, which may span several lines within quotes.

    Raises:
        FileRejectedError: `file.format_unknown`: its delimiter has several characters.

    """

    def __init__(self, file: TextFile, limits: FileLimits) -> None:
        self._limits = limits
        found = find_dialect(file.first_lines, file.hint.titles)
        _check_delimiter(found.dialect.delimiter)
        declared, self._start = file.start[: found.start], file.start[found.start :]
        self._dialect, self._content = found.dialect, file.content[len(declared.encode()) :]
        self._above = len(lines_of(declared))
        """The rows without cells above the text: the line that declares the delimiter."""

    def close(self) -> None:
        """Do nothing: the file was read at once."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The one sheet."""
        return ((SHEET, "visible"),)

    def read(self, _index: int) -> SheetCells:
        """Return the cells.

        Raises:
            FileRejectedError: `file.cell_limit`, or `file.quote_ambiguous` for a quote that may enclose records.

        """
        found = self._whole_columns()
        texts, records = self._split_columns() if found is None else found
        # In most texts nothing is dressed up for Excel, which one look at all of it says.
        dressed = any(sign in self._content for sign in (b"=", b"\t"))
        found_columns = each(partial(_column, dressed=dressed), texts, len(records.fields) * len(texts))
        columns = {place: column for place, column in enumerate(found_columns) if column.kinds.any()}
        rows = max((int(np.flatnonzero(column.kinds)[-1]) + 1 for column in columns.values()), default=0)
        above = [empty_column(self._above)] if self._above else []
        return SheetCells(
            rows=self._above + rows if rows else 0,
            columns={place: concat_columns([*above, column.part(slice(0, rows))]) for place, column in columns.items()},
            records=records,
        )

    def _whole_columns(self) -> tuple[list[pa.LargeStringArray], Records] | None:
        """Read records of one length and in good order all at once; None if they are not."""
        dialect, content = self._dialect, self._content
        if not dialect.delimiter.isascii() or dialect.quote != '"' or dialect.spaced:
            return None
        quotes = Quotes(content, dialect) if b'"' in content else None
        if quotes is not None and not quotes.in_order:
            return None
        width = self._width()
        _check_width(width)
        start = content[:START_CHARACTERS]
        cells = start.count(b"\n") * len(content) // max(1, len(start)) * width
        tables = self._tables(width, quotes, cells)
        if tables is None or any(table.num_columns != width for table in tables):
            return None
        if quotes is not None:
            self._refuse_swallowed(content, quotes)
        table = pa.concat_tables(tables)
        self._check_size(table.num_rows, width)
        fields = np.full(self._above + table.num_rows, width, np.int32)
        return each(lambda column: column.combine_chunks(), table.columns, cells), Records(fields=fields)

    def _tables(self, width: int, quotes: Quotes | None, cells: int) -> list[pa.Table] | None:
        """Read the records in two parts, or as a whole where a part cannot be read by itself; None if neither goes.

        Arrow reads no text of a single record without its line end: that may be the last one.
        """
        whole = pa.py_buffer(self._content)
        cut = record_behind_middle(self._content, quotes) if is_shared(cells) else 0
        for parts in ([whole.slice(0, cut), whole.slice(cut)], [whole]) if cut else ([whole],):
            with suppress(pa.ArrowInvalid):
                return each(partial(self._table, width=width, quotes=quotes), parts, cells)
        return None

    def _table(self, part: pa.Buffer, *, width: int, quotes: Quotes | None) -> pa.Table:
        return pa_csv.read_csv(
            pa.BufferReader(part),
            pa_csv.ReadOptions(autogenerate_column_names=True, use_threads=False),
            pa_csv.ParseOptions(
                delimiter=self._dialect.delimiter, newlines_in_values=quotes is not None, ignore_empty_lines=False
            ),
            pa_csv.ConvertOptions(
                column_types={f"f{place}": pa.large_string() for place in range(width)},
                strings_can_be_null=False,
                # All of it is UTF-8, and so is what stands between delimiters, which are ASCII.
                check_utf8=False,
            ),
            memory_pool=_pool(width, part.size),
        )

    def _width(self) -> int:
        """Return the number of fields of the first record of a text in good order."""
        scan = Scanner(self._start, self._dialect).record()
        if scan.broken is not None or scan.end == len(self._start):
            scan = Scanner(self._content.decode(), self._dialect).record()
        return len(scan.fields)

    def _refuse_swallowed(self, content: bytes, quotes: Quotes) -> None:
        """Refuse a text in which lines within quotes are records as well."""
        tall = list(quotes.tall_records())
        if not tall:
            return
        evidence = Evidence(lines_of(self._start), self._dialect)
        for start, end in tall:
            record = content[start:end].decode()
            if evidence.swallows(record):
                number = self._above + len(lines_of(content[:start].decode())) + 1
                raise swallowed(record, self._dialect, number)

    def _split_columns(self) -> tuple[list[pa.LargeStringArray], Records]:
        """Read records of any length, one by one."""
        found = split_text(self._content.decode(), self._dialect, self._above)
        widths = [*[0] * self._above, *map(len, found.records)]
        _check_width(max(widths, default=0))
        self._check_size(len(found.records), max(widths, default=0))
        columns = [pa.array(values, pa.large_string()) for values in zip_longest(*found.records, fillvalue="")]
        suspects = {self._above + row: message for row, message in found.suspects.items()}
        ended = self._content.endswith((b"\n", b"\r")) or self._may_be_trimmed(found.records)
        return columns, Records(fields=np.array(widths, np.int32), suspects=suspects, ended=ended)

    def _may_be_trimmed(self, records: Sequence[Sequence[str]]) -> bool:
        """Say whether a program may have taken white space off the end, and delimiters with it, as empty fields are."""
        return self._dialect.delimiter.isspace() and any(not record[-1] for record in records[:-1])

    def _check_size(self, records: int, width: int) -> None:
        if records * width > self._limits.cells:
            message = say(
                "the text has {records} records x {width} fields, more than limits.cells ({limit})",
                records=records,
                width=width,
                limit=self._limits.cells,
            )
            raise rejected("file.cell_limit", message)


def _pool(width: int, size: int) -> pa.MemoryPool:
    """Return the pool for so many columns of a text of that size.

    Arrow takes a whole block of the text for each column of it, and gives back what that does not need. Between what
    stays malloc(3) leaves such holes: of a few thousand columns they are more address space than a worker has.
    """
    if width * min(size, _BLOCK) > _HOLES:
        with suppress(NotImplementedError):
            return pa.jemalloc_memory_pool()
    return pa.default_memory_pool()


def _too_narrow(shown: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which cells show a spreadsheet's sign for a number or a date that its column was too narrow for.

    It fills the width of the column with signs, and so does its CSV: there are as many in each such cell, and what did
    fit is numbers and dates, but for the title and a line below the table.
    """
    signs = truth(pc.match_substring_regex(shown, TOO_NARROW))
    widths = pc.unique(pc.binary_length(shown.filter(pa.array(signs))))
    numbers = np.count_nonzero(truth(pc.match_substring_regex(shown, _NUMERIC)))
    words = np.count_nonzero(truth(pc.not_equal(shown, ""))) - np.count_nonzero(signs) - numbers
    return signs if len(widths) == 1 and words <= numbers + _NO_VALUES else np.zeros(len(shown), np.bool_)


def _check_delimiter(delimiter: str) -> None:
    if len(delimiter) > 1:
        message = say(
            "the titles have {delimiter} between them, and a delimiter is one character", delimiter=repr(delimiter)
        )
        raise rejected("file.format_unknown", message, hint=_ONE_CHARACTER)


def _check_width(width: int) -> None:
    if width > MAX_COLUMNS:
        message = say(
            "a record has {fields} fields, more than a sheet has columns ({columns})", fields=width, columns=MAX_COLUMNS
        )
        raise rejected("file.cell_limit", message, hint=_TOO_WIDE)


def _column(texts: pa.LargeStringArray, *, dressed: bool) -> Column:
    texts = without_tabs(without_formulas(texts)) if dressed else texts
    empty = np.diff(offsets_of(texts)) == 0
    kinds = np.where(empty, np.uint8(Kind.EMPTY), np.uint8(Kind.TEXT))
    # A spreadsheet writes into a CSV what it shows.
    kinds[error_texts(texts)] = Kind.ERROR
    if has_byte(texts, b"#"):
        kinds[_too_narrow(pc.utf8_trim_whitespace(texts))] = Kind.MALFORMED
    return Column(kinds=kinds, texts=with_nulls(texts, empty))
