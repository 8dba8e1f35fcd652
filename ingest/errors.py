"""What can be wrong with a workbook: the error catalogue, one error as a record, and the exception that carries it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """One thing wrong with a file, a row or a cell. Row numbers are the sheet's own, 1-based; `cell` is in A1 form."""

    code: str
    message: str
    hint: str
    severity: Severity = "error"
    sheet: str | None = None
    row: int | None = None
    column: int | None = None
    cell: str | None = None
    field: str | None = None
    header: str | None = None
    raw: str | None = None
    expected: str | None = None
    spec_version: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record with the keys of the catalogue, ready for JSON."""
        return asdict(self)


class FileRejectedError(Exception):
    """The file as a whole cannot be used: the data's fault, so never retried."""

    def __init__(self, record: ErrorRecord) -> None:
        self.record = record
        super().__init__(f"{record.code}: {record.message}; {record.hint}")

    def __reduce__(self) -> tuple[type[Self], tuple[ErrorRecord]]:
        """Survive pickling on the way out of a worker: the constructor takes the record, not the message."""
        return type(self), (self.record,)
