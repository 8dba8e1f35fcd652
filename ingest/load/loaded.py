"""What goes into a load and what it comes to: values only, for both databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Self

from ..output.report import ACCEPTED_FILE, REJECTED_KEYS_FILE, accepted_columns
from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..errors import ErrorRecord
    from ..output.report import Report
    from ..spec.dataset import Dataset


class TargetMismatchError(Exception):
    """The target table cannot take the dataset's rows as it is."""


class RefusedLoadError(Exception):
    """The file cannot be loaded into this table, for a reason that a retry does not change: the data's fault."""

    def __init__(self, record: ErrorRecord) -> None:
        super().__init__(record.message)
        self.record = record


class Way(Enum):
    """How rows go into the table."""

    STRAIGHT = "copied into the table itself, where their keys cannot be there"
    STRAIGHT_BY_KEY = "the same, and the key of a table that was made for them is kept all the while"
    STAGED = "copied beside the table and merged by key"
    ROW_BY_ROW = "looked at one by one where the database refuses them, so that a bad row costs only itself"


class OtherWayError(Exception):
    """The rows do not go this way; nothing of the transaction can be kept. Begin it anew by `way`."""

    def __init__(self, way: Way) -> None:
        super().__init__(way.value)
        self.way = way


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """The accepted rows of a file (COPY text of `columns`, `rows` lines) and what the parse knows of them.

    `keeps_session` says that the connection is nobody else's after the transaction, which a pooler's is not.
    `sampled` is how many rows are to be shown as they stand afterwards; a load that shows any does not go STRAIGHT.
    `tolerance` is how many of them may still be refused. `kept_keys` has the keys of rows that the parse rejected, None
    if one of them has no readable key.
    """

    folder: Path
    rows: int
    columns: tuple[str, ...]
    report: Report
    tolerance: int
    keeps_session: bool = True
    sampled: int = 0

    @classmethod
    def of(
        cls, dataset: Dataset, report: Report, folder: Path, *, keeps_session: bool = True, sampled: int = 0
    ) -> Self:
        """Return what a parse has left in a folder."""
        rows = report.rows
        return cls(
            folder=folder,
            rows=rows.accepted,
            columns=accepted_columns(dataset, report.absent),
            report=report,
            keeps_session=keeps_session,
            sampled=sampled,
            tolerance=dataset.quarantine.allowed(rows.read - rows.blank - rows.footer) - rows.rejected,
        )

    @property
    def accepted(self) -> Path:
        """The file of the accepted rows."""
        return self.folder / ACCEPTED_FILE

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields among the columns."""
        return tuple(name for name in self.columns if name not in (LINEAGE_ROW, LINEAGE_JOB))

    @property
    def kept_keys(self) -> Path | None:
        """The file with the keys of the rows that the parse rejected, where each of them has one."""
        return self.folder / REJECTED_KEYS_FILE if self.report.rejected_keys else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some rows of a table, each value as the database writes it as a text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of the accepted rows, by what the statements did.

    `skipped` are rows that a trigger, a rule or a view of the database left out or put elsewhere, `refused` those that
    were refused, by code, with the first records, and `refused_lines` their lines in the accepted file (from 1 on), but
    for those that only their key has refused. `too_many` says that the search was ended because more are refused than
    the file may have; `held_back` that the rows which the file lacks were left where they are, in mode `replace`;
    `stayed` that the database has left such rows there though they were to be deleted. `sample` has the first rows as
    they stand in the table, if they were asked for.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    records: tuple[ErrorRecord, ...] = ()
    refused_lines: tuple[int, ...] = ()
    too_many: bool = False
    held_back: bool = False
    stayed: bool = False
    sample: Sample | None = None

    @property
    def rejected(self) -> int:
        """How many of the rows were refused."""
        return sum(self.refused.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge of staged rows did.

    `conflicts` are rows whose key is there with other values, in mode `insert`; `barred` those of a key whose row this
    role may read but not update.
    """

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    conflicts: tuple[int, ...] = ()
    barred: tuple[int, ...] = ()

    def __add__(self, other: Merged) -> Merged:
        """Return what two merges did."""
        return Merged(
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            skipped=self.skipped + other.skipped,
            conflicts=(*self.conflicts, *other.conflicts),
            barred=(*self.barred, *other.barred),
        )
