"""What a worker says of a parsed workbook: small, frozen and picklable; the rows themselves stay on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW

if TYPE_CHECKING:
    from ..errors import ErrorRecord
    from ..spec.dataset import Dataset

ACCEPTED_FILE = "accepted.copy"
"""PostgreSQL COPY text format, UTF-8, of the columns that `accepted_columns` names."""

REJECTED_FILE = "rejected.jsonl"
"""One `ErrorRecord` per line, JSON, ordered by sheet row then column; missing where there is none."""

ERRORS_REPORTED = 100
"""How many error records travel in a report; the rest is only in the rejected file."""


def accepted_columns(dataset: Dataset) -> tuple[str, ...]:
    """Return the columns of `ACCEPTED_FILE`: the fields in the dataset's order, behind what the load needs of a row.

    That is its number in the sheet and its job where the table keeps them, and its number where it may be refused by
    the load. Otherwise the columns are those of the table: rows can go there on the shortest way.
    """
    fields = tuple(field.name for field in dataset.fields)
    if dataset.load.lineage:
        return (LINEAGE_ROW, LINEAGE_JOB, *fields)
    if dataset.load.mode == "insert" and dataset.primary_key:
        return (LINEAGE_ROW, *fields)
    return fields


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
class Report:
    """The outcome of parsing one workbook.

    `rejection` is set when the whole file is refused (then nothing may be loaded), by its code and place.
    `errors` are the first `ERRORS_REPORTED` records, `errors_total` counts all, `codes` counts all by code.
    `seconds` has the stages sniff, read, validate and spool. `key_range` holds the smallest and the largest key of the
    accepted rows as COPY texts, where the key is one field whose order is the same in every database.
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
