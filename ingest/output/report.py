"""What a worker says of a parsed workbook: small, frozen and picklable; the rows themselves stay on disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW

if TYPE_CHECKING:
    from ..errors import ErrorRecord
    from ..spec.dataset import Dataset

ACCEPTED_FILE = "accepted.copy"
"""PostgreSQL COPY text format, UTF-8, of the columns that `accepted_columns` names."""

ROWS_FILE = "accepted.rows"
"""The sheet row of each accepted row, as 64-bit integers of this machine."""

ORIGINALS_FILE = "accepted.originals"
"""What each accepted row is called in the file whose rejected rows it corrects, one a line, UTF-8."""

REJECTED_FILE = "rejected.jsonl"
"""One `ErrorRecord` per line, JSON, errors first, then warnings and notes, each by sheet row and column; missing where
there is none."""

REJECTED_KEYS_FILE = "rejected.keys"
"""COPY text of the primary keys of rejected rows, for loads that would delete the rows of those keys."""


ERRORS_REPORTED = 100
"""How many error records travel in a report; the rest is only in the rejected file."""


def accepted_columns(dataset: Dataset, absent: Collection[str] = ()) -> tuple[str, ...]:
    """Return the columns of `ACCEPTED_FILE`: the lineage, if any, and the fields that the file has, in their order.

    They are those of the table: rows can go there on the shortest way. `absent` are fields without a column.
    """
    fields = tuple(field.name for field in dataset.fields if field.name not in absent)
    return (LINEAGE_ROW, LINEAGE_JOB, *fields) if dataset.load.lineage else fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRows:
    """Where the physical rows below the header went: `read` is the sum of the others.

    `footer` counts what ends the table and what repeats its header: rows of the sheet's own making, no data.
    """

    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejected: int = 0
    blank: int = 0
    footer: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPart:
    """The accepted rows of one sheet: how many, and the column of each field there, 0-based and by letters."""

    sheet: str
    accepted: int
    columns: Mapping[str, int]
    letters: Mapping[str, str]
    titles: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of parsing one workbook.

    `rejection` is set when the whole file is refused (then nothing may be loaded), by its code and place.
    `errors` are the first `ERRORS_REPORTED` records, `errors_total` counts all, `codes` counts all by code.
    `seconds` has the stages sniff, read, validate and spool. `key_range` holds the smallest and the largest key of the
    accepted rows as COPY texts, where the key is one field whose order is the same in every database. `parts` are the
    sheets that the rows came from, `absent` the fields of which no part has a column, `partly` those that some lack.
    `rejected_keys` says whether `REJECTED_KEYS_FILE` has the key of every rejected row; `loaded_before` how many of the
    duplicate rows are corrected ones that had come back, and were loaded, before; `handed_back` whether the file is one
    of rejected rows.
    """

    rows: ParsedRows
    rejection: ErrorRecord | None = None
    errors: tuple[ErrorRecord, ...] = ()
    errors_total: int = 0
    codes: Mapping[str, int]
    seconds: Mapping[str, float]
    format: str | None = None
    sheet: str | None = None
    header_row: int | None = None
    key_range: tuple[str, str] | None = None
    parts: tuple[SheetPart, ...] = ()
    absent: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    rejected_keys: bool = False
    loaded_before: int = 0
    handed_back: bool = False
