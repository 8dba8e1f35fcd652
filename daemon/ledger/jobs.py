"""What a job is: its states, its counts and the frozen values that pass between the ledger and its users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

State = Literal["queued", "running", "loaded", "partial", "rejected", "duplicate", "dead", "cancelled"]
TERMINAL: Final[tuple[State, ...]] = ("loaded", "partial", "rejected", "duplicate", "dead", "cancelled")
STATES: Final[tuple[State, ...]] = ("queued", "running", *TERMINAL)

REJECTS_KEPT: Final = 1000
"""Error records kept in the ledger for one job; the default tolerance of a dataset is as many rows."""

ERRORS_SHOWN: Final = 100
"""Error records in a job's JSON form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """Where the physical data rows of a workbook went."""

    read: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicate: int = 0
    rejected: int = 0
    blank: int = 0
    footer: int = 0

    def unaccounted(self) -> int:
        """Return how far the counts are from the conservation law; anything but 0 is a defect of Headgate."""
        return self.read - (
            self.inserted + self.updated + self.unchanged + self.duplicate + self.rejected + self.blank + self.footer
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The file of a watched folder that a submission is, by its path and by what changes when it does."""

    path: str
    stamp: str


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
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the ledger. Times are seconds since the epoch by the database's clock."""

    id: int
    dataset: str
    spec_version: int
    sha256: str
    size_bytes: int
    file: str
    source: str
    spool_id: str | None
    spool_key: str | None
    state: State
    reason: str | None = None
    attempt: int = 0
    crashes: int = 0
    lost_leases: int = 0
    lease_token: str | None = None
    first_job: int | None = None
    fixes_job: int | None = None
    submitter: str | None = None
    idempotency_key: str | None = None
    cancelled_by: str | None = None
    origin: str | None = None
    origin_stamp: str | None = None
    rows: RowCounts = field(default_factory=RowCounts)
    errors_total: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    peak_rss_bytes: int | None = None
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    errors: tuple[Mapping[str, Any], ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the job has reached its one terminal state."""
        return self.state in TERMINAL

    def evolve(self, **changes: Any) -> Job:
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return the job as the API and the command line show it."""
        return {
            "id": self.id,
            "dataset": self.dataset,
            "spec_version": self.spec_version,
            "file": self.file,
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "source": self.source,
            "submitter": self.submitter,
            "state": self.state,
            "reason": self.reason,
            "attempt": self.attempt,
            "crashes": self.crashes,
            "first_job": self.first_job,
            "fixes_job": self.fixes_job,
            "rows": asdict(self.rows),
            "errors": [dict(record) for record in self.errors],
            "errors_total": self.errors_total,
            "seconds": dict(self.seconds),
            "peak_rss_bytes": self.peak_rss_bytes,
            "created_at": self.created_at,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended for good; `records` are the error records to keep, at most `REJECTS_KEPT`."""

    state: State
    rows: RowCounts = field(default_factory=RowCounts)
    reason: str | None = None
    records: tuple[Mapping[str, Any], ...] = ()
    errors_total: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    peak_rss_bytes: int | None = None

    @property
    def keeps_file(self) -> bool:
        """Whether the workbook is still needed: for a retry, or to hand rejected rows back."""
        return self.state in {"dead", "cancelled"} or self.rows.rejected > 0


UNMATCHED: Final = "_unmatched"
"""The dataset of a job whose file no dataset takes."""
