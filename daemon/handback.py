"""Rejected rows on their way back to people: finds what was kept of a job and has a worker write the workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from .errors import HeadgateError
from .worktasks import write_rejected_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.spec import Dataset

    from .executors import Executors
    from .jobs import Job
    from .spool import Spool

Form = Literal["xlsx", "csv"]


class NothingToHandBackError(HeadgateError):
    """The job has no rejected rows, or is not finished, or its file was not kept; the message says which."""


class Handback:
    """Makes the workbook of a job's rejected rows, from the file and the error records that its spool has kept."""

    def __init__(self, *, spool: Spool, executors: Executors, datasets: Mapping[str, Dataset]) -> None:
        self._spool, self._executors, self._datasets = spool, executors, datasets

    async def rejects(self, job: Job, form: Form) -> bytes:
        """Return the rejected rows as a workbook or as CSV.

        Raises:
            NothingToHandBackError: there are none, or no longer.
            FileRejectedError: the kept file cannot be read by its dataset any more.

        """
        if not job.finished:
            raise NothingToHandBackError(f"job {job.id} is {job.state}; wait until it has ended")
        if not job.rows.rejected or job.state not in ("partial", "rejected"):
            raise NothingToHandBackError(f"job {job.id} is {job.state} and has no rejected rows")
        key = job.spool_key if job.spool_id == self._spool.id else None
        if key is None or not await self._executors.run_io(self._spool.rejects(key).exists):
            raise NothingToHandBackError(f"the file of job {job.id} is not kept here any more; submit it again")
        if job.dataset not in self._datasets:
            raise NothingToHandBackError(f"dataset {job.dataset} is not configured any more; configure it again")
        dataset, out = self._datasets[job.dataset], self._spool.rejects(key).with_name(uuid4().hex)
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
                memory_bytes=dataset.limits.worker_mb << 20,
            )
            content: bytes = await self._executors.run_io(out.read_bytes)
            return content
        finally:
            await self._executors.run_io(out.unlink, missing_ok=True)
