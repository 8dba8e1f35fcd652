"""What the daemon and the one-shot command share: everything from the spool to the target table, and its life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .cluster import library_wanted
from .cluster.call import SpoolName
from .config.database_url import url_reader
from .config.sizing import detect_machine, executor_limits, pool_sizes
from .database.connector import Access
from .database.database import Database
from .database.deadlines import Patience
from .errors import DatabaseUnavailableError, HeadgateError, SpoolAwayError, StartupError
from .executors.executors import PRELOAD, Executors
from .intake.submissions import Submissions
from .ledger.leases import Ledger
from .ledger.mappings import KeptMappings
from .ledger.migrations import demand_usable
from .ledger.pruner import Pruner
from .ledger.queries import JobQueries
from .lifecycle.components import Failures, running
from .lifecycle.signals import Drain
from .metrics.job_metrics import Metrics
from .pipeline.dispatcher import Dispatcher
from .pipeline.heartbeat import Heartbeat
from .pipeline.job_ends import JobEnds
from .pipeline.job_runner import JobRunner
from .pipeline.parser import ClusterParser, LocalParser
from .pipeline.parts import PipelineParts
from .pipeline.rejects import Rejects
from .pipeline.retention import Retention
from .pipeline.settings import PipelineSettings
from .pipeline.spool_watch import SpoolWatch
from .pipeline.table_check import TableFinding, compare_tables
from .pipeline.table_outline import read_outline
from .pipeline.table_watch import TableWatch
from .spool.shared import SharedSpool
from .spool.spool import Spool

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset
    from ingest.spec.outline import TableOutline

    from .cluster.cluster import Cluster
    from .config.settings import Settings
    from .ledger.jobs import Job
    from .lifecycle.signals import StopRequest


LOOK_AGAIN_SECONDS: Final = 1.0
"""How often a job that another process may finish is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that take a job from the spool to the target table."""

    parts: PipelineParts
    cluster: Cluster | None
    datasets: dict[str, Dataset]
    """The mapping that everybody holds."""
    ends: JobEnds
    runner: JobRunner
    dispatcher: Dispatcher
    drain: Drain
    heartbeat: Heartbeat
    retention: Retention
    submissions: Submissions
    rejects: Rejects
    tables: TableWatch

    async def finished(self, job_id: int, seen: Callable[[Job], None] | None = None) -> Job:
        """Return a job when it has ended, with its first error records; another process may be the one that ends it.

        `seen` is called with what it is until then, at each look.

        Raises:
            HeadgateError: there is no such job.

        """
        while True:
            with self.ends.expected(job_id) as told:
                job = await self.parts.queries.job(job_id)
                if job is None:
                    raise HeadgateError(f"job {job_id} has vanished from the ledger")
                if job.finished:
                    return job
                if seen is not None:
                    seen(job)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), LOOK_AGAIN_SECONDS)

    def apply(self, settings: Settings, datasets: Sequence[Dataset]) -> None:
        """Go on under these settings and datasets, in one go: nothing else runs on the loop meanwhile.

        Raises:
            DoesNotFitError: the executors do not fit into the memory that there is; nothing has changed.

        """
        limits = executor_limits(settings.executors, detect_machine())
        pipeline = PipelineSettings.of(settings)
        self.parts.executors.apply(limits)
        if self.cluster is not None:
            self.cluster.apply(limits)
        for part in (self.runner, self.dispatcher, self.heartbeat, self.retention):
            part.apply(pipeline)
        self.datasets.clear()
        self.datasets.update({dataset.dataset: dataset for dataset in datasets})
        self.tables.look(self.datasets)
        metrics, resources = self.parts.metrics, settings.resources
        targets = {name: dataset.freshness_seconds for name, dataset in self.datasets.items()}
        metrics.set_datasets(targets, most=settings.exporter.dataset_series)
        metrics.set_thresholds(
            cpu=resources.cpu_threshold / 100,
            memory=resources.memory_threshold / 100,
            disk=resources.disk_threshold / 100,
        )


@asynccontextmanager
async def open_core(
    settings: Settings,
    datasets: Sequence[Dataset],
    *,
    stop: StopRequest,
    failures: Failures,
    environ: Mapping[str, str],
    only: Collection[int] | None = None,
    preload: Sequence[str] = PRELOAD,
) -> AsyncIterator[Core]:
    """Open the parts that take a job from the spool to the target table, heartbeat and dispatcher running.

    `only` narrows them to these jobs; `preload` is what the fork server imports before it forks workers.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start; the message says what to change.

    """
    limits = executor_limits(settings.executors, detect_machine())
    known: dict[str, Dataset] = {}
    async with AsyncExitStack() as stack:
        # First: the forkserver must be started before anything starts a thread or opens a socket.
        executors = await stack.enter_async_context(Executors(limits, preload=preload, environ=environ))
        parts, cluster = await _open_parts(stack, settings, executors, known)
        core = _compose(parts, cluster, known, PipelineSettings.of(settings), stop=stop, only=only)
        core.apply(settings, datasets)
        parts.metrics.configuration_taken()
        await stack.enter_async_context(running(core.heartbeat, "heartbeat", failures))
        await stack.enter_async_context(running(core.retention, "retention", failures))
        await stack.enter_async_context(running(core.submissions.unanswered, "unanswered entries", failures))
        if core.parts.spool.shared is not None:
            watch = SpoolWatch(core.parts, core.parts.spool.shared)
            await stack.enter_async_context(running(watch, "shared spool", failures))
        if cluster is not None:
            await stack.enter_async_context(running(cluster, "cluster", failures))
        await stack.enter_async_context(running(core.dispatcher, "dispatcher", failures))
        yield core


async def _open_parts(
    stack: AsyncExitStack, settings: Settings, executors: Executors, known: dict[str, Dataset]
) -> tuple[PipelineParts, Cluster | None]:
    """Open database, ledger and spool, and make what parses."""
    database = await stack.enter_async_context(_database(settings))
    ledger = Ledger(database, lease_seconds=settings.ledger.lease_seconds)
    with _told_in_words(database):
        ledger_id = await ledger.open()
    spool = Spool(
        settings.state_dir / "spool" / ledger_id,
        ledger.daemon_id,
        min_free_bytes=settings.intake.min_free_mb << 20,
        shared=SharedSpool.of(settings.spool, ledger_id),
    ).open()
    stack.callback(spool.close)
    with _told_in_words(database):
        if spool.shared is not None:
            stack.callback(spool.shared.close)
            async with ledger.in_turn():
                spool.id = await _shared_identity(executors, spool.shared)
        await ledger.register(spool.id)
    await stack.enter_async_context(ledger)
    cluster = await _cluster(settings, executors, spool, ledger_id)
    parts = PipelineParts(
        executors=executors,
        database=database,
        ledger=ledger,
        queries=JobQueries(database),
        mappings=KeptMappings(ledger.context),
        spool=spool,
        parser=LocalParser(executors, spool) if cluster is None else ClusterParser(cluster, executors, spool),
        metrics=Metrics(),
        datasets=known,
    )
    return parts, cluster


async def _cluster(settings: Settings, executors: Executors, spool: Spool, ledger_id: str) -> Cluster | None:
    if settings.executors.engine == "local":
        return None
    with library_wanted("executors.engine is dask, and "):
        from .cluster.cluster import Cluster  # noqa: PLC0415  # few have one, and its library is an extra
    name = SpoolName(ledger_id=ledger_id, spool_id=spool.id)
    made: Cluster = await executors.run_io(Cluster, settings.executors, executors.limits, name)
    return made


async def _shared_identity(executors: Executors, shared: SharedSpool) -> str:
    try:
        return str(await executors.run_io(shared.identity))
    except SpoolAwayError as error:
        raise StartupError(f"{error}; correct spool.url or its credentials, or wait until it answers") from error


@contextmanager
def _told_in_words(database: Database) -> Iterator[None]:
    """Say in one line why a database that answers cannot be used: it is read-only, full, or gives us no rights."""
    try:
        yield
    except HeadgateError:
        raise
    except Exception as error:
        if not database.supervisor.will_pass(error):
            raise
        reason = database.supervisor.reason(error)
        raise DatabaseUnavailableError(f"{reason}; the ledger is there: mend it or correct database.url") from error


def _compose(
    parts: PipelineParts,
    cluster: Cluster | None,
    known: dict[str, Dataset],
    settings: PipelineSettings,
    *,
    stop: StopRequest,
    only: Collection[int] | None,
) -> Core:
    ends = JobEnds(parts.metrics)
    tables = TableWatch(parts)
    runner = JobRunner(parts, ends, tables, settings)
    drain = Drain(stop, settings.drain_seconds)
    dispatcher = Dispatcher(parts, runner, settings, drain=drain, only=only)
    return Core(
        parts=parts,
        cluster=cluster,
        datasets=known,
        ends=ends,
        runner=runner,
        dispatcher=dispatcher,
        drain=drain,
        heartbeat=Heartbeat(parts, dispatcher, ends, settings),
        retention=Retention(parts, Pruner(parts.ledger.context), settings),
        submissions=Submissions(parts, ends, wake=dispatcher.wake),
        rejects=Rejects(spool=parts.spool, executors=parts.executors, datasets=known, mapped=parts.mappings.onto),
        tables=tables,
    )


def _database(settings: Settings) -> Database:
    database = settings.database
    sizes = pool_sizes(settings, detect_machine().cores.count)
    return Database(
        url=database.url,
        pool_size=sizes.size,
        max_overflow=sizes.overflow,
        pool_timeout_seconds=database.pool_timeout_seconds,
        leak_seconds=database.leak_seconds,
        connect_timeout_seconds=database.connect_timeout_seconds,
        access=Access(
            current_url=url_reader(database),
            pooler=database.pooler,
            patience=Patience(
                lock_seconds=database.lock_timeout_seconds,
                statement_seconds=database.statement_timeout_seconds,
                load_seconds=database.load_timeout_seconds,
            ),
        ),
    )


async def check_tables(settings: Settings, datasets: Sequence[Dataset]) -> tuple[TableFinding, ...]:
    """See that the database takes writes and a ledger, and compare datasets with their tables; see `compare_tables`."""
    async with _database(settings) as database:
        await database.see_that_it_takes_writes()
        with _told_in_words(database):
            async with database.read() as connection:
                await connection.run_sync(demand_usable)
        return await compare_tables(database, datasets)


async def outline_of(settings: Settings, table: str) -> TableOutline:
    """Return an existing table as a dataset would declare it; see `read_outline`."""
    async with _database(settings) as database:
        return await read_outline(database, table)
