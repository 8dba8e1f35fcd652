"""What can be wrong with a workbook: the catalogue, one error as a record, the exception that carries it."""

from __future__ import annotations

import errno
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from .languages import in_language
from .messages import as_json, from_json, say

if TYPE_CHECKING:
    from collections.abc import Mapping

ERROR_SHOWN: Final = 300
"""Characters of what a library says that a message repeats, with what it says itself."""
Severity = Literal["error", "warning", "info"]

NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS))
NO_MEANS: Final = NO_ROOM | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE}
"""What the system says where the machine lacks something: room on a disk, or that and descriptors, memory, threads."""

_NO_THREAD: Final = ("can't start new thread", "Failed to launch worker thread")
"""How Python and Arrow say that there are as many threads as there may be."""


def is_of_the_machine(error: BaseException) -> bool:
    """Say whether the machine lacked something: no file is to blame for that, whatever was read of it meanwhile."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in NO_MEANS)


def lacks_a_thread(error: BaseException) -> bool:
    """Say whether that is what the machine lacked: Python and Arrow say so in words alone, without the number."""
    return any(words in told(error) for words in _NO_THREAD)


def told(error: BaseException, length: int = ERROR_SHOWN) -> str:
    """Return what an error of somebody else's code says, as it can be kept and sent: bounded, of letters of Unicode."""
    try:
        message = str(error)
    except Exception as second:  # noqa: BLE001  # it is their code as well
        return f"its message cannot be told: {type(second).__name__}"
    shown = message if len(message) <= length else f"{message[:length]} …"
    return shown.encode(errors="backslashreplace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueEntry:
    """How bad an error code is, and what its reader can do about it when the place knows nothing better."""

    hint: str
    severity: Severity = "error"


def _error(hint: str) -> CatalogueEntry:
    return CatalogueEntry(hint=say(hint))


def _warning(hint: str) -> CatalogueEntry:
    return CatalogueEntry(hint=say(hint), severity="warning")


def _info(hint: str) -> CatalogueEntry:
    return CatalogueEntry(hint=say(hint), severity="info")


CATALOGUE: Final[Mapping[str, CatalogueEntry]] = MappingProxyType(
    {
        "file.empty": _error("send the file again: it has no content"),
        "file.too_large": _error("split the workbook, or raise limits.file_mb of the dataset"),
        "file.unstable": _error("send the file again when its writer has closed it"),
        "file.format_unknown": _error("save it as an Excel workbook (.xlsx) and send that"),
        "file.format_mismatch": _warning("rename the file: its content is not what its extension says"),
        "file.encrypted": _error("remove the password (File, Info, Protect Workbook) and send it again"),
        "file.corrupt_container": _error("open the file in Excel, let it repair it, save it and send that"),
        "file.corrupt_xml": _error("open the file in Excel, let it repair it, save it and send that"),
        "file.unreadable": _error("open the file in Excel, save it anew and send that; tell us of the file"),
        "file.truncated": _error("send the file again: its end is missing"),
        "file.bomb": _error("save the workbook anew with Excel: this file expands like a decompression bomb"),
        "file.cell_limit": _error("delete the far-away cells, or raise limits.cells of the dataset"),
        "file.timeout": _error("split the workbook, or raise limits.parse_seconds of the dataset"),
        "file.worker_crash": _error("open the file in Excel, save it anew and send that"),
        "file.memory_limit": _error("split the workbook, or raise limits.worker_mb of the dataset"),
        "file.encoding_ambiguous": _error("save the file as UTF-8, or say encoding: in the dataset"),
        "file.quote_ambiguous": _error("close the quote behind its field, or double the quotes within the text"),
        "file.no_spec": _error("name the dataset, or add a match.glob that covers the file"),
        "file.spec_ambiguous": _error("name the dataset, or narrow the match.glob of all but one"),
        "file.duplicate_content": _info("nothing to do: the same content was loaded before; to load it again: --again"),
        "sheet.missing": _error("rename the sheet, or change workbook.sheets of the dataset"),
        "sheet.hidden_only": _error("unhide the sheet, or set workbook.hidden_sheets: include"),
        "sheet.ambiguous": _error("name the sheet in workbook.sheets of the dataset"),
        "header.not_found": _error("correct the column titles, or add them to the fields' header lists"),
        "header.ambiguous": _error("keep one header row, or set header.mode: row in the dataset"),
        "header.missing_required": _error("add the column, or add its title to the field's header list"),
        "header.extra_column": _warning("remove the column, or declare a field for it"),
        "header.duplicate_label": _error("give every column that is read its own title"),
        "header.drift": _warning("check that the renamed columns still mean the same"),
        "header.mapped": _info("nothing to do; an administrator can take the mapping away"),
        "table.no_rows": _error("send a workbook that has rows below its header"),
        "table.too_many_bad_rows": _error("correct the rows, or raise the dataset's quarantine limits"),
        "table.reconcile_mismatch": _error("correct the footer or the rows that it sums up"),
        "table.transform_failed": _error(
            "correct the dataset's transform, reload a running daemon, then submit the file again"
        ),
        "load.db_rejected": _error("correct the rows or the dataset so that they fit the target table"),
        "load.retry_exhausted": _error("look at the cause, then submit the file again"),
        "load.replace_incomplete": _error("correct the rejected rows, or give the dataset a primaryKey"),
        "row.blank": _info("nothing to do: the row is empty"),
        "row.footer": _info("nothing to do: the row is no data"),
        "row.footer_doubtful": _warning(
            "check the row; if it is no data, correct its sums, or take it out of the sheet"
        ),
        "row.header": _info("nothing to do: the row repeats the header, or is a line below titles or above totals"),
        "row.extra_cells": _error("move the cells into a declared column, or put the field with a delimiter in quotes"),
        "row.open_quote": _error("close the quote behind the field, or double it if it is a part of the text"),
        "row.duplicate_exact": _info("nothing to do: the same row is loaded once"),
        "row.loaded_before": _info("nothing to do; to load rows a second time, hand the file in with --again"),
        "row.key_superseded": _info("nothing to do, if the last row of a key is the one that counts"),
        "row.key_null": _error("fill in the key"),
        "row.key_duplicate": _error("keep one row of the key, or set duplicates.in_file: last_wins"),
        "row.key_conflict": _error("correct the key, or load with mode: upsert"),
        "row.db_type": _error("enter a value of the column's type"),
        "row.db_length": _error("shorten the text, or make the column longer"),
        "row.db_range": _error("enter a value that the column can hold"),
        "row.db_precision": _error("round the value, or give the column more digits"),
        "row.db_not_null": _error("fill in the cell, or write in the field what an empty one is loaded as (empty: '')"),
        "row.db_check": _error("enter values that the table's constraint allows"),
        "row.db_foreign_key": _error("enter a value that the other table has, or add it there first"),
        "row.db_unique": _error("enter a value that no other row of the table has"),
        "row.db_partition": _error("enter a value that one of the table's partitions takes, or add a partition"),
        "row.db_policy": _error("enter values that the table's row security or view lets this role write"),
        "row.db_raised": _error("correct what the message of the table's trigger says"),
        "row.db_refused": _error("correct what the database's message says"),
        "cell.required": _error("fill in the cell"),
        "cell.type": _error("enter a value of the declared type"),
        "cell.enum": _error("enter one of the allowed values"),
        "cell.pattern": _error("enter a value of the declared form"),
        "cell.range": _error("enter a value within the declared bounds"),
        "cell.length": _error("enter a text of the declared length"),
        "cell.scale_overflow": _error("round the value, or declare more digits"),
        "cell.precision_lost": _error("digits are lost: format the column as text and enter it again"),
        "cell.scientific_id": _error("format the column as text and enter all its digits again"),
        "cell.excel_error": _error("correct the formula"),
        "cell.formula_no_cache": _error("open the workbook in Excel, recalculate and save it"),
        "cell.date_ambiguous": _error("enter a real date, or declare the format of the text"),
        "cell.date_out_of_range": _error("enter a date of the years 1900 to 9999"),
        "cell.nul_char": _error("remove the NUL character"),
        "cell.control_char": _error("remove the control character"),
        "cell.number_as_text": _info("nothing to do: the number was read from text"),
        "cell.merged_fill": _info("nothing to do: the value was taken from the merged range"),
    }
)
"""Every code, with its severity and the hint given when the place of the error knows no better one."""

CODES: Final[tuple[str, ...]] = tuple(CATALOGUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """One thing wrong with a file, a row or a cell. Rows are the sheet's own, 1-based; `cell` is in A1 form."""

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
        """Return the record ready for JSON, in English.

        Where that takes more than the texts, `said` has what it takes to say them in another language.
        """
        found = {name: getattr(self, name) for name in _NAMES}
        said = {name: kept for name in _SAID if (kept := as_json(found[name])) is not None}
        if said:
            found["said"] = said
        return found

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Return the record of which `as_dict` gave this, whichever version of Headgate did."""
        fields = {**kept}
        said = fields.pop("said", {})
        for name in _SAID:
            fields[name] = from_json(said[name]) if name in said else say(fields[name])
        return cls(**fields)

    def in_language(self, language: str) -> Self:
        """Return the record as it is told to somebody who reads this language."""
        return replace(self, message=in_language(self.message, language), hint=in_language(self.hint, language))


_NAMES: Final = tuple(field.name for field in fields(ErrorRecord))
_SAID: Final = ("message", "hint")


def told_record(kept: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Return what `ErrorRecord.as_dict` gave in a language, as the API shows it."""
    return ErrorRecord.from_dict(kept).in_language(language).as_dict()


class FileRejectedError(Exception):
    """The file as a whole cannot be used: the data's fault, so never retried."""

    def __init__(self, record: ErrorRecord) -> None:
        self.record = record
        super().__init__(f"{record.code}: {record.message}; {record.hint}")

    def __reduce__(self) -> tuple[type[Self], tuple[ErrorRecord]]:
        """Survive pickling on the way out of a worker: the constructor takes the record, not the message."""
        return type(self), (self.record,)


class UnknownPlaceError(Exception):
    """The sheet, row, column or field that a correction names is none of the rejected rows'; the message says which."""


def rejected(code: str, message: str, *, hint: str | None = None, sheet: str | None = None) -> FileRejectedError:
    """Return the exception that refuses a file, with the catalogue's severity and, unless given, its hint."""
    return FileRejectedError(
        ErrorRecord(
            code=code,
            message=message,
            hint=hint or CATALOGUE[code].hint,
            severity=CATALOGUE[code].severity,
            sheet=sheet,
        )
    )
