"""What the daemon and the one-shot command share: everything from the spool to the target table, and its life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .config.sizing import detect_machine, executor_limits, pool_sizes
from .database.database import Database
from .executors.executors import Executors
from .intake.submissions import Submissions
from .ledger.leases import Ledger
from .ledger.pruner import Pruner
from .ledger.queries import JobQueries
from .lifecycle.components import Failures, running
from .metrics.job_metrics import Metrics
from .pipeline.dispatcher import Dispatcher
from .pipeline.heartbeat import Heartbeat
from .pipeline.job_runner import JobRunner
from .pipeline.rejects import Rejects
from .pipeline.retention import Retention, RetentionLimits
from .pipeline.retry_policy import RetryPolicy
from .spool import Spool

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from .config.settings import Settings
    from .lifecycle.signals import StopRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that take a job from the spool to the target table."""

    executors: Executors
    database: Database
    ledger: Ledger
    queries: JobQueries
    spool: Spool
    metrics: Metrics
    submissions: Submissions
    rejects: Rejects
    dispatcher: Dispatcher
    heartbeat: Heartbeat
    retention: Retention
    datasets: dict[str, Dataset]


@asynccontextmanager
async def open_core(
    settings: Settings,
    datasets: Sequence[Dataset],
    *,
    stop: StopRequest,
    failures: Failures,
    environ: Mapping[str, str],
    only: Collection[int] | None = None,
) -> AsyncIterator[Core]:
    """Open the parts that take a job from the spool to the target table, heartbeat and dispatcher running.

    The executors come first: the forkserver must be started before anything starts a thread or opens a socket.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start; the message says what to change.

    """
    machine = detect_machine()
    cores = machine.cores.count
    limits = executor_limits(settings.executors, machine)
    known = {dataset.dataset: dataset for dataset in datasets}
    async with AsyncExitStack() as stack:
        executors = await stack.enter_async_context(Executors(limits, environ=environ))
        database = await stack.enter_async_context(_database(settings, cores))
        ledger = Ledger(database, lease_seconds=settings.ledger.lease_seconds)
        queries = JobQueries(database)
        ledger_id = await ledger.open()
        spool = Spool(
            settings.state_dir / "spool" / ledger_id,
            ledger.daemon_id,
            min_free_bytes=settings.intake.min_free_mb << 20,
        ).open()
        stack.callback(spool.close)
        await ledger.register(spool.id)
        await stack.enter_async_context(ledger)
        metrics = Metrics()
        metrics.set_datasets({name: dataset.freshness_seconds for name, dataset in known.items()})
        metrics.configuration_taken()
        metrics.set_thresholds(
            cpu=settings.resources.cpu_threshold / 100,
            memory=settings.resources.memory_threshold / 100,
            disk=settings.resources.disk_threshold / 100,
        )
        attempts = JobRunner(
            ledger=ledger,
            database=database,
            executors=executors,
            spool=spool,
            datasets=known,
            retry=RetryPolicy.of(settings.ledger),
        )
        dispatcher = Dispatcher(
            ledger=ledger,
            database=database,
            attempts=attempts,
            executors=executors,
            spool=spool,
            datasets=known,
            metrics=metrics,
            parallel_parses=limits.cpu_workers,
            poll_seconds=settings.ledger.poll_seconds,
            drain_seconds=settings.shutdown.drain_seconds,
            force=stop.force,
            only=only,
        )
        submissions = Submissions(
            ledger=ledger,
            spool=spool,
            executors=executors,
            datasets=known,
            metrics=metrics,
            wake=dispatcher.wake,
        )
        heartbeat = Heartbeat(
            ledger=ledger,
            queries=queries,
            spool=spool,
            executors=executors,
            database=database,
            beat_seconds=settings.ledger.beat_seconds,
            max_lost_leases=settings.ledger.max_lost_leases,
            datasets=known,
            loaded=metrics.loaded_at,
            given_up=dispatcher.tell_given_up,
            kill=dispatcher.cancel,
            tell=dispatcher.tell,
            wake=dispatcher.wake,
        )
        retention = Retention(
            pruner=Pruner(ledger.context),
            spool=spool,
            executors=executors,
            database=database,
            limits=RetentionLimits.of(settings),
        )
        await stack.enter_async_context(running(heartbeat, "heartbeat", failures))
        await stack.enter_async_context(running(retention, "retention", failures))
        await stack.enter_async_context(running(dispatcher, "dispatcher", failures))
        yield Core(
            executors=executors,
            database=database,
            ledger=ledger,
            queries=queries,
            spool=spool,
            metrics=metrics,
            submissions=submissions,
            rejects=Rejects(spool=spool, executors=executors, datasets=known),
            dispatcher=dispatcher,
            heartbeat=heartbeat,
            retention=retention,
            datasets=known,
        )


def _database(settings: Settings, cores: float) -> Database:
    database = settings.database
    sizes = pool_sizes(settings, cores)
    return Database(
        url=database.url,
        pool_size=sizes.size,
        max_overflow=sizes.overflow,
        pool_timeout_seconds=database.pool_timeout_seconds,
        leak_seconds=database.leak_seconds,
        connect_timeout_seconds=database.connect_timeout_seconds,
        lock_timeout_seconds=database.lock_timeout_seconds,
    )
