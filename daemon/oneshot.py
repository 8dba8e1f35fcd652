"""`headgate ingest`: the daemon's own pipeline and ledger for a handful of files, without a daemon."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest.errors import ErrorRecord
from ingest.languages import ENGLISH
from ingest.messages import said_by, say

from .assembly import Core, open_core
from .errors import DatabaseUnavailableError, FileTooLargeError, HeadgateError
from .executors.executors import PRELOAD_FOR_FEW_FILES
from .intake.folder_archive import REJECTS_SUFFIXES
from .ledger.jobs import Job, RowCounts
from .ledger.reasons import reason_of, told_job, told_reason
from .lifecycle.components import Failures
from .lifecycle.signals import StopRequest, captured_signals
from .machine.file_identity import as_text

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from .config.settings import Settings
    from .pipeline.rejects import Form

logger = logging.getLogger(__name__)


class InterruptedByUserError(HeadgateError):
    """Stopped before every file was done; run the same command again to go on: nothing is loaded twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ingest, and how.

    `fixes` is the job whose rejected rows the files have in a corrected form, `rejects` the folder for those that are
    rejected now. With `again` they are loaded also where their content was loaded before; with `check_only` not at
    all. `language` is the one in which their errors are told.
    """

    dataset: Dataset
    files: Sequence[Path]
    fixes: int | None = None
    again: bool = False
    check_only: bool = False
    rejects: Path | None = None
    language: str = ENGLISH


async def ingest_files(
    settings: Settings,
    request: Request,
    *,
    environ: Mapping[str, str],
    done: Callable[[dict[str, Any]], None],
    waits: Callable[[str, str], None] | None = None,
) -> None:
    """Take each file to its terminal state and hand its JSON form to `done`, in the order given.

    `waits` is told, once, of each reason for which a file waits meanwhile.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start, or the database went away.
        InterruptedByUserError: a stop signal came first.
        HeadgateError: there is no such job to fix, or the rejects cannot be written.

    """
    mine: set[int] = set()

    async def ingest_all(core: Core) -> None:
        await _ingest_all(core, settings, request, mine=mine, done=done, waits=waits)

    await run_in_core(settings, request.dataset, ingest_all, environ=environ, only=mine, preload=PRELOAD_FOR_FEW_FILES)


async def run_in_core(
    settings: Settings,
    dataset: Dataset,
    work_of: Callable[[Core], Coroutine[Any, Any, None]],
    *,
    environ: Mapping[str, str],
    only: Collection[int],
    preload: Sequence[str],
) -> None:
    """Open the parts that a command needs, let it work with them and close them; a stop signal ends it at once.

    Of the jobs those are run that are in `only`, which may change meanwhile.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start, or the database went away.
        InterruptedByUserError: a stop signal came first.

    """
    stop = StopRequest()
    failures = Failures(stop)
    async with AsyncExitStack() as stack:
        stack.enter_context(captured_signals(stop))
        core = await stack.enter_async_context(
            open_core(settings, [dataset], stop=stop, failures=failures, environ=environ, only=only, preload=preload)
        )
        work = asyncio.create_task(work_of(core))
        stopped = asyncio.create_task(stop.drain.wait())
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                stop.force.set()
                raise failures.first or InterruptedByUserError
            await _result(core, work, stop)
        finally:
            work.cancel()
            stopped.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)


async def fetch_rejects(
    settings: Settings, dataset: Dataset, job_id: int, form: Form, *, environ: Mapping[str, str]
) -> tuple[bytes, Job]:
    """Return the rejected rows of a job that a one-shot command has ended, as a workbook or as CSV, and the job.

    Raises:
        StartupError, DatabaseUnavailableError: a part cannot start, or the database went away.
        NoRejectsError, FileRejectedError: there are none, or no longer; or the file does not fit its dataset any more.
        HeadgateError: there is no such job.

    """
    stop = StopRequest()
    no_jobs: frozenset[int] = frozenset()
    async with open_core(
        settings,
        [dataset],
        stop=stop,
        failures=Failures(stop),
        environ=environ,
        only=no_jobs,
        preload=PRELOAD_FOR_FEW_FILES,
    ) as core:
        job = await core.parts.queries.job(job_id)
        if job is None:
            raise HeadgateError(f"there is no job {job_id} in this database; `headgate ingest` names it")
        if job.dataset != dataset.dataset:
            raise HeadgateError(f"job {job_id} is of dataset {job.dataset}; name that one with --dataset")
        return await core.rejects.rejects(job, form), job


async def _result(core: Core, work: asyncio.Task[None], stop: StopRequest) -> None:
    try:
        await work
    except Exception as error:
        stop.force.set()
        # Nobody reads any more what is printed: that is no connection of the database.
        if isinstance(error, BrokenPipeError) or not core.parts.database.will_pass(error):
            raise
        raise DatabaseUnavailableError(
            f"the database went away ({error}); run the same command again when it is back: nothing is loaded twice"
        ) from error


async def _ingest_all(
    core: Core,
    settings: Settings,
    request: Request,
    *,
    mine: set[int],
    done: Callable[[dict[str, Any]], None],
    waits: Callable[[str, str], None] | None,
) -> None:
    limit = settings.intake.max_file_mb << 20
    fixes = None if request.fixes is None else await _fixed_job(core, request.fixes, request.dataset)
    submitted: list[tuple[Path, Job | ErrorRecord]] = []
    contents: set[str] = set()
    for path in request.files:
        entered = await _submit(core, request, path, limit, fixes, contents)
        submitted.append((path, entered))
        if isinstance(entered, Job):
            mine.add(entered.id)
            contents.add(entered.sha256)
            core.dispatcher.wake()
    for path, entered in submitted:
        if isinstance(entered, ErrorRecord):
            done(refused(str(path), request.dataset, entered.in_language(request.language)))
            continue
        job = await core.finished(entered.id, None if waits is None else _tell_once(str(path), request.language, waits))
        back = None if request.rejects is None else await _hand_back(core, job, request.rejects / path.stem)
        preview = await core.parts.queries.preview(job.id)
        done(
            {
                **as_json(str(path), told_job(job, request.language)),
                "preview": preview,
                **({"rejects": str(back)} if back else {}),
            }
        )


def _tell_once(file: str, language: str, waits: Callable[[str, str], None]) -> Callable[[Job], None]:
    known: set[str] = set()

    def seen(job: Job) -> None:
        reason = told_reason(job.reason, language)
        if reason is not None and reason not in known:
            known.add(reason)
            waits(file, reason)

    return seen


async def _fixed_job(core: Core, job_id: int, dataset: Dataset) -> Job:
    job = await core.parts.queries.job(job_id)
    if job is None or job.dataset != dataset.dataset:
        known = "there is no such job" if job is None else f"it is of dataset {job.dataset}"
        raise HeadgateError(f"--fixes {job_id}: {known}; name a job of dataset {dataset.dataset}")
    return job


async def _hand_back(core: Core, job: Job, stem: Path) -> Path | None:
    """Write the rejected rows of a job and return where, None if it has none; a file from before is replaced."""
    rows = await core.rejects.for_people(job)
    if rows is None:
        return None
    content, path = rows[0], stem.with_name(f"{stem.name}{REJECTS_SUFFIXES[rows[1]]}")
    try:
        await core.parts.executors.run_io(path.parent.mkdir, parents=True, exist_ok=True)
        await core.parts.executors.run_io(path.write_bytes, content)
    except OSError as error:
        raise HeadgateError(f"{path} cannot be written: {error.strerror}; name another folder") from error
    return path


async def _submit(
    core: Core, request: Request, path: Path, limit: int, fixes: Job | None, contents: Collection[str]
) -> Job | ErrorRecord:
    """Enter a file; `contents` are those of the files before it, whose jobs wait here and are no other run's."""
    core.parts.executors.expect_cpu()
    try:
        received = await core.parts.executors.run_io(core.parts.spool.receive_file, path, limit)
    except FileTooLargeError as error:
        return too_large(error)
    return await core.submissions.enter(
        received,
        dataset=request.dataset,
        file=as_text(str(path)),
        source="cli",
        fixes=fixes,
        adopt=received.sha256 not in contents,
        again=request.again,
        check_only=request.check_only,
    )


_SHOWN = (
    *("dataset", "state", "would_be", "rows", "errors", "errors_total", "seconds"),
    *("peak_rss_bytes", "first_job", "reason"),
)
"""What of a job this command shows."""


def as_json(file: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command shows of a file whose job has ended, as `told_job` tells it."""
    about = {"file": file, "sha256": job["sha256"], "job": job["id"]}
    return {**about, **{name: job[name] for name in _SHOWN}}


def without_job(file: str, dataset: Dataset, state: str, **known: Any) -> dict[str, Any]:
    """Return the same of a file that became no job."""
    return {
        "file": file,
        "sha256": None,
        "job": None,
        "dataset": dataset.dataset,
        "state": state,
        "would_be": None,
        "preview": None,
        "rows": asdict(RowCounts()),
        "errors": [],
        "errors_total": 0,
        "seconds": {},
        "peak_rss_bytes": None,
        "first_job": None,
        "reason": None,
        **known,
    }


def refused(file: str, dataset: Dataset, record: ErrorRecord) -> dict[str, Any]:
    """Return the same of a file that is rejected before it becomes a job."""
    return without_job(file, dataset, "rejected", errors=[record.as_dict()], errors_total=1, reason=reason_of(record))


def too_large(error: FileTooLargeError) -> ErrorRecord:
    """Return the error record of a file that is too large to be taken in."""
    return ErrorRecord(
        code="file.too_large", message=said_by(error), hint=say("split the file, or raise intake.max_file_mb")
    )
