"""Rows that the database does not take, as error records: what its error says, the place in the sheet, the remedy."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from ..errors import CATALOGUE, ErrorRecord
from ..messages import say, within
from ..output.report import ROWS_FILE
from .bisection import TooManyError
from .loaded import Loaded, Merged
from .merge import CONFLICTS_NAMED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..spec.dataset import Dataset
    from .facts import TableFacts
    from .loaded import Spooled

_EXCLUSION: Final = "23P01"
_CODES: Final = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html
    "22001": "row.db_length",
    "22003": "row.db_range",
    "22008": "row.db_range",
    # Of what is computed from values: of a division by zero, a logarithm and a power no single cell is of a wrong type.
    "22012": "row.db_refused",
    "2201E": "row.db_refused",
    "2201F": "row.db_refused",
    "22015": "row.db_range",
    "22023": "row.db_type",
    "23001": "row.db_foreign_key",
    "23502": "row.db_not_null",
    "23503": "row.db_foreign_key",
    "23505": "row.db_unique",
    "23514": "row.db_check",
    _EXCLUSION: "row.db_unique",
    "40002": "row.db_check",
    "42501": "row.db_policy",
    "42601": "row.db_type",
    "42704": "row.db_type",
    "44000": "row.db_policy",
    "54000": "row.db_length",
    "XX000": "row.db_type",
}
_CLASSES: Final = {"22": "row.db_type", "P0": "row.db_raised", "09": "row.db_raised", "27": "row.db_raised"}
_STANDARD: Final = frozenset("0123456789ABCDEFGH")
"""First characters of SQLSTATEs that the standard keeps for itself; others are somebody's own."""
_OF_VALUES: Final = ("22", "23")
"""Classes of codes that say of a value what is wrong with it, whoever says so."""
INSUFFICIENT_PRIVILEGE: Final = "42501"
_REFERENCES: Final = frozenset({"23503", "23001"})
"""Of foreign keys; the second is that of ON DELETE RESTRICT from PostgreSQL 18 on."""
_DATATYPE_MISMATCH: Final = "42804"
_OF_TEXTS: Final = frozenset({"42601", "42704", "XX000"})
"""Codes of statements that types also have for a text which they cannot read: tsvector, ltree, hstore and cube that of
a syntax error, regconfig that of an object which is missing, PostGIS and others written in C that of an internal error.
"""
_PARTITIONS: Final = frozenset({"ExecFindPartition", "ExecPartitionCheckEmitError"})
"""The routines of the server that find no partition for a row, or that it is not this one's. Another server behind a
foreign table has the same code for its checks, and names no constraint either.
"""
_SECURES: Final = "ExecWithCheckOptions"
"""The routine of the server that holds rows to row security, and to the conditions of views."""
RAISE: Final = "exec_stmt_raise"
"""The routine of the server that carries out RAISE of PL/pgSQL: the words and the code are a trigger's own."""
_SAID: Final = (
    # Words of sqlite3_errmsg, https://sqlite.org/rescode.html
    (re.compile(r"NOT NULL constraint failed: (?P<columns>.+)"), "row.db_not_null"),
    (re.compile(r"UNIQUE constraint failed: (?P<columns>.+)"), "row.db_unique"),
    (re.compile(r"CHECK constraint failed(: (?P<check>.+))?", re.DOTALL), "row.db_check"),
    (re.compile(r"FOREIGN KEY constraint failed"), "row.db_foreign_key"),
    (re.compile(r"datatype mismatch|cannot store .+ in .+ column (?P<columns>.+)"), "row.db_type"),
    (re.compile(r"too big"), "row.db_length"),
)
_SHOWN_MAX: Final = 200
WAITING_MAX: Final = 200
"""Of how many refused rows it is asked whether they wait for others of the file, which costs a look at all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a row is refused; `fields` are the first cells to look at.

    `excluded` says that an exclusion constraint refuses it: what is in the way need not have the same values.
    """

    code: str
    message: str
    fields: tuple[str, ...] = ()
    hint: str | None = None
    excluded: bool = False


def driver_error(error: BaseException) -> Any:
    """Return the driver's own error, which knows SQLSTATE and constraint; the error itself if there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "constraint_name", cause) is not cause:
            return cause
        original = getattr(cause, "orig", None)
        cause = original if isinstance(original, BaseException) else cause.__cause__
    return error


def is_raised(error: BaseException) -> bool:
    """Say whether a function of the application has raised an error, whatever code it gave it."""
    return getattr(driver_error(error), "server_source_function", None) == RAISE


def is_policy(error: BaseException) -> bool:
    """Say whether row security refuses a row, of whichever table: by its code alone that looks like a missing right."""
    return getattr(driver_error(error), "server_source_function", None) == _SECURES


def may_be_of_a_text(error: BaseException) -> bool:
    """Say whether a type may mean the text that it was to read: by its code alone that looks like the statement's."""
    return getattr(driver_error(error), "sqlstate", None) in _OF_TEXTS


def is_outdated(error: BaseException) -> bool:
    """Say whether a trigger's function may be planned, in this session, for types that columns had when it first ran.

    PL/pgSQL keeps what it has planned for NEW and OLD as long as the session lasts, whatever becomes of the table.
    """
    return getattr(driver_error(error), "sqlstate", None) == _DATATYPE_MISMATCH


def is_reference(error: BaseException) -> bool:
    """Say whether a foreign key is what an error is about, of whichever table."""
    state = getattr(driver_error(error), "sqlstate", None)
    return state in _REFERENCES if state else of_sqlite(error).code == "row.db_foreign_key"


def of_postgresql(error: BaseException, facts: TableFacts) -> Refusal:
    """Return what an error of PostgreSQL says of the one row that was written."""
    found = driver_error(error)
    state = str(getattr(found, "sqlstate", None) or "")
    code = _CODES.get(state) or _CLASSES.get(state[:2]) or "row.db_refused"
    constraint, raised = getattr(found, "constraint_name", None), is_raised(error)
    if state == "23514" and constraint is None and raised:
        code = "row.db_raised"
    elif state == "23514" and getattr(found, "server_source_function", None) in _PARTITIONS:
        code = "row.db_partition"
    elif (raised or not (state[:1] in _STANDARD or state in _CODES)) and not state.startswith(_OF_VALUES):
        code = "row.db_raised"
    columns = (
        (found.column_name,) if getattr(found, "column_name", None) else facts.constraints.get(str(constraint), ())
    )
    excluded = state == _EXCLUSION
    return Refusal(code=code, message=said_in_full(error), fields=tuple(columns), excluded=excluded)


def said_in_full(error: BaseException) -> str:
    """Return the words of a database's error, with the values that it names, but for whole rows."""
    found = driver_error(error)
    said = str(getattr(found, "message", None) or getattr(found, "orig", None) or found).strip().splitlines()[0]
    detail = getattr(found, "detail", None)
    if detail and not detail.startswith("Failing row contains"):
        said = f"{said} ({detail.strip().rstrip('.')})"
    return said


def of_sqlite(error: BaseException, names: Iterable[str] = ()) -> Refusal:
    """Return what an error of SQLite says of the one row that was written.

    Of `names` those are its fields that stand in the condition of a CHECK, by which one without a name is told.
    """
    said = str(getattr(error, "orig", None) or error)
    for pattern, code in _SAID:
        if found := pattern.search(said):
            columns, check = (found.groupdict().get(name) or "" for name in ("columns", "check"))
            fields = [part.strip().rpartition(".")[2] for part in columns.split(",") if part]
            # Texts within are no names.
            check = re.sub("'[^']*'", "", check)
            fields += [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", check, re.IGNORECASE)]
            return Refusal(code=code, message=said, fields=tuple(fields))
    return Refusal(code="row.db_raised", message=said)


def of_repeated_key(key: tuple[str, ...]) -> Refusal:
    """Return why rows are refused whose keys differ in the file, and are one for the table's columns."""
    return Refusal(
        code="row.key_duplicate",
        message=say("another row of the file has the same key ({key}) for the database", key=", ".join(key)),
        fields=key,
        hint=say("keep one row of the key; duplicates.in_file is of keys that are written alike"),
    )


class Refusals:
    """The refused rows of one load, by the line of the accepted file (1-based) that they stand in."""

    def __init__(self, dataset: Dataset, spooled: Spooled) -> None:
        self._dataset, self._spooled = dataset, spooled
        self._found: dict[int, tuple[Refusal, Mapping[str, str | None]]] = {}
        self._more: Counter[str] = Counter()
        self._waiting: set[int] = set()
        self._asked = 0

    def __len__(self) -> int:
        """Return how many rows are refused."""
        return len(self._found) + self._more.total()

    @property
    def lines(self) -> list[int]:
        """The lines that are refused, in order."""
        return sorted(self._found)

    def refuse(self, line: int, refusal: Refusal, values: Mapping[str, str | None] | None = None) -> None:
        """Refuse a row; `values` are those of its fields as they were to be loaded."""
        self._found[line] = (refusal, values or {})

    def refuse_within_tolerance(
        self, line: int, refusal: Refusal, values: Mapping[str, str | None], *, alike: int = 0
    ) -> None:
        """Refuse a row; `alike` more have the same reason, and are only counted if this is one too many.

        Raises:
            TooManyError: more are refused than the dataset tolerates.

        """
        self.refuse(line, refusal, values)
        if len(self) - len(self._waiting) > self._spooled.tolerance:
            self.add_uncounted(refusal, alike)
            raise TooManyError

    def lacked(self) -> list[str]:
        """Return the columns which the dataset does not know, if that they have no value is all that is refused."""
        found = {self._lacked(refusal) for refusal, _ in self._found.values()}
        return [] if None in found else sorted(filter(None, found))

    def may_ask(self) -> bool:
        """Say whether it may be asked of one more row if it waits."""
        self._asked += 1
        return self._asked <= WAITING_MAX

    def refuse_for_now(self, line: int, refusal: Refusal, values: Mapping[str, str | None]) -> None:
        """Refuse a row that may only wait for another of the file: it counts once all are written.

        Raises:
            TooManyError: more are refused than the dataset tolerates, but for those that wait.

        """
        self._waiting.add(line)
        self.refuse_within_tolerance(line, refusal, values)

    def settle(self) -> None:
        """Have those that have waited count as refused.

        Raises:
            TooManyError: more are refused than the dataset tolerates.

        """
        self._waiting.clear()
        if len(self) > self._spooled.tolerance:
            raise TooManyError

    def forgive(self, line: int) -> None:
        """Take a refusal back: the row could be written after all."""
        del self._found[line]
        self._waiting.discard(line)

    def add_conflicts(self, lines: Iterable[int]) -> None:
        """Refuse rows whose key is in the table with other values."""
        key = self._dataset.primary_key
        table = self._dataset.load.table
        refusal = Refusal(
            code="row.key_conflict",
            message=say(
                "the key ({key}) is in table {table} already, with other values", key=", ".join(key), table=table
            ),
            fields=key,
            hint=say("correct the key, or use load mode upsert if the newer row is to win"),
        )
        self._add(lines, refusal)

    def add_barred(self, lines: Iterable[int]) -> None:
        """Refuse rows whose key is in the table, in a row that row security does not let this role update."""
        key = self._dataset.primary_key
        table = self._dataset.load.table
        refusal = Refusal(
            code="row.db_policy",
            message=say(
                "row security of table {table} does not let this role update the row of this key ({key})",
                table=table,
                key=", ".join(key),
            ),
            fields=key,
            hint=say("take the row out, or add a policy FOR UPDATE that lets this role write it"),
        )
        self._add(lines, refusal)

    def _add(self, lines: Iterable[int], refusal: Refusal) -> None:
        for number, line in enumerate(lines):
            if number < CONFLICTS_NAMED:
                self.refuse(line, refusal)
            else:
                self.add_uncounted(refusal, 1)

    def add_uncounted(self, refusal: Refusal, rows: int) -> None:
        """Count more rows that are refused for the same reason, without naming them."""
        self._more[refusal.code] += rows

    def loaded(self, merged: Merged, *, too_many: bool = False) -> Loaded:
        """Return what a load comes to with these refusals."""
        counts = Counter(refusal.code for refusal, _ in self._found.values()) + self._more
        return Loaded(
            inserted=merged.inserted,
            updated=merged.updated,
            unchanged=merged.unchanged,
            skipped=merged.skipped,
            refused=dict(counts),
            records=tuple(self._records()),
            refused_lines=tuple(self.lines),
            too_many=too_many,
        )

    def _records(self) -> Iterable[ErrorRecord]:
        if not self._found:
            return
        rows = array("q")
        rows.frombytes((self._spooled.folder / ROWS_FILE).read_bytes())
        ends = list(accumulate(part.accepted for part in self._spooled.report.parts))
        for line in self.lines[:CONFLICTS_NAMED]:
            place = next((place for place, end in enumerate(ends) if line <= end), 0)
            refusal, values = self._found[line]
            yield self._record(refusal, values, place, rows[line - 1])

    def _record(self, refusal: Refusal, values: Mapping[str, str | None], place: int, row: int) -> ErrorRecord:
        part = self._spooled.report.parts[place]
        field = next((name for name in refusal.fields if name in part.columns), None)
        column = None if field is None else part.columns[field]
        raw = None if field is None else values.get(field)
        return ErrorRecord(
            code=refusal.code,
            message=within(refusal.message, _SHOWN_MAX),
            hint=refusal.hint or self._hint_of_column(refusal) or CATALOGUE[refusal.code].hint,
            sheet=part.sheet,
            row=row,
            column=None if column is None else column + 1,
            cell=None if field is None else f"{part.letters[field]}{row}",
            field=field,
            header=None if field is None else part.titles.get(field) or None,
            raw=raw,
            spec_version=self._dataset.version,
        )

    def _hint_of_column(self, refusal: Refusal) -> str | None:
        column = self._lacked(refusal)
        if column is None:
            return None
        return say(
            "declare the field, give the column a default, or write {setting}",
            setting=f"load.insert_only: {{{column}: ...}}",
        )

    def _lacked(self, refusal: Refusal) -> str | None:
        """Return the column that must have a value, and that the dataset does not know."""
        fields = {field.name for field in self._dataset.fields}
        known = refusal.code != "row.db_not_null" or not refusal.fields or refusal.fields[0] in fields
        return None if known else refusal.fields[0]
