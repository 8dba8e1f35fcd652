"""Where the file of a job is parsed: in this machine's workers, or on a cluster; what is left is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..cluster.call import MadeFolder, SharedFile
from ..machine.cores import available_cores
from .source_file import source_of
from .worker_tasks import HandedIn, parse_workbook

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..cluster.cluster import Cluster
    from ..config.executor_limits import ExecutorLimits
    from ..executors.executors import Executors, TaskResult
    from ..ledger.jobs import Job
    from ..spool.spool import Spool
    from .worker_failures import ReadingBounds

LoadedBefore = frozenset[str] | None
"""The rows of the original that need not be loaded any more, None where nobody asks; see `corrections`."""


class Parser(Protocol):
    """Takes the file of a claimed job to a report, and accepted rows to a folder of the spool."""

    @property
    def places(self) -> int:
        """How many files can be parsed at once; 0 while that cannot be said."""

    @property
    def limits(self) -> ExecutorLimits:
        """What a parse is held to."""

    async def parse(
        self, job: Job, key: str, token: str, dataset: Dataset, bounds: ReadingBounds, *, loaded: LoadedBefore = None
    ) -> TaskResult:
        """Return the report with its cost; the rows lie in `Spool.work_folder(key, token)`.

        `loaded` are the rows of the original that need not be loaded any more, of a file with corrected ones.

        Raises what `Executors.submit_cpu` raises, and SpoolAwayError or SpoolFullError for the file.
        """


class LocalParser:
    """Parses in the worker processes of this daemon."""

    def __init__(self, executors: Executors, spool: Spool) -> None:
        self._executors, self._spool = executors, spool
        self._cores = available_cores()

    @property
    def places(self) -> int:
        """As many as there are workers."""
        return self._executors.limits.cpu_workers

    @property
    def limits(self) -> ExecutorLimits:
        """The workers' limits."""
        return self._executors.limits

    async def parse(
        self, job: Job, key: str, token: str, dataset: Dataset, bounds: ReadingBounds, *, loaded: LoadedBefore = None
    ) -> TaskResult:
        """Parse; see `Parser`."""
        return await self._executors.submit_cpu(
            parse_workbook,
            await source_of(self._executors, self._spool, job, key),
            dataset,
            self._spool.work_folder(key, token),
            handed_in(job, loaded),
            job.id,
            # A parse takes a second core only while no other needs it.
            int(self._cores) // (self._executors.busy_workers + 1),
            timeout=bounds.seconds,
            kind="parse",
            own=dataset.transform is None,
            lane=lane_of(job),
            memory_bytes=bounds.memory_bytes,
        )


class ClusterParser:
    """Parses on a cluster: its workers take the file from the shared spool, and leave there what they make of it."""

    def __init__(self, cluster: Cluster, executors: Executors, spool: Spool) -> None:
        self._cluster, self._executors, self._spool = cluster, executors, spool

    @property
    def places(self) -> int:
        """As many as the cluster has."""
        return self._cluster.places

    @property
    def limits(self) -> ExecutorLimits:
        """The limits of the cluster's workers."""
        return self._cluster.limits

    async def parse(
        self, job: Job, key: str, token: str, dataset: Dataset, bounds: ReadingBounds, *, loaded: LoadedBefore = None
    ) -> TaskResult:
        """Parse; see `Parser`, and `Cluster.submit_cpu` for what is raised beyond that."""
        done = await self._cluster.submit(
            parse_workbook,
            SharedFile(key=key, sha256=job.sha256, size_bytes=job.size_bytes),
            dataset,
            MadeFolder(key=key),
            handed_in(job, loaded),
            job.id,
            1,
            timeout=bounds.seconds,
            kind="parse",
            own=dataset.transform is None,
            lane=lane_of(job),
            memory_bytes=bounds.memory_bytes,
        )
        if done.made is not None:
            await self._executors.run_io(self._spool.bring_work, key, token, done.made.place, done.made.files)
        return done.result


def handed_in(job: Job, loaded: LoadedBefore = None) -> HandedIn:
    """Return what a parse calls the file: what fixes another job was handed in as that, and has no name of its own."""
    return HandedIn(job.file, None if job.fixes_job is None else "", job.size_bytes, loaded)


def lane_of(job: Job) -> str:
    """Return the lane in which the file waits."""
    return f"dataset {job.dataset}"
