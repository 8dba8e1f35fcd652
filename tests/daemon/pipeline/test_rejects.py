"""Workbooks of rejected rows whose workers die, or cannot be had: what senders are owed is not given up for that."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

import pytest

from daemon.ledger.jobs import Job, RowCounts
from daemon.pipeline import rejects as module
from daemon.pipeline.rejects import WRITES, NoRejectsError, Rejects, RejectsLaterError
from daemon.spool.spool import Spool
from ingest.errors import ErrorRecord, UnknownPlaceError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors
    from ingest.spec.dataset import Dataset

GOODS = "dataset: goods\nfields: [{name: sku, type: string}]\nload: {table: goods}\n"


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", "daemon").open()
    yield spool
    spool.close()


@pytest.fixture
def job(spool: Spool) -> Job:
    received = spool.receive([b"0"], 100)
    spool.keep_rejects(received.key, "attempt", [])
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
    return lambda executors: made(spool, executors, parse_dataset(GOODS, "goods.yml"))


def made(spool: Spool, executors: Executors, dataset: Dataset) -> Rejects:
    """Return the rejects of a dataset without any mapping."""

    async def as_it_is(dataset: Dataset) -> Dataset:
        return dataset

    return Rejects(spool=spool, executors=executors, datasets={dataset.dataset: dataset}, mapped=as_it_is)


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


async def test_a_file_that_another_daemon_has_is_not_said_to_be_gone(rejects: Rejects, spool: Spool, job: Job) -> None:
    with pytest.raises(NoRejectsError, match="job 1 lies in another daemon's spool"):
        await rejects.rejects(job.evolve(spool_id="another"), "xlsx")
    with pytest.raises(NoRejectsError, match="job 1 is not kept here any more"):
        await rejects.rejects(job.evolve(spool_key=None, spool_id="another"), "xlsx")
    spool.remove(job.spool_key or "")
    with pytest.raises(NoRejectsError, match="job 1 is not kept here any more"):
        await rejects.rejects(job, "xlsx")


async def test_a_workbook_that_kills_every_worker_is_given_up(rejects: Rejects, spool: Spool, job: Job) -> None:
    deaths(spool, job, WRITES)
    with pytest.raises(NoRejectsError, match="ask for its error records"):
        await rejects.rejects(job, "xlsx")


async def test_where_no_workbook_can_be_written_people_get_the_rows_as_csv(
    rejects: Rejects, spool: Spool, job: Job
) -> None:
    deaths(spool, job, WRITES)
    assert await rejects.for_people(job) == (b"written", "csv")
    deaths(spool, job, WRITES * 2)
    assert await rejects.for_people(job) is None
    spool.remove(job.spool_key or "")
    assert await rejects.for_people(job) is None


async def test_a_failure_that_nobody_has_thought_of_costs_the_workbook_and_no_more(
    rejects: Rejects, job: Job, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "write_rejected_rows", int)  # which takes nothing of what it is given
    with pytest.raises(NoRejectsError, match="ask for its error records"):
        await rejects.rejects(job, "xlsx")
    assert "rejected rows not read" in caplog.text
    assert "Traceback" in caplog.text


async def test_a_disk_that_is_full_for_a_while_costs_no_workbook(
    rejects: Rejects, job: Job, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_rejected_rows", tasks.write_on_a_full_disk)
    with pytest.raises(RejectsLaterError, match="No space left"):
        await rejects.rejects(job, "xlsx")


async def test_rows_are_shown_and_texts_checked_by_workers(executors: Executors, spool: Spool, job: Job) -> None:
    spool.source(job.spool_key or "").write_text("sku\tcount\n007\tmany\n", encoding="utf-8")
    record = ErrorRecord(code="cell.type", message="no", hint="write one", sheet="Sheet1", row=2, column=2)
    spool.keep_rejects(job.spool_key or "", "attempt", [record.as_dict()])
    goods = "dataset: goods\nfields: [{name: sku, type: string, id: true}, {name: count, type: integer}]\n"
    dataset = parse_dataset(goods + "load: {table: goods}\n", "goods.yml")
    rejects = made(spool, executors, dataset)
    page = json.loads(await rejects.page(job, None, after=0, limit=5, language="en"))
    assert [row["cells"] for row in page["rows"]] == [["007", "many"]]
    checks = json.loads(await rejects.check(job, [("count", "2"), ("count", "two")], "en"))
    assert [one["ok"] for one in checks["cells"]] == [True, False]
    with pytest.raises(UnknownPlaceError, match="no field 'colour'"):
        await rejects.check(job, [("colour", "red")], "en")
    async with rejects.corrected(job, {page["sheet"]: {2: {2: "2"}}}) as path:
        assert path.read_bytes()[:2] == b"PK"
    assert not path.exists()


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
        with pytest.raises(RejectsLaterError, match=r"cannot be written as xlsx now .*; ask again"):
            await rejects.rejects(job, "xlsx")
        for one in busy:
            one.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        assert await rejects.rejects(job, "xlsx") == b"written"
