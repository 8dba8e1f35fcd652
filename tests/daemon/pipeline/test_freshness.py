"""What a daemon tells of its datasets without having done any of it: after a restart, or beside another daemon."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from asked import asked
from submissions import next_job, submission

from daemon.ledger.jobs import UNMATCHED, Outcome
from daemon.ledger.queries import JobQueries
from daemon.metrics.job_metrics import OTHER, Metrics
from daemon.metrics.loop_metrics import backlog_metrics
from daemon.pipeline import heartbeat
from daemon.pipeline.heartbeat import Heartbeat

if TYPE_CHECKING:
    from daemon.ledger.jobs import Job, State
    from daemon.ledger.leases import Ledger

TARGET_SECONDS = 3600.0
RECORDS: tuple[dict[str, Any], ...] = ({"code": "header.missing_required"}, {"code": "file.format_mismatch"})


class NewDaemon:
    """One that has just started on a ledger, and has looked at it once."""

    def __init__(self, ledger: Ledger, *datasets: str, series: int = 50) -> None:
        self.metrics = Metrics()
        self.metrics.set_datasets(dict.fromkeys(datasets, TARGET_SECONDS), most=series)
        database = ledger.context.database
        self.queries = JobQueries(database)
        parts: Any = SimpleNamespace(
            executors=SimpleNamespace(),
            database=database,
            ledger=ledger,
            queries=self.queries,
            spool=SimpleNamespace(),
            datasets=dict.fromkeys(datasets),
            metrics=self.metrics,
        )
        self.heartbeat = Heartbeat(parts, SimpleNamespace(), SimpleNamespace(), SimpleNamespace())  # type: ignore[arg-type]

    async def looks(self) -> None:
        await self.heartbeat._refresh_freshness()  # the one step of a beat that is of concern

    def value(self, name: str, dataset: str = "orders", **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            f"headgate_dataset_{name}_timestamp_seconds", {"dataset": dataset, **labels}
        )


@pytest.fixture(autouse=True)
def _at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "FRESHNESS_SECONDS", 0.0)


async def ended(ledger: Ledger, content: str, state: State, records: tuple[dict[str, Any], ...] = ()) -> Job:
    """Have a job end as another daemon does it, and return what the ledger has of it."""
    await ledger.submit(submission(content))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state=state, records=records, errors_total=len(records)))
    shown = await JobQueries(ledger.context.database).job(job.id)
    assert shown is not None
    return shown


async def test_attempts_and_errors_are_told_as_the_ledger_has_them(ledger: Ledger) -> None:
    loaded = await ended(ledger, "a", "loaded")
    refused = await ended(ledger, "b", "rejected", RECORDS)
    daemon = NewDaemon(ledger, "orders", "stock")
    await daemon.looks()
    assert daemon.value("last_success") == loaded.finished_at
    assert daemon.value("last_attempt") == refused.started_at
    assert daemon.value("last_error", code="header.missing_required") == refused.finished_at
    assert daemon.value("last_error", code="none") is None
    assert daemon.value("last_attempt", "stock") == daemon.value("last_error", "stock", code="none") == 0
    again = await ended(ledger, "c", "dead", ({"code": "load.retry_exhausted"},))
    await daemon.looks()
    assert daemon.value("last_attempt") == again.started_at
    assert daemon.value("last_error", code="load.retry_exhausted") == again.finished_at


async def test_a_file_that_no_dataset_takes_is_an_error_too(ledger: Ledger) -> None:
    entered = await ledger.refuse(
        submission("a", dataset=UNMATCHED), {"code": "file.no_spec", "message": "none", "hint": "name one"}
    )
    daemon = NewDaemon(ledger, "orders")
    await daemon.looks()
    found = daemon.value("last_error", UNMATCHED, code="file.no_spec")
    assert found is not None
    assert abs(found - entered.created_at) < 1
    assert daemon.value("last_attempt", UNMATCHED) == 0, "nobody has begun it"


async def test_a_dataset_without_series_of_its_own_is_told_of_once_it_has_some(ledger: Ledger) -> None:
    refused = await ended(ledger, "a", "rejected", RECORDS)
    daemon = NewDaemon(ledger, "other", "orders", series=1)
    await daemon.looks()
    assert daemon.value("last_error", OTHER, code="header.missing_required") == refused.finished_at
    daemon.metrics.set_datasets({"orders": TARGET_SECONDS, "other": TARGET_SECONDS}, most=2)
    await daemon.looks()
    assert daemon.value("last_error", code="header.missing_required") == refused.finished_at


async def test_a_load_is_expected_since_the_first_file_also_after_a_restart(ledger: Ledger) -> None:
    first = await ended(ledger, "a", "rejected", RECORDS)
    table = ledger.tables.job
    handed_in_at = time.time() - 10 * TARGET_SECONDS
    async with ledger.context.database.write() as connection:
        await connection.execute(table.update().where(table.c.id == first.id).values(created_at=handed_in_at))
    daemon = NewDaemon(ledger, "orders", "stock")
    await daemon.looks()
    assert daemon.value("expected") == pytest.approx(handed_in_at)
    since = daemon.value("expected", "stock")
    assert since is not None
    assert abs(since - time.time()) < 60


@pytest.mark.parametrize("off_seconds", [-600.0, 600.0])
async def test_what_the_ledger_has_is_told_by_the_clock_of_this_machine(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, off_seconds: float
) -> None:
    """Prometheus subtracts it from that clock: a load was old at once, or young for too long."""
    loaded = await ended(ledger, "a", "loaded")
    refused = await ended(ledger, "b", "rejected", RECORDS)
    waits = await ledger.submit(submission("c"))
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + off_seconds)
    daemon = NewDaemon(ledger, "orders")
    await daemon.queries.refresh_backlog()
    await daemon.looks()
    told = [daemon.value("last_success"), daemon.value("last_attempt")]
    told += [daemon.value("last_error", code="header.missing_required"), daemon.value("expected")]
    happened = [loaded.finished_at, refused.started_at, refused.finished_at, loaded.created_at]
    assert told == [pytest.approx(at + off_seconds, abs=1) for at in happened if at is not None]
    oldest_at = backlog_metrics(daemon.queries.backlog())["backlog_oldest_timestamp_seconds"][()]
    assert oldest_at == pytest.approx(waits.created_at + off_seconds, abs=1)


async def test_the_records_of_a_job_are_read_once(ledger: Ledger) -> None:
    await ended(ledger, "a", "rejected", RECORDS)
    daemon = NewDaemon(ledger, "orders")
    statements = asked(ledger.context.database)
    for _ in range(3):
        await daemon.looks()
    assert len([one for one in statements if "reject.record" in one.text]) == 1
