"""The durable job ledger: the only writer of job state. Knows nothing of workbooks, workers or metrics."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Self

import sqlalchemy as sa

from ..errors import LeaseLostError
from ..version import VERSION
from .claims import Claim, Claims
from .clock_correction import ClockCorrection
from .context import LedgerContext
from .enqueue import Enqueue
from .event_log import given, parameters
from .jobs import DELAY_MAX_SECONDS, REJECTS_KEPT, TERMINAL, Job, Origin, Outcome, State, Submission
from .migrations import upgrade
from .queries import ROW_COLUMNS
from .reaper import Reaper
from .reasons import RESOLVED
from .tables import in_state
from .wishes import fulfil, wisher

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..database.database import Database
    from .jobs import Content

logger = logging.getLogger(__name__)

FINISHED: Final = (
    *(f"rows_{name}" for name in ROW_COLUMNS),
    *(
        "state",
        "would_be",
        "spec_version",
        "first_job",
        "reason",
        "errors_total",
        "seconds",
        "cpu_seconds",
        "peak_rss_bytes",
        "crashes",
        "table_refused",
    ),
)
"""What the end of a job says of it."""


class Ledger:
    """Jobs, leases and events in the database's tables; each method is one transaction unless it takes one."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self.context = context = LedgerContext(database, lease_seconds=lease_seconds)
        self.tables, self.now, self.daemon_id, self.event = (
            context.tables,
            context.now,
            context.daemon_id,
            context.event,
        )
        # Built once: statements with all columns of a job take longer to put together than to run.
        job = self.tables.job
        held = (
            job.c.id == sa.bindparam("held_job"),
            job.c.lease_token == sa.bindparam("held_token"),
            job.c.state == "running",
        )
        # It lets those through who enter a duplicate of the job that is being loaded; see `supersede`.
        self._lock = sa.select(job.c.id).where(*held).with_for_update(key_share=True)
        kept = sa.case((sa.bindparam("keeps_file", type_=sa.Boolean), job.c.spool_key))
        ended = {"finished_at": self.now, "finish_order": context.next_order, "spool_key": kept}
        change = job.update().where(*held).values(**parameters(job, FINISHED), **ended)
        dead = job.alias("dead")
        some_dead = context.seen(sa.select(dead.c.id).where(*_given_up_before(dead, dict(job.c))).exists())
        self._finish = context.noted(change, job.c.id, job.c.attempt, some_dead.label("some_dead"))
        self._dismiss = self._dismissal()
        self._enqueue, self._claims = Enqueue(context), Claims(context)
        self._reaper, self._clock = Reaper(context), ClockCorrection(context)

    @property
    def spool_id(self) -> str:
        """The spool whose jobs this daemon claims."""
        return self.context.spool_id

    async def open(self) -> str:
        """Bring the tables up to date and return the ledger's own id, under which its spool lies."""
        async with self._database.write() as connection:
            await connection.run_sync(upgrade)
            return str((await connection.execute(sa.select(self.tables.ledger.c.id))).scalar_one())

    @asynccontextmanager
    async def in_turn(self) -> AsyncIterator[None]:
        """Be the only daemon of this ledger inside: what is made once for all of them is made here."""
        async with self._database.write() as connection:
            await connection.execute(sa.select(self.tables.ledger.c.id).with_for_update())
            yield

    async def register(self, spool_id: str) -> None:
        """Announce this daemon; its jobs' files lie in the spool of that id, and it claims only such jobs."""
        self.context.spool_id = spool_id
        async with self._database.write() as connection:
            await connection.execute(
                self.tables.daemon.insert().values(
                    id=self.daemon_id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    version=VERSION,
                    spool_id=spool_id,
                    started_at=self.now,
                    beat_at=self.now,
                )
            )

    async def close(self) -> None:
        """Take this daemon's row away; leases still held are given back first."""
        daemon = self.tables.daemon
        async with self._database.write() as connection:
            await self._reaper.give_back(connection, [self.daemon_id])
            await connection.execute(daemon.delete().where(daemon.c.id == self.daemon_id))

    # -- submissions ---------------------------------------------------------------------------------

    async def submit(
        self, submission: Submission, *, adopt: bool = False, sending: Callable[[], None] | None = None
    ) -> Job:
        """Enter a submission; see `Enqueue.submit`."""
        return await self._enqueue.submit(submission, adopt=adopt, sending=sending)

    async def load_kept(self, kept: Job, submission: Submission, *, states: Collection[State]) -> Job:
        """Enter the file of a job that has loaded nothing of it; see `Enqueue.load_kept`."""
        return await self._enqueue.load_kept(kept, submission, states=states)

    async def refuse(self, submission: Submission, record: dict[str, Any]) -> Job:
        """Enter a submission that no dataset takes; see `Enqueue.refuse`."""
        return await self._enqueue.refuse(submission, record)

    async def loaded_before(self, content: Content) -> int | None:
        """Return the number of a job that has loaded this content; see `LedgerContext.loaded_before`."""
        async with self._database.read() as connection:
            return await self.context.loaded_before(connection, content)

    # -- leases --------------------------------------------------------------------------------------

    async def claim(
        self, *, datasets: Collection[str], most: int = 1, only: Collection[int] | None = None
    ) -> list[Claim]:
        """Take the jobs that have waited longest; see `Claims.claim`."""
        return await self._claims.claim(datasets=datasets, most=most, only=only)

    async def beat(self) -> None:
        """Tell the others that this daemon lives; a row that was reaped meanwhile is entered anew."""
        daemon = self.tables.daemon
        async with self._database.write("beat") as connection:
            result = await connection.execute(
                daemon.update().where(daemon.c.id == self.daemon_id).values(beat_at=self.now)
            )
        if result.rowcount == 0:
            await self.register(self.spool_id)

    async def cancellations(self) -> tuple[list[int], list[Job]]:
        """Return which running jobs of this daemon somebody wants ended, and end those that wait; see `fulfil`."""
        return await fulfil(self.context)

    async def correct_clock(self) -> float:
        """Make times of now that lie in the future, and return by how much they do; see `ClockCorrection.correct`."""
        return await self._clock.correct()

    async def reap(self, *, known_dead: Sequence[str] = (), max_lost_leases: int) -> list[Job]:
        """Give the jobs of dead daemons back and return those that this gave up for good; see `Reaper.reap`."""
        return await self._reaper.reap(known_dead=known_dead, max_lost_leases=max_lost_leases)

    async def held(self) -> set[str]:
        """Return the lease tokens of this daemon's running jobs; see `Reaper.held`."""
        return await self._reaper.held()

    async def let_go(self, tokens: Collection[str]) -> None:
        """Put jobs back in the queue that this daemon holds and does not run; see `Reaper.let_go`."""
        await self._reaper.let_go(tokens)

    async def requeue(self, job: Job, *, delay_seconds: float, reason: str, give_back: bool = False) -> None:
        """Put a running job back in the queue, due in `delay_seconds`, in `DELAY_MAX_SECONDS` at the latest.

        `give_back` returns the attempt.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        table = self.tables.job
        async with self._database.write() as connection:
            result = await connection.execute(
                self._held(job).values(
                    state="queued",
                    run_at=self.now + min(delay_seconds, DELAY_MAX_SECONDS),
                    reason=reason,
                    attempt=table.c.attempt - int(give_back),
                    lease_token=None,
                    lease_daemon=None,
                    cancelled_by=sa.func.coalesce(table.c.cancelled_by, wisher(self.tables)),
                )
            )
            if result.rowcount != 1:
                raise LeaseLostError
            await self.event(connection, job.id, "queued", job.attempt, reason)

    async def charge_crash(self, job: Job) -> Job:
        """Charge the job's content with a worker that it has killed, and return the job with all its crashes.

        The same content in another submission goes on counting: a file that kills workers gets no fresh account by
        being handed in again, only one more try. What was loaded or judged in the end is not held against it.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        table = self.tables.job
        others = sa.select(sa.func.max(table.c.crashes)).where(
            table.c.sha256 == job.sha256, table.c.state.in_(("queued", "running", "dead")), table.c.id != job.id
        )
        async with self._database.write() as connection:
            # Its own row may have the charge already: the reply to an earlier COMMIT may have been lost.
            crashes = max(int((await connection.execute(others)).scalar_one() or 0), job.crashes) + 1
            result = await connection.execute(self._held(job).values(crashes=crashes))
            if result.rowcount != 1:
                raise LeaseLostError
        return job.evolve(crashes=crashes)

    # -- completion ----------------------------------------------------------------------------------

    def _held(self, job: Job) -> sa.Update:
        table = self.tables.job
        return table.update().where(
            table.c.id == job.id, table.c.lease_token == job.lease_token, table.c.state == "running"
        )

    async def lock(self, connection: AsyncConnection, job: Job) -> None:
        """Lock the job's row for the rest of the transaction, before anything is loaded.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        if (await connection.execute(self._lock, _holding(job))).one_or_none() is None:
            raise LeaseLostError

    async def finish(self, connection: AsyncConnection, job: Job, outcome: Outcome) -> None:
        """Write the one terminal state of a job, its counts and its error records, in the caller's transaction.

        The lease token stays on the row: it shows whose completion this was when the reply to COMMIT is lost.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        values = {
            **{f"rows_{name}": getattr(outcome.rows, name) for name in ROW_COLUMNS},
            "state": outcome.state,
            "would_be": outcome.would_be,
            "spec_version": job.spec_version if outcome.spec_version is None else outcome.spec_version,
            "first_job": job.first_job if outcome.first_job is None else outcome.first_job,
            "reason": outcome.reason,
            "errors_total": outcome.errors_total,
            "seconds": dict(outcome.seconds),
            "cpu_seconds": outcome.cpu_seconds,
            "peak_rss_bytes": outcome.peak_rss_bytes,
            "table_refused": outcome.table_refused,
            "crashes": job.crashes,
        }
        asked = {**_holding(job), **given(values), "keeps_file": outcome.keeps_file, "of_dataset": job.dataset}
        finished = await self._finish.make(connection, asked, event=outcome.state, detail=outcome.reason)
        if finished is None:
            raise LeaseLostError
        if finished["some_dead"] and outcome.state in {"loaded", "partial"}:
            await self._resolve(connection, job)
        records = [
            {"job_id": job.id, "number": number, "record": dict(record)}
            for number, record in enumerate(outcome.records[:REJECTS_KEPT], start=1)
        ]
        if records:
            await connection.execute(self.tables.reject.insert(), records)
        if outcome.preview is not None:
            await connection.execute(
                self.tables.preview.insert().values(job_id=job.id, preview=asdict(outcome.preview))
            )

    async def _resolve(self, connection: AsyncConnection, job: Job) -> None:
        """Put earlier jobs to rest that were given up with the file that is loaded now."""
        reason = RESOLVED.format(job=job.id)
        loaded = {"its_id": job.id, "its_dataset": job.dataset, "its_file": job.file, "its_sha256": job.sha256}
        for row in (await connection.execute(self._dismiss, {**loaded, "resolved": reason})).all():
            await self.event(connection, row.id, "dismissed", row.attempt, reason)

    def _dismissal(self) -> sa.Executable:
        table = self.tables.job
        its = {
            name: sa.bindparam(f"its_{name}", type_=table.c[name].type) for name in ("id", "dataset", "file", "sha256")
        }
        dead = _given_up_before(table, its)
        change = table.update().where(*dead).values(state="dismissed", reason=sa.bindparam("resolved"))
        return change.returning(table.c.id, table.c.attempt)

    async def took(self, origin: Origin, sha256: str, job_id: int) -> None:
        """Note that a file was taken which is none of a job: an archive, whose last job this is."""
        row = {"origin": origin.path, "origin_stamp": origin.stamp, "sha256": sha256, "job_id": job_id}
        async with self._database.write() as connection:
            await self.context.remember(connection, self.tables.taken_file, [row])

    async def delivered(self, ids: Sequence[int]) -> None:
        """Note that the ends of jobs were told to who sent their files; one that was retried since has no end yet."""
        await self._set_owed(ids, in_state(self.tables.job, *TERMINAL), owed=False)

    async def owe(self, ids: Sequence[int]) -> None:
        """Note that the ends of jobs are to be told in the folder that their files came from."""
        await self._set_owed(ids, owed=True)

    async def _set_owed(self, ids: Sequence[int], *which: sa.ColumnElement[bool], owed: bool) -> None:
        table = self.tables.job
        async with self._database.write() as connection:
            await connection.execute(table.update().where(table.c.id.in_(ids), *which).values(owed=owed))

    async def finish_alone(self, job: Job, outcome: Outcome) -> None:
        """Write the terminal state of a job that loads nothing, in a transaction of its own."""
        async with self._database.write() as connection:
            await self.finish(connection, job, outcome)

    async def settle(self, job: Job) -> State | None:
        """Say what became of a completion whose COMMIT got no reply: its terminal state, or None if it was undone.

        Waits for a transaction that still holds the row, so the answer is final.
        """
        table = self.tables.job
        async with self._database.write() as connection:
            row = await connection.execute(
                sa.select(table.c.state, table.c.lease_token).where(table.c.id == job.id).with_for_update()
            )
            state, token = row.one()
        return state if token == job.lease_token and state in TERMINAL else None

    async def note(self, job: Job, event: str) -> None:
        """Tell how far a job has come, in a transaction of its own.

        Raises:
            LeaseLostError: the lease is not this daemon's any more.

        """
        async with self._database.write() as connection:
            await self.lock(connection, job)
            await self.event(connection, job.id, event, job.attempt, None)

    async def __aenter__(self) -> Self:
        """Return itself; `open` and `register` are called by the composition, which needs their results."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give leases back and take the daemon's row away; if that fails, the lease runs out by itself."""
        try:
            await self.close()
        except Exception as error:  # noqa: BLE001  # nothing may hide the reason of the shutdown
            logger.warning("leases not given back", extra={"error": str(error).partition("\n")[0]})


def _given_up_before(
    dead: sa.FromClause, loaded: Mapping[str, sa.ColumnElement[Any]]
) -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for earlier jobs that were given up with the file that a job has loaded, or its content."""
    same = sa.or_(dead.c.file == loaded["file"], dead.c.sha256 == loaded["sha256"])
    return in_state(dead, "dead"), dead.c.dataset == loaded["dataset"], same, dead.c.id < loaded["id"]


def _holding(job: Job) -> dict[str, Any]:
    """Return the parameters by which a statement finds the row only while its lease is this daemon's."""
    return {"held_job": job.id, "held_token": job.lease_token}
