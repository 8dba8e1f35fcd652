"""The end of a job on a real ledger: written once, counted once, whatever fails beside it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from submissions import next_job, submission

from daemon.errors import DatabaseUnavailableError, TaskTimeoutError
from daemon.ledger.jobs import Job, Outcome
from daemon.ledger.queries import JobQueries
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline.attempt import Attempt
from daemon.pipeline.job_runner import JobRunner

if TYPE_CHECKING:
    import pytest

    from daemon.ledger.leases import Ledger

REJECTED = Outcome(state="rejected", reason="no header")


class SpoolAside:
    """Takes note of what is removed, or hangs as a disk does."""

    def __init__(self, *, hangs: bool) -> None:
        self.removed: list[str] = []
        self._hangs = hangs

    def remove(self, key: str) -> None:
        if self._hangs:
            raise TaskTimeoutError
        self.removed.append(key)

    def remove_work(self, key: str, token: str) -> None:
        pass


class EndsAside:
    """Takes note of what is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []

    def tell(self, job: Job, outcome: Outcome) -> None:
        self.told.append((job.id, outcome.state))


def runner(
    ledger: Ledger, spool: SpoolAside, ends: EndsAside, *, known: str = "orders", delay_seconds: float = 0.0
) -> JobRunner:
    async def run_io(function: Any, *args: Any) -> Any:
        return function(*args)

    parts: Any = SimpleNamespace(
        executors=SimpleNamespace(run_io=run_io),
        database=ledger.context.database,
        ledger=ledger,
        spool=spool,
        metrics=Metrics(),
        datasets={known: None},
    )
    settings: Any = SimpleNamespace(retry=SimpleNamespace(max_attempts=3, delay_seconds=lambda _: delay_seconds))
    made = JobRunner(parts, ends, SimpleNamespace(), settings)  # type: ignore[arg-type]

    async def make(_: Attempt) -> Outcome:
        return REJECTED

    attempts: Any = SimpleNamespace(make=make)
    made._attempts = attempts
    return made


async def claimed(ledger: Ledger) -> Job:
    await ledger.submit(submission())
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def test_an_end_whose_commit_got_no_reply_is_told_once(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, ends, job = SpoolAside(hangs=False), EndsAside(), await claimed(ledger)
    finish, asked = ledger.finish_alone, list[str]()

    async def finish_alone(job: Job, outcome: Outcome) -> None:
        asked.append(outcome.state)
        await finish(job, outcome)
        if len(asked) == 1:
            raise DatabaseUnavailableError("the reply is lost")

    monkeypatch.setattr(ledger, "finish_alone", finish_alone)
    await runner(ledger, spool, ends).run(Attempt(job=job, mapped=False))
    assert asked == ["rejected", "rejected"]
    assert ends.told == [(job.id, "rejected")]
    assert spool.removed == [job.spool_key]


async def test_an_end_that_another_daemon_wrote_is_told_by_that_one(ledger: Ledger) -> None:
    spool, ends, job = SpoolAside(hangs=False), EndsAside(), await claimed(ledger)
    await ledger.finish_alone(job, Outcome(state="dead"))
    await runner(ledger, spool, ends).run(Attempt(job=job, mapped=False))
    assert ends.told == []
    assert spool.removed == []


async def test_a_spool_that_does_not_let_a_file_go_takes_no_end_away(ledger: Ledger) -> None:
    ends, job = EndsAside(), await claimed(ledger)
    made = runner(ledger, SpoolAside(hangs=True), ends)
    await made.run(Attempt(job=job, mapped=False))
    assert ends.told == [(job.id, "rejected")]
    assert made.waits.claimable(["orders"]) == ["orders"], "nothing holds the dataset back"
    shown = await JobQueries(ledger.context.database).job(job.id)
    assert shown is not None
    assert shown.state == "rejected"


async def test_what_became_of_a_job_is_written_soon_after_the_database_is_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the pauses between the attempts of a job may become: readiness waits for it."""
    ends, job = EndsAside(), await claimed(ledger)
    finish, asked = ledger.finish_alone, list[str]()

    async def finish_alone(job: Job, outcome: Outcome) -> None:
        asked.append(outcome.state)
        if len(asked) == 1:
            raise DatabaseUnavailableError("away")
        await finish(job, outcome)

    monkeypatch.setattr(ledger, "finish_alone", finish_alone)
    async with asyncio.timeout(10):
        await runner(ledger, SpoolAside(hangs=False), ends, delay_seconds=300).run(Attempt(job=job, mapped=False))
    assert ends.told == [(job.id, "rejected")]


async def test_a_job_whose_dataset_was_removed_while_it_was_claimed_spends_no_attempt(ledger: Ledger) -> None:
    ends, job = EndsAside(), await claimed(ledger)
    await runner(ledger, SpoolAside(hangs=False), ends, known="stock").run(Attempt(job=job, mapped=False))
    shown = await JobQueries(ledger.context.database).job(job.id)
    assert shown is not None
    assert (shown.state, shown.attempt, ends.told) == ("queued", 0, [])
