"""What a worker says of a parsed workbook: small, frozen and picklable; the rows themselves stay on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .errors import ErrorRecord

ACCEPTED_FILE = "accepted.copy"
"""PostgreSQL COPY text format, UTF-8: the sheet's row number, then one column per field in the dataset's order."""

REJECTED_FILE = "rejected.jsonl"
"""One `ErrorRecord` per line, JSON, ordered by sheet row then column."""

ERRORS_REPORTED = 100
"""How many error records travel in a report; the rest is only in the rejected file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRows:
    """Where the physical data rows (all below the header) went: `read` is the sum of the others."""

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
    `seconds` has the stages sniff, read, validate and spool.
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
