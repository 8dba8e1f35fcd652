"""Rejected rows on their way to people and back: finds what was kept of a job, and has workers show and write it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import uuid4

from ingest.errors import FileRejectedError, UnknownPlaceError
from ingest.languages import ENGLISH
from ingest.messages import say
from ingest.output.kept import KeptFile

from ..errors import HeadgateError, RetryableError, WorkerCrashedError, first_line
from .source_file import source_of, where_else
from .worker_failures import FILE_ERRORS, POOL_ERRORS
from .worker_tasks import check_cell_texts, rejected_rows_page, write_corrected_rows, write_rejected_rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from ingest.output.kept import Corrections
    from ingest.spec.dataset import Dataset

    from ..executors.executors import Executors
    from ..ledger.jobs import Job
    from ..spool.spool import Spool

logger = logging.getLogger(__name__)

Form = Literal["xlsx", "csv"]
FORMS: Final[tuple[Form, ...]] = ("xlsx", "csv")
"""What people get, the better one first."""
CHUNK_BYTES: Final = 1 << 18
WRITES: Final = 3
"""How often a task is begun whose worker dies: whoever kills workers has seldom meant this one."""


class NoRejectsError(HeadgateError):
    """The job has no rejected rows, or is not finished, or its file was not kept; the message says which."""


class RejectsLaterError(RetryableError):
    """No worker can be had for the rejected rows now; ask again in a moment."""


class Rejects:
    """What can be had of a job's rejected rows, from the file and the error records that its spool has kept.

    All of it raises:

    - `NoRejectsError`: there are none, or no longer, or workers die of them,
    - `RejectsLaterError`: no worker can be had now,
    - `FileRejectedError`: the kept file cannot be read by its dataset any more,
    - `SpoolAwayError`: the shared spool, where another daemon has put the file, does not answer,
    - `UnknownPlaceError`: a sheet, row, column or field that is asked for is not there.
    """

    def __init__(
        self,
        *,
        spool: Spool,
        executors: Executors,
        datasets: Mapping[str, Dataset],
        mapped: Callable[[Dataset], Awaitable[Dataset]],
    ) -> None:
        """Read files by the datasets as `mapped` gives them: with the mappings that are kept, as they were parsed."""
        self._spool, self._executors, self._datasets, self._mapped = spool, executors, datasets, mapped

    def language(self, job: Job) -> str:
        """Return the language in which is said what nobody has asked for: the dataset's."""
        dataset = self._datasets.get(job.dataset)
        return (dataset and dataset.language) or ENGLISH

    async def rejects(self, job: Job, form: Form) -> bytes:
        """Return the rejected rows as a workbook or as CSV."""
        async with self.written(job, form) as path:
            content: bytes = await self._executors.run_io(path.read_bytes)
            return content

    async def for_people(self, job: Job) -> tuple[bytes, Form] | None:
        """Return the rejected rows as a workbook, or as CSV where no workbook takes them; None where none are kept.

        As CSV, too, where a workbook takes more time or memory than it may: it does of hundreds of thousands of rows.
        """
        for form in FORMS:
            with suppress(FileRejectedError, NoRejectsError):
                return await self.rejects(job, form), form
        return None

    @asynccontextmanager
    async def written(self, job: Job, form: Form) -> AsyncIterator[Path]:
        """Give a file with the rejected rows as a workbook or as CSV, for as long as the caller is inside."""
        kept = await self._kept(job)
        async with self._made(kept) as out:
            await self._work(job, kept, say("written as {form}", form=form), write_rejected_rows, kept, out, form)
            yield out

    @asynccontextmanager
    async def corrected(self, job: Job, corrections: Corrections) -> AsyncIterator[Path]:
        """Give a workbook of those rejected rows that have corrections, for as long as the caller is inside."""
        kept = await self._kept(job)
        async with self._made(kept) as out:
            await self._work(job, kept, say("written with corrections"), write_corrected_rows, kept, corrections, out)
            yield out

    async def page(self, job: Job, sheet: str | None, *, after: int, limit: int, language: str) -> str:
        """Return at most `limit` rejected rows of a sheet (None: the first), below its row `after`, as JSON."""
        kept = await self._kept(job)
        asked = (kept, sheet, after, limit, language)
        return str(await self._work(job, kept, say("shown"), rejected_rows_page, *asked))

    async def check(self, job: Job, cells: Sequence[tuple[str, str]], language: str) -> str:
        """Return what becomes of each text as a cell of a field, as JSON; `cells` are fields and texts."""
        kept = await self._kept(job)
        return str(await self._work(job, kept, say("checked"), check_cell_texts, kept.dataset, cells, language))

    @asynccontextmanager
    async def _made(self, kept: KeptFile) -> AsyncIterator[Path]:
        """Give the name of a new file beside the kept one; whatever is there in the end is removed."""
        out = kept.records.with_name(uuid4().hex)
        try:
            yield out
        finally:
            await self._executors.run_io(out.unlink, missing_ok=True)

    async def _work(self, job: Job, kept: KeptFile, done: str, task: Callable[..., Any], *args: Any) -> Any:
        """Have a worker do what is told of the rejected rows as `done`."""
        limits = kept.dataset.limits
        for left in reversed(range(WRITES)):
            try:
                result = await self._executors.submit_cpu(
                    task, *args, timeout=limits.parse_seconds, own=True, memory_bytes=limits.worker_mb << 20
                )
            except POOL_ERRORS as error:
                raise _later(job, done, error) from error
            except (*FILE_ERRORS, FileNotFoundError) as error:
                if not left or not isinstance(error, WorkerCrashedError):
                    raise _refusal(job, done) from error
            except OSError as error:  # the disk may be full, or its server away, for a while
                raise _later(job, done, error) from error
            except (FileRejectedError, UnknownPlaceError, HeadgateError):
                raise
            except Exception as error:
                # Nobody has thought of it: it costs the job's rejected rows, and not whoever asks for them.
                logger.exception("rejected rows not read", extra={"job": job.id})
                raise _refusal(job, done) from error
            else:
                return result.value
        raise AssertionError("the last try returns or raises")

    async def chunks(self, path: Path) -> AsyncIterator[bytes]:
        """Yield a file's content piece by piece."""
        file = await self._executors.run_io(path.open, "rb")
        try:
            while chunk := await self._executors.run_io(file.read, CHUNK_BYTES):
                yield chunk
        finally:
            await self._executors.run_io(file.close)

    async def _kept(self, job: Job) -> KeptFile:
        """Return what is kept of a job that has something to hand back."""
        if not job.finished:
            raise NoRejectsError(say("job {job} is {state}; wait until it has ended", job=job.id, state=job.state))
        if not job.rows.rejected or job.state not in ("partial", "rejected", "checked"):
            raise NoRejectsError(say("job {job} is {state} and has no rejected rows", job=job.id, state=job.state))
        if (elsewhere := where_else(self._spool, job)) is not None:
            raise NoRejectsError(elsewhere)
        key = job.spool_key
        records = None if key is None else await self._executors.run_io(self._spool.rejects, key)
        if key is None or records is None:
            raise NoRejectsError(say("the file of job {job} is not kept here any more; submit it again", job=job.id))
        if job.dataset not in self._datasets:
            raise NoRejectsError(say("dataset {name} is not configured any more; configure it again", name=job.dataset))
        return KeptFile(
            path=await source_of(self._executors, self._spool, job, key),
            dataset=await self._mapped(self._datasets[job.dataset]),
            records=records,
            source=job.file,
        )


def _later(job: Job, done: str, error: Exception) -> RejectsLaterError:
    return RejectsLaterError(
        say(
            "the rejected rows of job {job} cannot be {done} now ({error}); ask again",
            job=job.id,
            done=done,
            error=first_line(error),
        )
    )


def _refusal(job: Job, done: str) -> NoRejectsError:
    return NoRejectsError(
        say("the rejected rows of job {job} cannot be {done}; ask for its error records", job=job.id, done=done)
    )
