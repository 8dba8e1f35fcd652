"""The one way in: a file that lies in the spool gets its dataset and its ledger row. Folders, HTTP and CLI use it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest.errors import ErrorRecord, FileRejectedError
from ingest.spec.matching import dataset_takes

from ..ledger.jobs import UNMATCHED, Submission

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..executors.executors import Executors
    from ..ledger.jobs import Job, Origin
    from ..ledger.leases import Ledger
    from ..metrics.job_metrics import Metrics
    from ..spool import Received, Spool

logger = logging.getLogger(__name__)


class Submissions:
    """Enters received files into the ledger and tells of duplicates."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        spool: Spool,
        executors: Executors,
        datasets: Mapping[str, Dataset],
        metrics: Metrics,
        wake: Callable[[], None],
    ) -> None:
        self._ledger, self._spool, self._executors = ledger, spool, executors
        self._datasets, self._metrics, self._wake = datasets, metrics, wake

    def choose(self, name: str | None, *paths: str) -> Dataset:
        """Return the dataset of that name, or without a name the one whose `match` takes one of the paths.

        Raises:
            FileRejectedError: `file.no_spec` (unknown name, no match) or `file.spec_ambiguous`.

        """
        known = ", ".join(sorted(self._datasets)) or "none"
        if name is not None:
            if name in self._datasets:
                return self._datasets[name]
            raise _no_spec(f"there is no dataset {name!r}", f"the datasets are: {known}")
        found = [dataset for dataset in self._datasets.values() if dataset_takes(dataset, paths)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise _no_spec(
                f"no dataset's match takes {paths[0]!r}",
                f"name the dataset (one of: {known}) or widen a match",
            )
        raise FileRejectedError(
            ErrorRecord(
                code="file.spec_ambiguous",
                message=f"several datasets take {paths[0]!r}: {', '.join(sorted(d.dataset for d in found))}",
                hint="name the dataset, or make their match patterns exclusive",
            )
        )

    async def enter(
        self,
        received: Received,
        *,
        dataset: Dataset,
        file: str,
        source: str,
        fixes: Job | None = None,
        adopt: bool = False,
        submitter: str | None = None,
        idempotency_key: str | None = None,
        origin: Origin | None = None,
    ) -> Job:
        """Enter a received file; after this returns it is acknowledged and reaches exactly one terminal state.

        `fixes` is the job whose rejected rows the file has in a corrected form: it counts as handed in as that one's.

        Raises:
            KeyUsedError: the submitter has used the idempotency key before.

        """
        submission = replace(
            _submission(received, dataset.dataset, dataset.version, fixes.file if fixes else file, source),
            fixes_job=fixes.id if fixes else None,
            submitter=submitter,
            idempotency_key=idempotency_key,
            origin=origin,
        )
        try:
            job = await self._ledger.submit(submission, adopt=adopt)
        except BaseException:
            await self.drop(received)
            raise
        self._metrics.stage("receive", received.seconds)
        if job.state == "duplicate":
            await self._ended(job, received)
        else:
            logger.info("job queued", extra={"job": job.id, "dataset": job.dataset, "file": file, "source": source})
            self._wake()
        return job

    async def drop(self, received: Received) -> None:
        """Remove a received file that is not entered after all."""
        await self._executors.run_io(self._spool.remove, received.key)

    async def refuse(
        self, received: Received, *, record: ErrorRecord, file: str, source: str, origin: Origin | None = None
    ) -> Job:
        """Enter a file that no dataset takes: the job is `rejected` at once, and says why."""
        submission = replace(_submission(received, UNMATCHED, 0, file, source), origin=origin)
        try:
            job = await self._ledger.refuse(submission, record.as_dict())
        finally:
            await self.drop(received)
        self._tell(job, {record.code: 1} if job.state == "rejected" else {})
        return job

    async def _ended(self, job: Job, received: Received) -> None:
        await self.drop(received)
        self._tell(job, {"file.duplicate_content": 1})

    def _tell(self, job: Job, codes: Mapping[str, int]) -> None:
        self._metrics.job_finished(
            dataset=job.dataset,
            outcome=job.state,
            rows={},
            codes=codes,
            size_bytes=job.size_bytes,
            stage_seconds={},
        )
        logger.info(
            "job finished",
            extra={
                "job": job.id,
                "state": job.state,
                "dataset": job.dataset,
                "file": job.file,
                "first_job": job.first_job,
                "reason": job.reason,
            },
        )


def _submission(received: Received, dataset: str, version: int, file: str, source: str) -> Submission:
    return Submission(
        dataset=dataset,
        spec_version=version,
        sha256=received.sha256,
        size_bytes=received.size_bytes,
        file=file,
        source=source,
        spool_key=received.key,
    )


def _no_spec(message: str, hint: str) -> FileRejectedError:
    return FileRejectedError(ErrorRecord(code="file.no_spec", message=message, hint=hint))
