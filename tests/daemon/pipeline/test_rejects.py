"""Workbooks of rejected rows whose workers die, or cannot be had: what senders are owed is not given up for that."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from daemon.ledger.jobs import Job, RowCounts
from daemon.pipeline import rejects as module
from daemon.pipeline.rejects import WRITES, NoRejectsError, Rejects, RejectsLaterError
from daemon.spool import Spool
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors

GOODS = "dataset: goods\nfields: [{name: sku, type: string}]\nload: {table: goods}\n"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", "daemon").open()
    yield spool
    spool.close()


@pytest.fixture
def job(spool: Spool) -> Job:
    received = spool.receive([b"0"], 100)
    spool.rejects(received.key).touch()
    return Job(
        id=1,
        dataset="goods",
        spec_version=1,
        file="goods.csv",
        sha256=received.sha256,
        size_bytes=1,
        source="test",
        state="partial",
        rows=RowCounts(rejected=1),
        spool_id=spool.id,
        spool_key=received.key,
    )


@pytest.fixture
def rejects_by(monkeypatch: pytest.MonkeyPatch, spool: Spool, tasks: ModuleType) -> Callable[[Executors], Rejects]:
    monkeypatch.setattr(module, "write_rejected_rows", tasks.write_after_deaths)
    return lambda executors: Rejects(
        spool=spool, executors=executors, datasets={"goods": parse_dataset(GOODS, "goods.yml")}
    )


@pytest.fixture
def rejects(rejects_by: Callable[[Executors], Rejects], executors: Executors) -> Rejects:
    return rejects_by(executors)


def deaths(spool: Spool, job: Job, number: int) -> None:
    spool.source(job.spool_key or "").write_text(str(number))


async def test_a_workbook_whose_workers_are_killed_is_written_by_another(
    rejects: Rejects, spool: Spool, job: Job
) -> None:
    deaths(spool, job, WRITES - 1)
    assert await rejects.rejects(job, "xlsx") == b"written"


async def test_a_workbook_that_kills_every_worker_is_given_up(rejects: Rejects, spool: Spool, job: Job) -> None:
    deaths(spool, job, WRITES)
    with pytest.raises(NoRejectsError, match="ask for its error records"):
        await rejects.rejects(job, "xlsx")


async def test_a_workbook_without_a_worker_comes_later(
    rejects_by: Callable[[Executors], Rejects],
    make_executors: Callable[..., Executors],
    spool: Spool,
    job: Job,
) -> None:
    deaths(spool, job, 0)
    async with make_executors(cpu_workers=1, queue_limit=1, queue_timeout_seconds=0.1) as executors:
        rejects = rejects_by(executors)
        busy = [asyncio.create_task(executors.submit_cpu(time.sleep, 60, timeout=90, own=True)) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(RejectsLaterError, match=r"cannot be written now .*; ask again"):
            await rejects.rejects(job, "xlsx")
        for one in busy:
            one.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        assert await rejects.rejects(job, "xlsx") == b"written"
