"""Files of jobs beside their datasets, for people who say what columns and values mean; nothing is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ingest.messages import say

from ..errors import HeadgateError
from .reading import folder_for, read_in_worker
from .source_file import source_of, where_else
from .worker_tasks import look_at_file, try_mapped

if TYPE_CHECKING:
    from ingest.mapping.seen import SeenSheet, TriedMapping
    from ingest.spec.dataset import Dataset
    from ingest.spec.mapping import ColumnMapping

    from ..ledger.jobs import Job
    from ..ledger.mappings import KeptMapping
    from .parts import PipelineParts


class NoFileError(HeadgateError):
    """The job's file is not kept here any more, or its dataset is gone; the message says which."""


class WrongMappingError(HeadgateError):
    """The mapping does not fit the dataset; the message says how."""


class MappedFiles:
    """Reads the files that jobs still have.

    All of it raises, beside what it names:

    - `NoFileError`: there is none,
    - `ReadLaterError`: no worker can read it now,
    - `FileRejectedError`: it cannot be read.
    """

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts

    async def look(self, job: Job, sheet: str | None, row: int | None) -> SeenSheet:
        """Return a sheet beside the dataset; see `ingest.mapping.look.look`."""
        dataset = await self._parts.mappings.onto(self._dataset(job))
        source = await source_of(self._parts.executors, self._parts.spool, job, self._key(job))
        found: SeenSheet = await self._read(job, dataset, look_at_file, source, dataset, job.file, sheet, row)
        return found

    async def attempt(self, job: Job, mapping: ColumnMapping, sheet: str | None, row: int | None) -> TriedMapping:
        """Return what becomes of the whole file by a mapping.

        Raises:
            WrongMappingError: it names fields or values that the dataset has not.

        """
        dataset = self._fitting(job, mapping).with_mappings([mapping])
        key = self._key(job)
        source = await source_of(self._parts.executors, self._parts.spool, job, key)
        async with folder_for(self._parts, key) as folder:
            found: TriedMapping = await self._read(
                job, dataset, try_mapped, source, dataset, folder, job.file, sheet, row
            )
        return found

    async def keep(self, job: Job, mapping: ColumnMapping, *, by: str) -> KeptMapping:
        """Keep a mapping for all files of the job's dataset that have the same titles.

        Raises:
            WrongMappingError: it names fields or values that the dataset has not.
            TooManyMappingsError: no more are kept for the dataset.

        """
        self._fitting(job, mapping)
        return await self._parts.mappings.keep(job.dataset, mapping, by=by)

    def _fitting(self, job: Job, mapping: ColumnMapping) -> Dataset:
        dataset = self._dataset(job)
        if (complaint := mapping.complaint(dataset.cell_fields)) is not None:
            raise WrongMappingError(complaint)
        return dataset

    def _dataset(self, job: Job) -> Dataset:
        if job.dataset not in self._parts.datasets:
            raise NoFileError(say("dataset {name} is not configured any more; configure it again", name=job.dataset))
        return self._parts.datasets[job.dataset]

    def _key(self, job: Job) -> str:
        if (elsewhere := where_else(self._parts.spool, job)) is not None:
            raise NoFileError(elsewhere)
        if job.spool_key is None:
            raise _gone(job)
        return job.spool_key

    async def _read(self, job: Job, dataset: Dataset, *call: Any) -> Any:
        own = dataset.transform is None
        try:
            return await read_in_worker(self._parts.executors, *call, file=job.file, limits=dataset.limits, own=own)
        except FileNotFoundError as error:  # the job has ended meanwhile
            raise _gone(job) from error


def _gone(job: Job) -> NoFileError:
    return NoFileError(say("the file of job {job} is not kept here any more; submit it again", job=job.id))
