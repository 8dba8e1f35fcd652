"""What the jobs of a dataset say of its past: when it was first handed in, last begun and last in error.

Owns how that is asked so that it costs the same however many jobs there are; runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from .jobs import STATES, State
from .tables import in_state

SEEN_OF_A_STATE: Final = 20
"""Jobs of a dataset in one state that are looked at for a latest moment: they end in another order than they came.

One that is tried again after so many newer ones came to the same end is not seen; the daemon that tries it knows.
"""

WITH_ERRORS: Final[tuple[State, ...]] = ("partial", "rejected", "dead", "dismissed")
"""States of jobs whose workbooks had errors; others have had warnings at most."""
DAEMONS_LOST: Final = {"load.retry_exhausted": 1}
"""The codes of a job that was given up because its daemons died: nobody was left to write a record."""
_ITS: Final = "its_dataset"
_NOW: Final = "past_until"
"""What is later was written by a clock that was ahead, and is told only where there is nothing else."""
_COLUMNS: Final = ("id", "state", "check_only", "errors_total", "created_at", "started_at", "finished_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A job that ended with errors, and when."""

    job_id: int
    at: float
    recorded: bool
    """Whether there are error records of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetPast:
    """What is known of a dataset's jobs, those that only checked left out; None of what never happened."""

    first_at: float | None = None
    """When the first was handed in."""
    begun_at: float | None = None
    """When any was last begun."""
    failure: Failure | None = None
    """The last that ended with errors."""


def past_of(rows: Iterable[Any]) -> DatasetPast:
    """Return what the rows of the statement say."""
    told: dict[str, Any] = {row.what: row for row in rows}
    first, begun, failed = (told.get(what) for what in ("first", "begun", "failed"))
    return DatasetPast(
        first_at=None if first is None else first.at,
        begun_at=None if begun is None else begun.at,
        failure=None if failed is None else Failure(job_id=failed.id, at=failed.at, recorded=failed.errors_total > 0),
    )


def asked(dataset: str, now: float) -> dict[str, Any]:
    """Return the parameters of the statement; `now` is what the ledger's clock says."""
    return {_ITS: dataset, _NOW: now}


def past_statement(job: sa.Table, dialect: str) -> sa.CompoundSelect[Any]:
    """Return the statement that asks for the past of one dataset.

    Each part has the order of the one index that is to be walked. Where a value is asked for by `=`, PostgreSQL takes
    its column out of the order, and for a dataset that it takes for frequent in a state walks another index that is in
    order by `id`: the whole table, or all of a state, for one that is rare. Hence the array of one, and the two bounds.
    """
    its_name: sa.ColumnElement[Any] = sa.bindparam(_ITS, type_=sa.Text)
    this: sa.ColumnElement[bool] = job.c.dataset == its_name
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import array  # noqa: PLC0415  # nobody who has SQLite pays for it

        this = job.c.dataset == sa.any_(array([its_name]))
    its = sa.select(*(job.c[name] for name in _COLUMNS)).where(this).limit(SEEN_OF_A_STATE)
    oldest = its.order_by(job.c.dataset, job.c.id).cte("oldest")
    parts = [sa.select(_in_order(its, job, state).subquery()) for state in STATES if state != "checked"]
    seen = sa.union_all(*parts).cte("seen")
    return sa.union_all(
        _one("first", oldest, oldest.c.created_at, (oldest.c.id,)),
        _one("begun", seen, seen.c.started_at, _latest(seen.c.started_at)),
        _one("failed", seen, seen.c.finished_at, _latest(seen.c.finished_at), in_state(seen, *WITH_ERRORS)),
    )


def _in_order(its: sa.Select[Any], job: sa.Table, state: State) -> sa.Select[Any]:
    named: sa.ColumnElement[str] = sa.literal_column(f"'{state}'")
    some, order = its.where(job.c.state >= named, job.c.state <= named), (job.c.dataset, job.c.state, job.c.id)
    if state == "queued":
        # Of those that wait the oldest have been begun, if any has.
        return some.order_by(*order)
    return some.order_by(*(column.desc() for column in order))


def _latest(at: sa.ColumnElement[Any]) -> tuple[sa.ColumnElement[Any], ...]:
    return at > sa.bindparam(_NOW, type_=sa.Double), at.desc()


def _one(
    what: str,
    among: sa.CTE,
    at: sa.ColumnElement[Any],
    order: tuple[sa.ColumnElement[Any], ...],
    *where: sa.ColumnElement[bool],
) -> sa.Select[Any]:
    named: sa.ColumnElement[str] = sa.literal_column(f"'{what}'")
    chosen = sa.select(named.label("what"), among.c.id, at.label("at"), among.c.errors_total)
    chosen = chosen.where(sa.not_(among.c.check_only), at.is_not(None), *where).order_by(*order).limit(1)
    return sa.select(chosen.subquery())
