"""When files and jobs are let go by age: not before the clock by which they are due has gone on as time does."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from database_fixtures import database, database_url, ledger
from submissions import next_job, submission

from daemon.config.settings import Settings
from daemon.ledger.jobs import Outcome, RowCounts
from daemon.ledger.pruner import Pruner
from daemon.ledger.queries import JobFilter, JobQueries
from daemon.pipeline.retention import JUMP_SECONDS, PATIENCE_LOOKS, Retention
from daemon.pipeline.settings import PipelineSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from daemon.ledger.jobs import Job
    from daemon.ledger.leases import Ledger

__all__ = ["database", "database_url", "ledger"]

DAY_SECONDS = 86_400.0


class _SetClock(Pruner):
    """Has a clock that can be set."""

    ahead_seconds = 0.0

    async def now(self) -> float:
        return await super().now() + self.ahead_seconds


class _Kept:
    """A ledger with files of ended jobs, and what lets go of them."""

    def __init__(self, ledger: Ledger, *, rejects_seconds: float = 0.01, **retention: float) -> None:
        self._ledger, self.removed = ledger, list[str]()
        self._kept_seconds = rejects_seconds
        self.queries = JobQueries(ledger.context.database)
        self.pruner = _SetClock(ledger.context)
        parts: Any = SimpleNamespace(
            executors=SimpleNamespace(run_io=self._run_io), spool=SimpleNamespace(remove=self.removed.append)
        )
        settings = Settings.model_validate(
            {"ledger": {"rejects_seconds": rejects_seconds}, "retention": {"jobs_seconds": 0.01, **retention}}
        )
        self._retention = Retention(parts, self.pruner, PipelineSettings.of(settings))

    async def _run_io(self, call: Callable[[str], None], key: str) -> None:
        call(key)

    async def enter(self, content: str, **changes: Any) -> int:
        """Take a job to an end with rejected rows; return its number."""
        await self._ledger.submit(submission(content, **changes))
        job = await next_job(self._ledger, datasets=["orders"])
        assert job is not None
        await self._ledger.finish_alone(job, Outcome(state="partial", rows=RowCounts(read=1, rejected=1)))
        await asyncio.sleep(2 * self._kept_seconds)
        return job.id

    async def start(self) -> None:
        await self._retention.__aenter__()

    async def jobs(self) -> Sequence[Job]:
        return (await self.queries.page(JobFilter(), limit=10)).jobs

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self._retention._look()


async def test_a_start_lets_go_of_what_was_due_when_the_ledger_was_last_at_work(ledger: Ledger) -> None:
    """Whoever only ever runs for seconds has an hour never."""
    kept = _Kept(ledger, rejects_seconds=1.0)  # a look may take a while on a busy machine
    for content in "ab":
        await kept.enter(content)
    await kept.start()
    await kept.look()
    assert kept.removed == ["key-a"]


async def test_nothing_goes_by_a_clock_that_has_not_gone_on_for_a_while(ledger: Ledger) -> None:
    """A start of 8 s with a clock 40 days ahead took the rejected rows of all jobs along."""
    kept = _Kept(ledger)
    job = await kept.enter("a")
    gone = await kept.enter("b")
    async with ledger.context.database.write() as connection:
        table = ledger.tables.job
        await connection.execute(table.update().where(table.c.id == gone).values(spool_key=None))
    kept.pruner.ahead_seconds = 40 * DAY_SECONDS
    await kept.start()
    await kept.look(PATIENCE_LOOKS)
    assert kept.removed == []
    assert await kept.queries.job(gone) is not None
    await kept.look()
    assert kept.removed == ["key-a"]
    assert await kept.queries.job(gone) is None
    assert await kept.queries.job(job) is None, "its file is gone"


async def test_nothing_goes_by_its_age_for_a_while_after_the_clock_was_set(ledger: Ledger) -> None:
    kept = _Kept(ledger)
    await kept.start()
    await kept.look(PATIENCE_LOOKS + 1)
    await kept.enter("a")
    kept.pruner.ahead_seconds = 40 * DAY_SECONDS
    await kept.look(PATIENCE_LOOKS)
    assert kept.removed == []
    kept.pruner.ahead_seconds += JUMP_SECONDS / 2
    await kept.look()
    assert kept.removed == ["key-a"], "clocks are put right by a little in the daily course"


async def test_what_ended_under_a_clock_that_was_ahead_pushes_nothing_else_out(ledger: Ledger) -> None:
    kept = _Kept(ledger, files_mb=1)
    ahead = await kept.enter("a", size_bytes=700_000)
    async with ledger.context.database.write() as connection:
        table = ledger.tables.job
        later = {"finished_at": table.c.finished_at + DAY_SECONDS, "created_at": table.c.created_at + DAY_SECONDS}
        await connection.execute(table.update().where(table.c.id == ahead).values(later))
    await kept.enter("b", size_bytes=700_000)
    await kept.pruner.forget_files_beyond(1 << 20)
    assert [job.spool_key for job in await kept.jobs()] == ["key-b", None]


async def test_what_is_too_much_goes_at_once(ledger: Ledger) -> None:
    kept = _Kept(ledger, files_mb=1)
    for content in "ab":
        await kept.enter(content, size_bytes=700_000)
    kept.pruner.ahead_seconds = 40 * DAY_SECONDS
    await kept.start()
    await kept.look()
    assert kept.removed == ["key-a"]
