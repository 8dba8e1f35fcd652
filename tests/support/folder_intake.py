"""The intake of watched folders with a real ledger behind it and no pipeline: what is handed in waits."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from submissions import submission

from daemon.config.intake_settings import IntakeSettings as Configuration
from daemon.errors import TaskTimeoutError
from daemon.intake.folder_archive import FolderArchive
from daemon.intake.folder_scanner import FolderScanner
from daemon.intake.settings import IntakeSettings
from daemon.intake.submissions import Submissions
from daemon.ledger.jobs import Origin
from daemon.ledger.queries import JobFilter, JobQueries
from daemon.machine.file_identity import stamp_of
from daemon.metrics.job_metrics import Metrics
from daemon.pipeline.job_ends import JobEnds
from daemon.spool.spool import Spool
from ingest.spec.dataset import Dataset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from daemon.database.database import Database
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
RECORD = {"code": "file.unknown", "message": "nobody wants it", "hint": "keep it"}


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

    async def for_people(self, _: Job) -> None:
        """Return nothing."""

    def language(self, _: Job) -> str:
        return "en"


@dataclass(frozen=True, kw_only=True)
class Intake:
    """The intake of a daemon that loads nothing: what is handed in waits."""

    parts: PipelineParts
    ledger: Ledger
    queries: JobQueries
    inbox: Path

    def scanner(
        self, *folders: Path, filing: FolderArchive | None = None, max_file_mb: int = 100, **settings: Any
    ) -> FolderScanner:
        watched = [{"path": str(folder), "settle_seconds": 0.05, **settings} for folder in folders or (self.inbox,)]
        configured = Configuration.model_validate(
            {"folders": watched, "scan_seconds": 0.02, "rescan_seconds": 0.1, "max_file_mb": max_file_mb}
        )
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


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            if await condition():
                return
            await asyncio.sleep(0.02)


def jobs_are(intake: Intake, jobs: int) -> Callable[[], Awaitable[bool]]:
    """Give the condition that so many files have become jobs."""

    async def met() -> bool:
        return len(await intake.taken()) == jobs

    return met
