"""Datasets drafted from a sample and tried on it: workers read it, nothing is loaded, and no job is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from ingest.errors import FileRejectedError
from ingest.messages import say
from ingest.spec.dataset import FileLimits

from ..errors import RetryableError, first_line
from .table_check import compare_table
from .table_outline import read_outline
from .worker_failures import FILE_ERRORS, POOL_ERRORS, ReadingBounds, refusal
from .worker_tasks import draft_from_sample, parse_workbook

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest.output.drafted import Drafted
    from ingest.output.report import Report
    from ingest.spec.dataset import Dataset

    from .parts import PipelineParts
    from .table_check import TableFinding

DRAFT_LIMITS: Final = FileLimits()
"""Those of a dataset that says nothing of them."""


class SamplesLaterError(RetryableError):
    """No worker can read the sample now; ask again in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What becomes of a sample by a dataset: the report of its parse, and what the dataset's table says."""

    report: Report
    table: TableFinding


class Samples:
    """Reads samples that lie in the spool; whoever has put one there takes it away."""

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts

    async def draft(self, key: str, file: str, *, sheet: str | None, table: str | None) -> Drafted:
        """Return a dataset drafted from a sample, for an existing table if one is named.

        Raises:
            FileRejectedError: the sample cannot be read, or has no table; its code says why.
            HeadgateError: there is no such table to load into.
            SamplesLaterError: no worker can read it now.
            DatabaseUnavailableError: the database cannot be reached, which knows the table.

        """
        outline = None if table is None else await read_outline(self._parts.database, table)
        source = self._parts.spool.source(key)
        found: Drafted = await self._read(
            draft_from_sample, source, sheet, outline, DRAFT_LIMITS, file, file=file, limits=DRAFT_LIMITS
        )
        return found

    async def attempt(self, key: str, file: str, dataset: Dataset) -> Trial:
        """Parse the whole sample by a dataset and compare the dataset with its table; both as a load would.

        Raises:
            SamplesLaterError: no worker can read it now.
            FileRejectedError: reading it took more time or memory than the dataset's limits allow.
            DatabaseUnavailableError, sqlalchemy.exc.DBAPIError: the database cannot be reached, or fails.

        """
        spool, token = self._parts.spool, uuid4().hex
        folder, source = spool.work_folder(key, token), spool.source(key)
        try:
            report: Report = await self._read(
                parse_workbook,
                *(source, dataset, folder, (file, None), 0, 1),
                file=file,
                limits=dataset.limits,
                own=dataset.transform is None,
            )
        finally:
            await self._parts.executors.run_io(spool.remove_work, key, token)
        finding = await compare_table(self._parts.database, dataset)
        return Trial(report=report, table=finding)

    async def _read(
        self, function: Callable[..., Any], *arguments: object, file: str, limits: FileLimits, own: bool = True
    ) -> Any:
        """Call a function in a worker that is held to the limits."""
        executors = self._parts.executors
        bounds = ReadingBounds.within(
            limits,
            executors.limits,
            file=file,
            more_time=say("take a shorter sample, or raise executors.task_timeout_seconds"),
            more_memory=say("take a smaller sample, or raise executors.worker_memory_mb"),
        )
        try:
            return await executors.run_cpu(
                function, *arguments, timeout=bounds.seconds, own=own, memory_bytes=bounds.memory_bytes
            )
        except POOL_ERRORS as error:
            raise SamplesLaterError(
                say("no worker can read the sample now ({error}); try again", error=first_line(error))
            ) from error
        except FILE_ERRORS as error:
            raise FileRejectedError(refusal(error, bounds)) from error
