"""What a job is: its states, its counts and the frozen values that pass between the ledger and its users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

State = Literal[
    "queued",
    "running",
    "loaded",
    "partial",
    "rejected",
    "duplicate",
    "dead",
    "cancelled",
    "superseded",
    "dismissed",
    "checked",
]
STATES: Final[tuple[State, ...]] = get_args(State)
TERMINAL: Final = STATES[2:]
ENDS: Final[tuple[State, ...]] = tuple(state for state in TERMINAL if state not in {"dismissed", "checked"})
"""How a job that loads may end: a `dead` one may be dismissed later, which is no other end.

One that only checks ends `checked`, and says which of these it would have been.
"""

CHECKED: Final[tuple[State, ...]] = ("checked",)
GIVEN_UP: Final[tuple[State, ...]] = ("dead", "cancelled", "dismissed")
"""States of jobs that ended without a verdict on their file, which is kept for a retry."""

Repeats = Literal["once", "last", "again"]
"""When the same content is loaded again: never, unless it was the last that was loaded into its dataset, always."""

UNMATCHED: Final = "_unmatched"
"""The dataset of a job whose file no dataset takes."""

WAITS: Final = "waits:"
"""How the reason of a job begins that was put back for want of what the database or the machine lacks."""
DELAY_MAX_SECONDS: Final = 3600.0
"""No job is put off for longer."""
REJECTS_KEPT: Final = 1000
"""Error records kept in the ledger for one job; the default tolerance of a dataset is as many rows."""

ERRORS_SHOWN: Final = 100
"""Error records in a job's JSON form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """Where the physical data rows of a workbook went; `skipped` are those that the database itself left out."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    blank: int = 0
    footer: int = 0
    skipped: int = 0

    def unaccounted(self) -> int:
        """Return how far the counts are from the conservation law; anything but 0 is a defect of Headgate."""
        counts: dict[str, int] = asdict(self)
        return 2 * self.read - sum(counts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The file of a watched folder or a source that a submission is, by its path and by what changes when it does.

    With `owed` its end is to be told in that folder.
    """

    path: str
    stamp: str
    owed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A workbook that lies in the spool, fsynced, and wants a row in the ledger."""

    dataset: str
    spec_version: int
    sha256: str
    size_bytes: int
    file: str
    source: str
    spool_key: str
    fixes_job: int | None = None
    submitter: str | None = None
    idempotency_key: str | None = None
    repeats: Repeats = "once"
    in_turn: bool = False
    """Whether it is loaded only after all that was entered for its dataset before."""
    origin: Origin | None = None
    check_only: bool = False
    """Whether it is only to be told what would become of it."""
    spool_id: str | None = None
    """The spool that the file lies in; None for that of the daemon that enters it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What of a file makes another one a repetition of it, and when that is loaded again."""

    dataset: str
    spec_version: int
    sha256: str
    repeats: Repeats = "once"


INTERNAL: Final = {"internal": True}
"""Metadata of a field that is the ledger's own affair: no API, command or page shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger, and the one list of what a job has. Times are seconds since the epoch, the database's.

    The columns of the table, the API's schema and what commands and page show are held to these fields by a test.
    """

    id: int
    dataset: str
    spec_version: int
    file: str
    sha256: str
    size_bytes: int
    source: str
    submitter: str | None = None
    state: State
    reason: str | None = None
    attempt: int = 0
    crashes: int = 0
    first_job: int | None = None
    fixes_job: int | None = None
    check_only: bool = False
    would_be: State | None = None
    loaded_as: int | None = None
    rows: RowCounts = field(default_factory=RowCounts)
    errors: tuple[Mapping[str, Any], ...] = ()
    errors_total: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_rss_bytes: int | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    spool_id: str | None = field(metadata=INTERNAL)
    spool_key: str | None = field(metadata=INTERNAL)
    lost_leases: int = field(default=0, metadata=INTERNAL)
    lease_token: str | None = field(default=None, metadata=INTERNAL)
    idempotency_key: str | None = field(default=None, metadata=INTERNAL)
    cancelled_by: str | None = field(default=None, metadata=INTERNAL)
    origin: str | None = field(default=None, metadata=INTERNAL)
    origin_stamp: str | None = field(default=None, metadata=INTERNAL)
    owed: bool | None = field(default=None, metadata=INTERNAL)
    """Whether its end is still to be told in the folder that its file came from; None if it never was to be."""
    repeats: Repeats = field(default="once", metadata=INTERNAL)
    after_job: int | None = field(default=None, metadata=INTERNAL)
    """The job that must have ended before this one is claimed."""
    cpu_seconds: float | None = field(default=None, metadata=INTERNAL)
    table_refused: bool = field(default=False, metadata=INTERNAL)

    @property
    def finished(self) -> bool:
        """Whether the job has reached its one terminal state."""
        return self.state in TERMINAL

    def evolve(self, **changes: Any) -> Job:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the job as the API and the command line show it: every field that is not internal, in order."""
        return {one.name: _plain(getattr(self, one.name)) for one in fields(self) if one.metadata != INTERNAL}


def _plain(value: Any) -> Any:
    if isinstance(value, RowCounts):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    return [dict(record) for record in value] if isinstance(value, tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The first rows of a file as they would stand in the table, each value as the database writes it as a text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended for good; `records` are the error records to keep, at most `REJECTS_KEPT`.

    `spec_version` is that of the dataset by which rows were loaded: a reload may have changed it since the job was
    entered. `first_job` is that of a duplicate. `table_refused` says that a file was rejected by what the target table
    is and holds, and not by what is in it: the same file may come again. A job that only checked is `checked`,
    `would_be` what it would have come to otherwise, and `preview` the first rows as they would stand in the table.
    """

    state: State
    would_be: State | None = None
    spec_version: int | None = None
    first_job: int | None = None
    rows: RowCounts = field(default_factory=RowCounts)
    preview: Preview | None = None
    reason: str | None = None
    records: tuple[Mapping[str, Any], ...] = ()
    errors_total: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    peak_rss_bytes: int | None = None
    table_refused: bool = False

    @property
    def keeps_file(self) -> bool:
        """Whether the workbook is still needed: to be loaded after all, to hand rejected rows back, or to be mapped."""
        unknown = any(code.startswith("header.") for code in self.codes)
        return self.state in (*GIVEN_UP, "checked") or self.rows.rejected > 0 or (self.state == "rejected" and unknown)
