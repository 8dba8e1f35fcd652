"""Rejected rows on their way back to people: finds what was kept of a job and has a worker write the workbook."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal
from uuid import uuid4

from ..errors import HeadgateError, RetryableError, WorkerCrashedError, first_line
from .worker_failures import FILE_ERRORS, POOL_ERRORS
from .worker_tasks import write_rejected_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.spec.dataset import Dataset

    from ..executors.executors import Executors
    from ..ledger.jobs import Job
    from ..spool import Spool

Form = Literal["xlsx", "csv"]
CHUNK_BYTES: Final = 1 << 18
WRITES: Final = 3
"""How often a workbook is begun whose worker dies: whoever kills workers has seldom meant this one."""


class NoRejectsError(HeadgateError):
    """The job has no rejected rows, or is not finished, or its file was not kept; the message says which."""


class RejectsLaterError(RetryableError):
    """The rejected rows cannot be written now; ask again in a moment."""


class Rejects:
    """Makes the workbook of a job's rejected rows, from the file and the error records that its spool has kept."""

    def __init__(self, *, spool: Spool, executors: Executors, datasets: Mapping[str, Dataset]) -> None:
        self._spool, self._executors, self._datasets = spool, executors, datasets

    async def rejects(self, job: Job, form: Form) -> bytes:
        """Return the rejected rows as a workbook or as CSV; raises what `written` raises."""
        async with self.written(job, form) as path:
            content: bytes = await self._executors.run_io(path.read_bytes)
            return content

    @asynccontextmanager
    async def written(self, job: Job, form: Form) -> AsyncIterator[Path]:
        """Give a file with the rejected rows as a workbook or as CSV, for as long as the caller is inside.

        Raises:
            NoRejectsError: there are none, or no longer, or they cannot be written.
            RejectsLaterError: no worker can write them now.
            FileRejectedError: the kept file cannot be read by its dataset any more.

        """
        key, dataset = await self._kept(job)
        out = self._spool.rejects(key).with_name(uuid4().hex)
        try:
            await self._write(job, dataset, key, out, form)
            yield out
        finally:
            await self._executors.run_io(out.unlink, missing_ok=True)

    async def _write(self, job: Job, dataset: Dataset, key: str, out: Path, form: Form) -> None:
        for left in reversed(range(WRITES)):
            try:
                await self._executors.submit_cpu(
                    write_rejected_rows,
                    self._spool.source(key),
                    dataset,
                    self._spool.rejects(key),
                    job.file,
                    out,
                    form,
                    timeout=dataset.limits.parse_seconds,
                    own=True,
                    memory_bytes=dataset.limits.worker_mb << 20,
                )
            except POOL_ERRORS as error:
                raise RejectsLaterError(
                    f"the rejected rows of job {job.id} cannot be written now ({first_line(error)}); ask again"
                ) from error
            except (*FILE_ERRORS, FileNotFoundError) as error:
                if not left or not isinstance(error, WorkerCrashedError):
                    raise NoRejectsError(
                        f"the rejected rows of job {job.id} cannot be written as {form}; ask for its error records"
                    ) from error
            else:
                return

    async def chunks(self, path: Path) -> AsyncIterator[bytes]:
        """Yield a file's content piece by piece."""
        file = await self._executors.run_io(path.open, "rb")
        try:
            while chunk := await self._executors.run_io(file.read, CHUNK_BYTES):
                yield chunk
        finally:
            await self._executors.run_io(file.close)

    async def _kept(self, job: Job) -> tuple[str, Dataset]:
        """Return the spool key and the dataset of a job that has something to hand back."""
        if not job.finished:
            raise NoRejectsError(f"job {job.id} is {job.state}; wait until it has ended")
        if not job.rows.rejected or job.state not in ("partial", "rejected", "checked"):
            raise NoRejectsError(f"job {job.id} is {job.state} and has no rejected rows")
        key = job.spool_key if job.spool_id == self._spool.id else None
        if key is None or not await self._executors.run_io(self._spool.rejects(key).exists):
            raise NoRejectsError(f"the file of job {job.id} is not kept here any more; submit it again")
        if job.dataset not in self._datasets:
            raise NoRejectsError(f"dataset {job.dataset} is not configured any more; configure it again")
        return key, self._datasets[job.dataset]
