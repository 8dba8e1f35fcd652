"""The one way in: a file that lies in the spool gets its dataset and its ledger row. Folders, HTTP and CLI use it."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest.messages import say
from ingest.spec.corrections import for_corrections
from ingest.spec.matching import choose_dataset

from ..ledger.jobs import CHECKED, UNMATCHED, Outcome, Submission
from ..ledger.retry_cancel import NotPossibleError
from .unanswered import Unanswered

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ingest.errors import ErrorRecord
    from ingest.spec.dataset import Dataset

    from ..ledger.jobs import Job, Origin, Repeats, State
    from ..pipeline.job_ends import JobEnds
    from ..pipeline.parts import PipelineParts
    from ..spool.upload import Received

logger = logging.getLogger(__name__)


class Submissions:
    """Enters received files into the ledger and tells of duplicates."""

    def __init__(self, parts: PipelineParts, ends: JobEnds, *, wake: Callable[[], None]) -> None:
        self._parts, self._ends, self._wake = parts, ends, wake
        self._ledger, self._spool = parts.ledger, parts.spool
        self.unanswered = Unanswered(parts)

    def choose(self, name: str | None, *paths: str) -> Dataset:
        """Return the dataset of a file; see `choose_dataset`."""
        return choose_dataset(self._parts.datasets, name, *paths)

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
        again: bool = False,
        check_only: bool = False,
    ) -> Job:
        """Enter a received file; after this returns it is acknowledged and reaches exactly one terminal state.

        `fixes` is the job whose rejected rows the file has in a corrected form: it counts as handed in as that one's.
        `again` has it loaded also where its content was loaded before; with `check_only` nothing is loaded, and told
        what would be.

        Raises:
            KeyUsedError: the submitter has used the idempotency key before.
            SpoolAwayError: the shared spool does not take the file now.

        """
        submission = replace(
            _submission(received, dataset.dataset, dataset.version, fixes.file if fixes else file, source),
            fixes_job=fixes.id if fixes else None,
            submitter=submitter,
            idempotency_key=idempotency_key,
            origin=origin,
            repeats="again" if again else _repeats(dataset, corrects=fixes is not None),
            in_turn=dataset.load.mode == "replace",
            check_only=check_only,
        )
        try:
            if self._spool.shared is not None:
                await self._parts.executors.run_io(self._spool.share, received)
            with self.unanswered.entering(received.key) as sending:
                job = await self._ledger.submit(submission, adopt=adopt, sending=sending)
        except BaseException:
            if received.key not in self.unanswered:
                await self.drop(received)
            raise
        self._parts.metrics.stage("receive", received.seconds)
        if job.state == "duplicate":
            await self.drop(received)
            self._tell(job, "file.duplicate_content")
        else:
            logger.info("job queued", extra={"job": job.id, "dataset": job.dataset, "file": file, "source": source})
            self._wake()
        return job

    async def load(self, kept: Job, *, by: str | None, states: Collection[State] = CHECKED) -> Job:
        """Enter the file that a job has checked, to be loaded now; no byte of it is handed in again.

        With `states` those of a job that was rejected, too: what its file means may have been said since.

        Raises:
            NotPossibleError: it is in another state, its file is not kept any more, or its dataset is gone.

        """
        dataset = self._parts.datasets.get(kept.dataset)
        if dataset is None:
            raise NotPossibleError(
                say("dataset {name} is not configured any more; configure it again", name=kept.dataset)
            )
        submission = Submission(
            dataset=dataset.dataset,
            spec_version=dataset.version,
            sha256=kept.sha256,
            size_bytes=kept.size_bytes,
            file=kept.file,
            source=kept.source,
            spool_key=kept.spool_key or "",
            spool_id=kept.spool_id,
            fixes_job=kept.fixes_job,
            submitter=by,
            repeats="again" if kept.repeats == "again" else _repeats(dataset, corrects=kept.fixes_job is not None),
            in_turn=dataset.load.mode == "replace",
        )
        job = await self._ledger.load_kept(kept, submission, states=states)
        if job.state == "duplicate":
            if kept.spool_id == self._spool.id:
                await self._parts.executors.run_io(self._spool.remove, submission.spool_key)
            self._tell(job, "file.duplicate_content")
        else:
            logger.info("job queued", extra={"job": job.id, "dataset": job.dataset, "checked_as": kept.id})
            self._wake()
        return job

    async def drop(self, received: Received) -> None:
        """Remove a received file that is not entered after all."""
        await self._parts.executors.run_io(self._spool.remove, received.key)

    async def refuse(
        self,
        received: Received,
        *,
        record: ErrorRecord,
        file: str,
        source: str,
        submitter: str | None = None,
        idempotency_key: str | None = None,
        origin: Origin | None = None,
    ) -> Job:
        """Enter a file that no dataset takes: the job is `rejected` at once, and says why.

        Raises:
            KeyUsedError: the submitter has used the idempotency key before.

        """
        submission = replace(
            _submission(received, UNMATCHED, 0, file, source),
            submitter=submitter,
            idempotency_key=idempotency_key,
            origin=origin,
        )
        try:
            job = await self._ledger.refuse(submission, record.as_dict())
        finally:
            await self.drop(received)
        self._tell(job, record.code if job.state == "rejected" else "file.duplicate_content")
        return job

    def _tell(self, job: Job, code: str) -> None:
        self._ends.tell(job, Outcome(state=job.state, reason=job.reason, codes={code: 1}))


def _repeats(dataset: Dataset, *, corrects: bool) -> Repeats:
    """Say when a content may be loaded again: rows that are only added, never; others, after another content was."""
    loaded_by = for_corrections(dataset) if corrects else dataset
    return "once" if loaded_by.load.mode == "insert" else "last"


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
