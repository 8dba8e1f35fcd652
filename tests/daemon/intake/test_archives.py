"""Archives that are handed in twice: one opening enters each file once, and one that was put back is taken again."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from executor_fixtures import SETTINGS
from folder_intake import NoRejects
from submissions import next_job
from zips import zipped

from daemon.config.executor_limits import ExecutorLimits
from daemon.config.intake_settings import IntakeSettings as Configuration
from daemon.errors import SpoolFullError
from daemon.intake.archives import Archives, ArchiveSettings, Within
from daemon.intake.folder_archive import FolderArchive
from daemon.intake.folder_scanner import FolderScanner
from daemon.intake.settings import IntakeSettings
from daemon.intake.submissions import Submissions
from daemon.ledger.jobs import Origin, Outcome
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobFilter, JobQueries
from daemon.lifecycle.components import Failures, running
from daemon.lifecycle.signals import StopRequest
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline.job_ends import JobEnds
from daemon.spool.spool import Spool
from ingest.errors import FileRejectedError
from ingest.spec.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from daemon.database.database import Database
    from daemon.ledger.jobs import Job, State
    from daemon.pipeline.parts import PipelineParts
    from daemon.pipeline.rejects import Rejects

    Eventually = Callable[..., Awaitable[object]]

STOCK = Dataset.model_validate(
    {
        "dataset": "stock",
        "match": {"glob": "*.csv"},
        "fields": [{"name": "sku", "type": "string"}],
        "load": {"table": "stock", "mode": "insert"},
    }
)
ARCHIVE = zipped(**{"a.csv": b"sku\nA\n", "b.csv": b"sku\nB\n"})
FOLDER = Origin(path="/in/x.zip", stamp="1:2:3", owed=True)


class InThreads:
    """Executors whose workers are threads of the test, and busy with other things unless they are `free`."""

    limits = ExecutorLimits(**SETTINGS)

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()

    async def run_io(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        return await asyncio.to_thread(function, *args, **named)

    async def run_cpu(self, function: Callable[..., Any], *args: Any, **_: Any) -> Any:
        await self.free.wait()
        return await asyncio.to_thread(function, *args)

    def expect_cpu(self) -> None:
        """Workers are there always."""


class NarrowSpool(Spool):
    """One on a disk that has room for `room` more files out of archives."""

    room = 1000

    def check_room(self, size_bytes: int = 0) -> None:
        if size_bytes and not self.room:
            raise SpoolFullError
        self.room -= 1 if size_bytes else 0


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The intake of one daemon."""

    ledger: Ledger
    queries: JobQueries
    spool: NarrowSpool
    parts: PipelineParts
    submissions: Submissions
    archives: Archives
    woken: asyncio.Event
    is_there: list[bool] = field(default_factory=lambda: [True])

    async def take(
        self, origin: Origin | None = FOLDER, *, asks: bool = True, names: str = "*", content: bytes = ARCHIVE
    ) -> list[Job]:
        """Open the archive as a watched folder does, or as a mailbox, which does not ask whether it is there."""
        received = await asyncio.to_thread(self.spool.receive, [content], 1 << 20)
        members = await self.archives.opened(received, "x.zip")
        assert members is not None

        async def is_there() -> bool:
            return self.is_there[0]

        return await self.archives.enter_each(
            received,
            members,
            submissions=self.submissions,
            choose=lambda name: self.submissions.choose(None, name if names == "*" else names),
            within=Within(file="x.zip", source="folder", submitter="/in/x.zip", key="1:2:3", origin=origin),
            is_there=is_there if asks else None,
        )

    async def end(self, *states: State) -> None:
        """End the jobs that have waited longest, when they are there."""
        for state in states:
            await self.ledger.finish_alone(await self._next(), Outcome(state=state))

    async def _next(self) -> Job:
        async with asyncio.timeout(10):
            while True:
                self.woken.clear()
                if (job := await next_job(self.ledger, datasets=["stock"])) is not None:
                    return job
                await self.woken.wait()

    async def tell(self, *jobs: Job) -> None:
        await self.ledger.delivered([job.id for job in jobs])

    async def jobs(self) -> list[Job]:
        return sorted((await self.queries.page(JobFilter(), limit=100)).jobs, key=lambda job: job.id)


@contextlib.asynccontextmanager
async def daemon(database: Database, root: Path, number: int) -> AsyncIterator[Intake]:
    ledger, spool = Ledger(database, lease_seconds=30), NarrowSpool(root / f"spool-{number}", f"daemon-{number}")
    spool.open()
    await ledger.open()
    await ledger.register(spool.id)
    queries, metrics, woken = JobQueries(database), Metrics(), asyncio.Event()
    given = SimpleNamespace(
        database=database,
        ledger=ledger,
        queries=queries,
        spool=spool,
        metrics=metrics,
        executors=InThreads(),
        datasets={"stock": STOCK},
    )
    parts = cast("PipelineParts", given)
    async with ledger:
        yield Intake(
            ledger=ledger,
            queries=queries,
            spool=spool,
            parts=parts,
            submissions=Submissions(parts, JobEnds(metrics), wake=woken.set),
            archives=Archives(parts, ArchiveSettings.of(Configuration())),
            woken=woken,
        )
    spool.close()


@pytest.fixture
async def intake(database: Database, tmp_path: Path) -> AsyncIterator[Intake]:
    async with daemon(database, tmp_path, 1) as made:
        yield made


def numbers(jobs: list[Job]) -> list[int]:
    return [job.id for job in jobs]


async def test_an_archive_that_was_put_back_is_tried_again(intake: Intake) -> None:
    first = await intake.take()
    await intake.end("loaded", "rejected")
    await intake.tell(*first)
    again = await intake.take()
    assert [(job.state, job.first_job) for job in again] == [("duplicate", first[0].id), ("queued", None)]
    # A kill, and the next daemon begins anew with it: its files are the jobs that they were a moment ago.
    assert numbers(await intake.take()) == numbers(again)
    await intake.end("rejected")
    assert numbers(await intake.take()) == numbers(again), "what is not told yet is of this time"
    await intake.tell(*again)
    third = await intake.take()
    assert [job.state for job in third] == ["duplicate", "queued"]
    assert len({*numbers(first), *numbers(again), *numbers(third)}) == 6


async def test_an_archive_of_what_is_left_alone_is_refused(intake: Intake) -> None:
    content = zipped(**{"~$a.csv": b"lock", "__MACOSX/._a.csv": b"fork"})
    received = await asyncio.to_thread(intake.spool.receive, [content], 1 << 20)
    with pytest.raises(FileRejectedError) as error:
        await intake.archives.opened(received, "x.zip")
    assert error.value.record.code == "file.empty"
    job = await intake.submissions.refuse(
        received, record=error.value.record, file="x.zip", source="folder", origin=FOLDER
    )
    assert job.reason is not None
    assert job.reason.startswith("file.empty: the archive has no files in it but those")
    assert job.reason.endswith("; make the archive anew")


@pytest.mark.parametrize(
    ("name", "fine"), [("长" * 300, True), ("n" * 1_020, True), ("n" * 1_021, False), ("\x1b" * 400, False)]
)
async def test_a_name_that_no_ledger_can_hold_refuses_the_archive(intake: Intake, name: str, *, fine: bool) -> None:
    content = zipped(**{f"{name}.csv": b"sku\nA\n", "b.csv": b"sku\nB\n"})
    with contextlib.nullcontext() if fine else pytest.raises(FileRejectedError, match="has a name of"):
        jobs = await intake.take(content=content)
        assert [job.state for job in jobs] == ["queued", "queued"]


async def test_what_still_runs_when_it_is_put_back_goes_on(intake: Intake) -> None:
    first = await intake.take()
    await intake.end("rejected")
    await intake.tell(first[0])
    again = await intake.take()
    assert again[0].id not in numbers(first)
    assert again[1].id == first[1].id


@pytest.mark.parametrize("origin", [None, replace(FOLDER, owed=False)], ids=["a mailbox", "a folder where it stays"])
@pytest.mark.parametrize("state", ["loaded", "rejected", "dead"])
async def test_where_nothing_is_told_an_opening_finds_what_has_ended(
    intake: Intake, origin: Origin | None, state: State
) -> None:
    first = await intake.take(origin, asks=origin is not None)
    await intake.end(state, state)
    assert numbers(await intake.take(origin, asks=origin is not None)) == numbers(first)


async def test_another_daemon_that_has_told_meanwhile_has_not_put_it_back(
    intake: Intake, database: Database, tmp_path: Path
) -> None:
    async with daemon(database, tmp_path, 2) as other:
        first = await intake.take()
        await intake.end("rejected", "rejected")
        await intake.tell(*first)
        # Both have seen the archive; the other one comes to it when it was opened and moved away.
        other.is_there[0] = False
        assert numbers(await other.take()) == numbers(first)
        assert numbers(await intake.jobs()) == numbers(first)


async def test_the_bytes_of_a_dead_daemon_are_handed_in_again(
    intake: Intake, database: Database, tmp_path: Path
) -> None:
    async with daemon(database, tmp_path, 2) as other:
        first = await other.take()
        assert numbers(await intake.take()) == numbers(first), "it lives"
        assert {job.spool_id for job in await intake.jobs()} == {other.spool.id}
    assert numbers(await intake.take()) == numbers(first)
    found = await intake.jobs()
    assert [(job.id, job.state, job.spool_id) for job in found] == [(n, "queued", intake.spool.id) for n in (1, 2)]
    assert all(intake.spool.source(job.spool_key or "").exists() for job in found)


async def test_a_folder_that_moves_from_now_on_tells_of_what_was_entered_before(intake: Intake) -> None:
    first = await intake.take(replace(FOLDER, owed=False))
    assert [job.owed for job in first] == [None, None]
    assert numbers(await intake.take()) == numbers(first)
    assert [job.owed for job in await intake.jobs()] == [True, True]


async def test_a_file_without_a_dataset_that_two_daemons_refuse_is_one_job(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await intake.take(names="x.unknown")
    assert [job.state for job in first] == ["rejected", "rejected"]
    by_key, asked = intake.queries.by_key, list[str]()

    async def late(submitter: str, key: str) -> Job | None:
        asked.append(key)
        # The keys, and then the question right before the entry: the other daemon is not there yet.
        return None if asked.count(key) <= 2 else await by_key(submitter, key)

    monkeypatch.setattr(intake.queries, "by_key", late)
    assert numbers(await intake.take(names="x.unknown")) == numbers(first)


# -- in a watched folder -----------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def watching(intake: Intake, inbox: Path) -> AsyncIterator[None]:
    folders = [{"path": str(inbox), "taken": "move", "settle_seconds": 0.05}]
    settings = Configuration.model_validate({"folders": folders, "scan_seconds": 0.02, "rescan_seconds": 0.1})
    filing = FolderArchive(rejects=cast("Rejects", NoRejects()), queries=intake.queries)
    scanner = FolderScanner(IntakeSettings.of(settings), intake.parts, intake.submissions, filing)
    async with scanner, running(scanner, "watched folders", Failures(StopRequest())):
        yield


def lying(inbox: Path) -> set[str]:
    return {str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file()}


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def put(inbox: Path, name: str = "x.zip", content: bytes = ARCHIVE) -> None:
    (inbox.parent / name).write_bytes(content)
    (inbox.parent / name).rename(inbox / name)


TOLD = {f"rejected/x.zip.files/{name}.reason.txt" for name in "ab"}


async def test_nothing_is_told_before_all_are_entered(intake: Intake, inbox: Path, eventually: Eventually) -> None:
    intake.spool.room = 1
    put(inbox)
    async with watching(intake, inbox):
        await intake.end("rejected")
        await asyncio.sleep(0.5)  # some looks, each of which tries the archive again
        assert lying(inbox) == {"x.zip"}
        assert [job.state for job in await intake.jobs()] == ["rejected"]
        intake.spool.room = 1000
        await eventually((inbox / "done" / "x.zip").exists)
        await intake.end("rejected")
        await eventually(lambda: lying(inbox) == {"done/x.zip", *TOLD})
        assert [job.state for job in await intake.jobs()] == ["rejected", "rejected"]
        (inbox / "done" / "x.zip").rename(inbox / "x.zip")
        await eventually((inbox / "done" / "x.zip").exists)
        assert [job.state for job in await intake.jobs()] == ["rejected", "rejected", "queued", "queued"]


async def test_an_archive_that_cannot_be_moved_is_moved_when_it_can(
    intake: Intake, inbox: Path, eventually: Eventually
) -> None:
    (inbox / "done").symlink_to("nowhere")  # links are not followed
    put(inbox)
    async with watching(intake, inbox):
        await intake.end("rejected", "rejected")
        await asyncio.sleep(0.3)
        assert lying(inbox) == {"x.zip"}
        (inbox / "done").unlink()
        await eventually(lambda: lying(inbox) == {"done/x.zip", *TOLD})
    assert [job.state for job in await intake.jobs()] == ["rejected", "rejected"]


async def test_what_comes_meanwhile_waits_for_no_archive(intake: Intake, inbox: Path, eventually: Eventually) -> None:
    """However many there are, and however long workers take: it is taken, and told of."""
    executors = cast("InThreads", intake.parts.executors)
    executors.free.clear()
    for number in range(5):
        put(inbox, f"{number}.zip")
    async with watching(intake, inbox):
        put(inbox, "early.csv", b"sku\nA\n")
        await intake.end("loaded")
        await eventually((inbox / "done" / "early.csv").exists)
        put(inbox, "late.csv", b"sku\nB\n")
        await intake.end("loaded")
        await eventually((inbox / "done" / "late.csv").exists)
        assert len(await intake.jobs()) == 2
        executors.free.set()
        await eventually(lambda: {f"done/{number}.zip" for number in range(5)} <= lying(inbox))
    jobs = await intake.jobs()
    assert sorted(job.file for job in jobs[2:]) == [f"{number}.zip/{name}.csv" for number in range(5) for name in "ab"]


async def test_a_stop_waits_for_no_archive(intake: Intake, inbox: Path, eventually: Eventually) -> None:
    executors = cast("InThreads", intake.parts.executors)
    executors.free.clear()
    put(inbox)
    async with watching(intake, inbox):
        put(inbox, "a.csv", b"sku\nA\n")
        await intake.end("loaded")
        await eventually((inbox / "done" / "a.csv").exists)
    assert lying(inbox) == {"x.zip", "done/a.csv"}
    executors.free.set()
    async with watching(intake, inbox):
        await eventually((inbox / "done" / "x.zip").exists)
    assert [job.file for job in await intake.jobs()] == ["a.csv", "x.zip/a.csv", "x.zip/b.csv"]
