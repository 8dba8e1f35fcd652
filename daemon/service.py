"""The composition root: builds every part from the settings and enters them in one AsyncExitStack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from .api.auth import Authenticator, load_tokens
from .api.dataset_routes import DatasetRoutes
from .api.definition_routes import DefinitionRoutes
from .api.draft_routes import DraftRoutes
from .api.event_feed import EventFeed
from .api.event_routes import EventRoutes
from .api.job_routes import JobRoutes
from .api.mapping_routes import MappingRoutes
from .api.page.assets import Assets
from .api.page.page_routes import PageRoutes
from .api.page.sessions import Sessions
from .api.reject_routes import RejectRoutes
from .api.reload_routes import ReloadRoutes
from .api.server import Api
from .api.submission_routes import SubmissionRoutes
from .api.system_routes import SystemRoutes
from .api.task_routes import TaskRoutes, registered_tasks
from .api.tls import FollowedTls
from .api.uploads import Uploads
from .assembly import Core, open_core
from .config.definitions import Definitions
from .errors import StartupError, StorageError
from .executors import memory_release
from .exporter.server import Exporter, web_guard
from .intake.archives import ArchiveSettings
from .intake.folder_archive import FolderArchive
from .intake.folder_scanner import FolderScanner
from .intake.settings import IntakeSettings
from .intake.sources.sources import Sources
from .ledger.mail import MailLedger
from .ledger.retry_cancel import RetryCancel
from .lifecycle.components import Failures, running
from .lifecycle.logs import dropped_lines
from .lifecycle.loop_errors import LoopErrors
from .lifecycle.loop_watch import LoopWatch
from .lifecycle.signals import StopRequest, captured_signals
from .machine.usage import UsageMeter
from .metrics import health_metrics
from .metrics.catalogue import add_collectors
from .metrics.collectors import Collectors
from .pipeline.retry_policy import RetryPolicy
from .reload import Reloader
from .version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from .api.routes import Routes
    from .config.check import CheckResult
    from .config.settings import Settings
    from .database.server_stats import ServerStatsWatch
    from .exporter.web_guard import WebGuard
    from .intake.sources.settings import Source
    from .lifecycle.signals import EarlyHangup
    from .metrics.definitions import Measured
    from .pipeline.parts import PipelineParts

logger = logging.getLogger(__name__)


class Readiness:
    """Whether the daemon takes work now, and what else is told of its health; asked from the exporter's thread."""

    def __init__(self, core: Core, stop: StopRequest) -> None:
        self._core, self._stop = core, stop
        self.started = False
        self.certificates: dict[str, FollowedTls | WebGuard] = {}

    def __call__(self) -> str | None:
        """Return None, or why not."""
        if not self.started:
            return "starting"
        if self._stop.drain.is_set():
            return "stopping"
        return self._core.heartbeat.trouble

    def measured(self) -> Measured:
        """Return the numbers of the health's metrics."""
        return health_metrics.health_metrics(
            self(),
            self._core.heartbeat.database_trouble,
            clock_ahead_seconds=self._core.heartbeat.clock_ahead_seconds,
            dropped_lines=dropped_lines(),
            certificates={name: one.validity for name, one in self.certificates.items()},
        )


async def serve(
    settings: Settings,
    datasets: Sequence[Dataset],
    *,
    environ: Mapping[str, str],
    read: Callable[[], CheckResult],
    hangup: EarlyHangup,
) -> None:
    """Run the daemon until a stop signal; the drain is over when this returns.

    `read` reads the configuration anew, for SIGHUP and POST /-/reload; blocking. `hangup` has kept watch until now.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start; the message says what to change.
        ComponentFailedError: a part ended by itself.

    """
    stop, reload = StopRequest(), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(LoopErrors().handle)
    failures = Failures(stop)
    async with AsyncExitStack() as stack:
        stack.enter_context(captured_signals(stop, reload.set))
        if hangup.came:
            reload.set()
        core = await stack.enter_async_context(
            open_core(settings, datasets, stop=stop, failures=failures, environ=environ)
        )
        loop_watch = LoopWatch()
        await stack.enter_async_context(running(loop_watch, "loop watch", failures))
        readiness = Readiness(core, stop)
        if settings.exporter.enabled:
            server_watch = core.parts.database.server_watch(
                settings.database.watch_applications, settings.resources.check_interval_seconds
            )
            if server_watch is not None:
                await stack.enter_async_context(running(server_watch, "server watch", failures))
            await stack.enter_async_context(_exporter(settings, core, loop_watch, server_watch, readiness))
            # The drain comes before the exporter's end: the last jobs are counted, and seen to be.
            stack.push_async_callback(core.dispatcher.close)
        await stack.enter_async_context(running(core.tables, "table watch", failures))
        reloader = Reloader(core, settings=settings, read=read, asked=reload)
        await stack.enter_async_context(running(reloader, "reloader", failures))
        if settings.api.enabled:
            await _enter_api(stack, settings, core, failures, reloader=reloader, readiness=readiness)
        await _enter_intake(stack, settings, core, failures, reloader=reloader)
        await _tell_of_lost_ledgers(core.parts)
        memory_release.settle()
        readiness.started = True
        logger.info("headgate ready", extra=_told_at_start(settings, core))
        await stop.drain.wait()
        core.parts.database.hurry()
        core.dispatcher.claim_no_more()
        logger.info("headgate stopping", extra={"reason": str(failures.first or "signal")})
    if failures.first is not None:
        raise failures.first


async def _tell_of_lost_ledgers(parts: PipelineParts) -> None:
    """Say once where files lie that a ledger had acknowledged which is not this one: perhaps it went by mistake."""
    if not parts.spool.is_new:
        return
    left: dict[Path, int] = await parts.executors.run_io(parts.spool.left_by_other_ledgers)
    for folder, files in left.items():
        advice = "if that ledger is lost, see docs/reliability.md#a-lost-ledger; if it is over, remove the folder"
        logger.warning(
            "files of another ledger are kept", extra={"folder": str(folder), "files": files, "advice": advice}
        )


def _told_at_start(settings: Settings, core: Core) -> dict[str, object]:
    """Return what somebody who looks for the daemon wants to know: addresses, token, folders, datasets, sizes."""
    api, exporter, workers = settings.api, settings.exporter, core.parts.executors.stats()
    tls = "" if api.tls_certificate_file is None else "s"
    return {
        "version": VERSION,
        "api": f"http{tls}://{api.host}:{api.port}" if api.enabled else None,
        "token_file": str(api.token_file) if api.enabled else None,
        "exporter": f"{exporter.host}:{exporter.port}" if exporter.enabled else None,
        "folders": ",".join(str(folder.path) for folder in settings.intake.folders) or None,
        "sources": ",".join(source.name for source in settings.intake.sources) or None,
        "datasets": ",".join(sorted(core.datasets)) or None,
        "cpu_workers": workers.cpu.workers_max,
        "io_workers": workers.io.workers_max,
        "connections": core.parts.database.stats().max,
        "state_dir": str(settings.state_dir),
    }


# -- the parts, from the settings --------------------------------------------------------------------


def _exporter(
    settings: Settings, core: Core, loop_watch: LoopWatch, server_watch: ServerStatsWatch | None, readiness: Readiness
) -> Exporter:
    guard = web_guard(settings.exporter.web_config_file)
    collectors = Collectors(core.parts.metrics.registry)
    collectors.add("health", health_metrics.DEFINITIONS, readiness.measured)
    if guard is not None:
        readiness.certificates["exporter"] = guard
    add_collectors(
        collectors,
        settings,
        executors=core.parts.executors,
        database=core.parts.database,
        server=server_watch,
        queries=core.parts.queries,
        loop=loop_watch,
        spool=core.parts.spool,
        cluster=core.cluster,
    )
    return Exporter(
        core.parts.metrics.registry,
        host=settings.exporter.host,
        port=settings.exporter.port,
        healthy=partial(loop_watch.trouble, settings.exporter.stall_seconds),
        ready=readiness,
        guard=guard,
    )


def _intake(settings: Settings, core: Core) -> FolderScanner:
    parts = core.parts
    filing = FolderArchive(rejects=core.rejects, queries=parts.queries)
    return FolderScanner(IntakeSettings.of(settings.intake), parts, core.submissions, filing)


async def _sources(settings: Settings, core: Core) -> tuple[Source, ...]:
    try:
        found: tuple[Source, ...] = await core.parts.executors.run_io(Sources.of, settings.intake)
    except StorageError as error:
        raise StartupError(str(error)) from error
    return found


async def _enter_intake(
    stack: AsyncExitStack, settings: Settings, core: Core, failures: Failures, *, reloader: Reloader
) -> None:
    """Start what looks for files: in sources, watched folders and mailboxes."""
    sources = Sources(await _sources(settings, core), core.parts, core.submissions)
    reloader.watch_sources(sources)
    await stack.enter_async_context(running(sources, "sources", failures))
    if settings.intake.folders:
        await stack.enter_async_context(running(_intake(settings, core), "intake", failures))
    if settings.intake.mailboxes:
        await _enter_mailboxes(stack, settings, core, failures)


async def _enter_mailboxes(stack: AsyncExitStack, settings: Settings, core: Core, failures: Failures) -> None:
    # Few have mailboxes, and its libraries are an extra.
    from .intake.mail.attachment_taker import AttachmentTaker  # noqa: PLC0415
    from .intake.mail.mailbox import Mailbox  # noqa: PLC0415
    from .intake.mail.replies import Replies  # noqa: PLC0415

    mails = MailLedger(core.parts.ledger.context)
    replies = Replies(
        settings.intake.mailboxes,
        core.parts,
        core.rejects,
        mails,
        retry=RetryPolicy.of(settings.ledger),
        poll_seconds=settings.ledger.poll_seconds,
    )
    await stack.enter_async_context(running(replies, "replies", failures))
    for mailbox in settings.intake.mailboxes:
        taker = AttachmentTaker(mailbox, core.parts, core.submissions, mails, ArchiveSettings.of(settings.intake))
        part = Mailbox(mailbox, core.parts, mails, taker)
        await stack.enter_async_context(running(part, f"mailbox {mailbox.name}", failures))


async def _enter_api(
    stack: AsyncExitStack,
    settings: Settings,
    core: Core,
    failures: Failures,
    *,
    reloader: Reloader,
    readiness: Readiness,
) -> None:
    api = settings.api
    tasks = TaskRoutes(executors=core.parts.executors, tasks=registered_tasks(settings), cluster=core.cluster)
    authenticator = Authenticator(await core.parts.executors.run_io(load_tokens, api.token_file))
    tls = None
    if api.tls_certificate_file is not None and api.tls_key_file is not None:
        tls = await core.parts.executors.run_io(
            FollowedTls, api.tls_certificate_file, api.tls_key_file, api.tls_client_ca_file
        )
        readiness.certificates["api"] = tls
    reloader.serve_api(authenticator, tasks)
    uploads = _uploads(settings, core)
    feed = EventFeed(queries=core.parts.queries, database=core.parts.database)
    core.ends.follow(feed.wake)
    # Each group of routes is one line here; the OpenAPI document is made from them.
    groups: list[Routes] = [
        SubmissionRoutes(queries=core.parts.queries, submissions=core.submissions, uploads=uploads),
        DraftRoutes(core.parts, uploads=uploads, submissions=core.submissions, datasets=core.datasets),
        _job_routes(core),
        MappingRoutes(core.parts, submissions=core.submissions),
        RejectRoutes(queries=core.parts.queries, rejects=core.rejects),
        EventRoutes(feed, authenticator),
        DatasetRoutes(datasets=core.datasets, queries=core.parts.queries),
        tasks,
        ReloadRoutes(reloader.reload),
        _system_routes(core),
        PageRoutes(
            assets=await core.parts.executors.run_io(Assets.load),
            authenticator=authenticator,
            sessions=Sessions(f"headgate-{api.port}", authenticator.knows),
            max_file_bytes=settings.intake.max_file_mb << 20,
            public_url=api.public_url,
            edits_datasets=api.edit_datasets,
        ),
    ]
    if api.edit_datasets:
        definitions = Definitions(settings.datasets)
        groups.append(DefinitionRoutes(definitions, core.parts.executors, reloader.reload, core.datasets))
    server = Api(
        host=api.host,
        port=api.port,
        groups=groups,
        authenticator=authenticator,
        database=core.parts.database,
        tls=tls,
        drain=core.drain,
    )
    await stack.enter_async_context(server)
    # Left before the server: the streams end, and nothing holds the server up.
    await stack.enter_async_context(running(feed, "event feed", failures))
    logger.info("api listening", extra={"url": f"{server.url}/api/v1"})


def _uploads(settings: Settings, core: Core) -> Uploads:
    return Uploads(
        spool=core.parts.spool,
        executors=core.parts.executors,
        max_file_bytes=settings.intake.max_file_mb << 20,
        max_uploads=settings.api.max_uploads,
        idle_seconds=settings.api.body_idle_seconds,
    )


def _system_routes(core: Core) -> SystemRoutes:
    parts = core.parts
    return SystemRoutes(executors=parts.executors, database=parts.database, usage=UsageMeter(), cluster=core.cluster)


def _job_routes(core: Core) -> JobRoutes:
    dispatcher = core.dispatcher
    retry_cancel = RetryCancel(
        context=core.parts.ledger.context,
        wake=dispatcher.wake,
        kill=dispatcher.cancel,
        tell=core.ends.tell,
    )
    return JobRoutes(queries=core.parts.queries, retry_cancel=retry_cancel)
