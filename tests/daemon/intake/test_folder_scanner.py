"""Watched folders with the ledger behind them: one file, or one folder, that fails keeps no other from its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from submissions import submission

from daemon.config.intake_settings import IntakeSettings as Configuration
from daemon.errors import StartupError, TaskTimeoutError
from daemon.intake import folder_ends, folder_scanner
from daemon.intake.folder_archive import FolderArchive
from daemon.intake.folder_files import list_files
from daemon.intake.folder_scanner import FolderScanner
from daemon.intake.folder_start import begin
from daemon.intake.settings import IntakeSettings
from daemon.intake.submissions import Submissions
from daemon.ledger.jobs import Origin
from daemon.ledger.queries import JobFilter, JobQueries
from daemon.machine.file_identity import stamp_of
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline.job_ends import JobEnds
from daemon.pipeline.rejects import NoRejectsError
from daemon.spool.spool import Spool
from ingest.spec.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from daemon.database.database import Database
    from daemon.intake.watched_folder import KnownFolder
    from daemon.ledger.jobs import Job
    from daemon.ledger.leases import Ledger
    from daemon.pipeline.parts import PipelineParts
    from daemon.pipeline.rejects import Rejects

    Eventually = Callable[..., Awaitable[object]]

DEADLINE_SECONDS = 0.5
STOCK = Dataset.model_validate(
    {
        "dataset": "stock",
        "match": {"glob": "*.csv"},
        "fields": [{"name": "sku", "type": "string"}],
        "load": {"table": "stock", "mode": "insert"},
    }
)
RECORD = {"code": "file.unknown", "message": "nobody wants it"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The kinds of database differ in nothing here."""
    return f"sqlite+aiosqlite:///{tmp_path / 'headgate.db'}"


class InThreads:
    """Executors whose workers are threads of the test, each call with a deadline."""

    limits = SimpleNamespace(task_timeout_seconds=DEADLINE_SECONDS)

    async def run_io(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        call = asyncio.ensure_future(asyncio.to_thread(function, *args, **named))
        done, _ = await asyncio.wait({call}, timeout=DEADLINE_SECONDS)
        if not done:
            raise TaskTimeoutError
        return call.result()

    def expect_cpu(self) -> None:
        """Workers are there always."""


class NoRejects:
    """Of no job rejected rows are kept."""

    async def rejects(self, *_: object) -> bytes:
        raise NoRejectsError

    def language(self, _: Job) -> str:
        return "en"


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The intake of a daemon that loads nothing: what is handed in waits."""

    parts: PipelineParts
    ledger: Ledger
    queries: JobQueries
    inbox: Path

    def scanner(self, *folders: Path, filing: FolderArchive | None = None, **settings: Any) -> FolderScanner:
        watched = [{"path": str(folder), "settle_seconds": 0.05, **settings} for folder in folders or (self.inbox,)]
        configured = Configuration.model_validate({"folders": watched, "scan_seconds": 0.02, "rescan_seconds": 0.1})
        filing = filing or FolderArchive(rejects=cast("Rejects", NoRejects()), queries=self.queries)
        ends = JobEnds(self.parts.metrics)
        return FolderScanner(
            IntakeSettings.of(configured), self.parts, Submissions(self.parts, ends, wake=lambda: None), filing
        )

    async def refused(self, *names: str) -> None:
        """Let files be there whose jobs were rejected, by a daemon that was killed before it told of it."""
        for name in names:
            path = self.inbox / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"sku\n{name}\n")
            origin = Origin(path=str(path), stamp=str(stamp_of(path.stat())), owed=True)
            await self.ledger.refuse(
                submission(name, dataset="stock", file=name, source="folder", origin=origin), dict(RECORD)
            )

    async def owed(self) -> list[str]:
        return [job.file for job in await self.queries.owed(str(self.inbox), limit=1000)]

    async def taken(self) -> list[str]:
        return [job.file for job in (await self.queries.page(JobFilter(), limit=100)).jobs]

    def measured(self, name: str, folder: Path | None = None) -> float:
        values = self.parts.metrics.folders.measured()[f"folder_{name}"]
        return float(cast("float", values[(str(folder or self.inbox),)]))


@pytest.fixture
async def intake(database: Database, ledger: Ledger, tmp_path: Path) -> AsyncIterator[Intake]:
    spool = Spool(tmp_path / "spool", "daemon").open()
    (tmp_path / "inbox").mkdir()
    queries = JobQueries(database)
    given = SimpleNamespace(
        database=database,
        ledger=ledger,
        queries=queries,
        spool=spool,
        metrics=Metrics(),
        executors=InThreads(),
        datasets={"stock": STOCK},
    )
    yield Intake(parts=cast("PipelineParts", given), ledger=ledger, queries=queries, inbox=tmp_path / "inbox")
    spool.close()


@contextlib.asynccontextmanager
async def running(scanner: FolderScanner) -> AsyncIterator[asyncio.Task[None]]:
    async with scanner:
        task = asyncio.create_task(scanner.run())
        yield task
    await asyncio.wait_for(task, 10)


def lying(inbox: Path) -> set[str]:
    return {str(path.relative_to(inbox)) for path in inbox.rglob("*") if path.is_file()}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


# -- what is owed ------------------------------------------------------------------------------------


async def test_names_that_an_earlier_ledger_has_used_hold_nobody_up(intake: Intake) -> None:
    for name in ("orders.csv", "orders.1.csv", "orders.reason.txt", "orders.1.2.reason.txt"):
        (intake.inbox / "rejected").mkdir(exist_ok=True)
        (intake.inbox / "rejected" / name).write_text("of an earlier ledger")
    await intake.refused("orders.csv", "other.csv")

    async def told() -> bool:
        return not await intake.owed()

    async with running(intake.scanner(taken="move")):
        await until(told)
    rejected = {path.name: path.read_text() for path in (intake.inbox / "rejected").iterdir()}
    assert [name for name, text in rejected.items() if text == "sku\norders.csv\n"] == ["orders.1.2.csv"]
    assert sum(text == "of an earlier ledger" for text in rejected.values()) == 4, "nothing is overwritten"
    assert sum("job 1" in text for text in rejected.values()) == 1
    assert {"other.csv", "other.reason.txt"} <= rejected.keys()


async def test_any_number_that_cannot_be_put_away_holds_nobody_up(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_ends, "BATCH", 2)
    stuck = [f"shop/{number}.csv" for number in range(7)]
    await intake.refused(*stuck[:5], "early.csv", *stuck[5:], "late.csv")
    (intake.inbox / "rejected").mkdir()
    (intake.inbox / "rejected" / "shop").write_text("no folder")

    async def told() -> bool:
        return await intake.owed() == stuck

    async with running(intake.scanner(taken="move")):
        await until(told)
        await until(_counts(intake, len(stuck)))
        (intake.inbox / "rejected" / "shop").unlink()
        await until(_counts(intake, 0))
        assert await intake.owed() == []


def _counts(intake: Intake, files: int) -> Callable[[], Awaitable[bool]]:
    async def counted() -> bool:
        return intake.measured("unreadable_files") == files

    return counted


class Failing(FolderArchive):
    """Moves nothing; the second time something goes wrong that nobody has thought of."""

    def __init__(self) -> None:
        self.put: list[str] = []

    async def must_wait(self, *_: object) -> bool:
        return False

    async def put_away(self, _: KnownFolder, name: str, __: Job) -> None:
        if name == "b.csv":
            raise RuntimeError(name)
        self.put.append(name)


async def test_what_was_told_is_noted_whatever_comes_after(intake: Intake) -> None:
    await intake.refused("a.csv", "b.csv", "c.csv")
    filing = Failing()
    with pytest.raises(RuntimeError):
        async with running(intake.scanner(filing=filing, taken="move")) as task:
            await asyncio.wait({task}, timeout=10)
    assert filing.put == ["a.csv"]
    assert await intake.owed() == ["b.csv", "c.csv"]


async def test_a_folder_whose_name_differs_in_case_only_is_another(intake: Intake) -> None:
    await intake.refused("a.csv")
    other = intake.inbox.with_name("INBOX")
    other.mkdir()
    async with running(intake.scanner(other, taken="move")) as task:
        await asyncio.sleep(0.5)
        assert not task.done()
    assert await intake.owed() == ["a.csv"]


# -- done markers ------------------------------------------------------------------------------------


async def test_a_marker_left_from_before_takes_no_half_of_a_file(intake: Intake) -> None:
    book, marker = intake.inbox / "orders.csv", intake.inbox / "orders.csv.done"
    async with running(intake.scanner(taken="stay", done_marker=".done")):
        book.write_text("sku\nMON\n")
        marker.touch()
        await until(_taken(intake, 1))
        with book.open("w") as writer:
            writer.write("sku\nTUE1\n")
            writer.flush()
            await asyncio.sleep(0.5)
            assert len(await intake.taken()) == 1
            assert intake.measured("unfinished_files") == 1
            writer.write("TUE2\n")
        await asyncio.sleep(0.3)
        assert len(await intake.taken()) == 1, "it is closed, and not marked"
        marker.touch()
        await until(_taken(intake, 2))
        # A whole file with an old time, beside the marker of the one before.
        part = intake.inbox / "next.part"
        part.write_text("sku\nWED\n")
        os.utime(part, (1, 1))
        part.rename(book)
        await asyncio.sleep(0.3)
        assert len(await intake.taken()) == 2
        marker.write_text("")
        await until(_taken(intake, 3))


async def test_a_writer_holds_a_marked_file_back(intake: Intake) -> None:
    book, marker = intake.inbox / "orders.csv", intake.inbox / "orders.csv.done"
    async with running(intake.scanner(taken="stay", done_marker=".done")):
        with book.open("w") as writer:
            writer.write("sku\nA\n")
            writer.flush()
            marker.touch()
            await asyncio.sleep(0.5)
            assert await intake.taken() == []
        await until(_taken(intake, 1))
        (intake.inbox / "cut.xlsx").write_bytes(b"PK\x03\x04 and no end")
        (intake.inbox / "cut.xlsx.done").touch()
        await asyncio.sleep(0.5)
        assert await intake.taken() == ["orders.csv"]


async def test_the_marker_of_a_file_that_a_kill_has_seen_moved_is_removed(intake: Intake) -> None:
    await intake.refused("orders.csv", "new.csv")
    (intake.inbox / "rejected").mkdir()
    (intake.inbox / "orders.csv").rename(intake.inbox / "rejected" / "orders.csv")
    (intake.inbox / "new.csv").rename(intake.inbox / "rejected" / "new.csv")
    (intake.inbox / "orders.csv.done").touch()
    (intake.inbox / "new.csv").write_text("sku\nthe next of its name\n")
    (intake.inbox / "new.csv.done").touch()

    async def told() -> bool:
        return not await intake.owed()

    async with running(intake.scanner(taken="move", done_marker=".done")):
        await until(told)
    assert not (intake.inbox / "orders.csv.done").exists()
    assert (intake.inbox / "new.csv.done").exists(), "it is said of another file"


def _taken(intake: Intake, jobs: int) -> Callable[[], Awaitable[bool]]:
    async def taken() -> bool:
        return len(await intake.taken()) == jobs

    return taken


# -- folders that hang -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mount:
    """A folder on a mount that answers or not; counts the calls that hang."""

    folder: Path
    away: threading.Event
    back: threading.Event
    hung: list[str]

    def reach(self, folder: Path, what: str) -> None:
        if folder.is_relative_to(self.folder) and self.away.is_set():
            self.hung.append(what)
            self.back.wait(20)


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    folder = tmp_path / "mount"
    folder.mkdir()
    mount = Mount(folder, threading.Event(), threading.Event(), [])

    def listed(folder: Path, **how: Any) -> Any:
        mount.reach(folder, "list")
        return list_files(folder, **how)

    monkeypatch.setattr(folder_scanner, "list_files", listed)
    monkeypatch.setattr(folder_scanner, "ALONE_SECONDS", 0.05, raising=False)
    yield mount
    mount.back.set()


async def test_a_folder_that_hangs_is_told_and_the_others_go_on(
    intake: Intake, mount: Mount, eventually: Eventually
) -> None:
    mount.away.set()
    async with running(intake.scanner(mount.folder, intake.inbox)) as task:
        (intake.inbox / "a.csv").write_text("sku\nA\n")
        await until(_taken(intake, 1))
        await eventually(lambda: intake.measured("readable", mount.folder) == 0)
        assert intake.measured("readable") == 1
        (intake.inbox / "b.csv").write_text("sku\nB\n")
        await until(_taken(intake, 2))
        await asyncio.sleep(2 * DEADLINE_SECONDS)
        assert mount.hung == ["list"], "no second call is begun"
        (mount.folder / "c.csv").write_text("sku\nC\n")
        mount.away.clear()
        mount.back.set()
        await until(_taken(intake, 3))
        assert intake.measured("readable", mount.folder) == 1
        assert not task.done()


async def test_a_folder_that_hangs_at_the_start_is_watched_when_it_is_back(
    intake: Intake, mount: Mount, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    def begun(folder: Any) -> Any:
        mount.reach(folder.path, "begin")
        return begin(folder)

    monkeypatch.setattr(folder_scanner, "begin", begun)
    monkeypatch.setattr(folder_scanner, "START_SECONDS", 0.5)
    mount.away.set()
    real = mount.folder / "real"
    real.mkdir()
    (mount.folder / "link").symlink_to(real)
    async with running(intake.scanner(mount.folder / "link", intake.inbox)):
        assert intake.measured("readable", mount.folder / "link") == 0
        (intake.inbox / "a.csv").write_text("sku\nA\n")
        await until(_taken(intake, 1))
        (real / "c.csv").write_text("sku\nC\n")
        mount.away.clear()
        mount.back.set()
        await until(_taken(intake, 2))
        assert mount.hung == ["begin"]
        await eventually(lambda: intake.measured("readable", mount.folder / "link") == 1)
    [taken] = await intake.queries.taken([str(real / "c.csv")])
    assert taken.state == "queued", "the ledger knows it by where it is behind the link"


async def test_a_folder_that_is_not_there_at_the_start_is_an_error(intake: Intake) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        async with intake.scanner(intake.inbox / "gone"):
            pass


async def test_a_large_file_is_copied_by_steps_and_one_that_hangs_is_told(
    intake: Intake, mount: Mount, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    spool, sticks = intake.parts.spool, threading.Event()
    copying = spool.copying

    def slow(descriptor: int, max_bytes: int) -> Iterator[Any]:
        for received in copying(descriptor, max_bytes):
            if sticks.is_set():
                mount.hung.append("read")
                mount.back.wait(20)
            time.sleep(0.12)
            yield received

    monkeypatch.setattr(spool, "copying", slow)
    (mount.folder / "large.csv").write_bytes(b"sku\n" + b"ABCDEFG\n" * (1 << 18))
    async with running(intake.scanner(mount.folder, intake.inbox)) as task:
        await until(_taken(intake, 1))  # eight pieces and more, each of a third of the deadline
        sticks.set()
        (mount.folder / "other.csv").write_bytes(b"sku\nA\n")
        await eventually(lambda: intake.measured("unreadable_files", mount.folder) == 1)
        assert intake.measured("readable", mount.folder) == 0
        sticks.clear()
        (intake.inbox / "b.csv").write_text("sku\nB\n")
        await until(_taken(intake, 2))
        await asyncio.sleep(2 * DEADLINE_SECONDS)
        assert mount.hung == ["read"]
        mount.back.set()
        await until(_taken(intake, 3))
        await eventually(lambda: intake.measured("unreadable_files", mount.folder) == 0)
        assert not task.done()
    assert len(list(spool.source("any").parent.parent.iterdir())) == 3, "what came late is not kept"
