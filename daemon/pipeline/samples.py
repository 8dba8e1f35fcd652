"""Datasets drafted from a sample and tried on it: workers read it, nothing is loaded, and no job is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.spec.dataset import FileLimits

from .reading import folder_for, read_in_worker
from .table_check import compare_table
from .table_outline import read_outline
from .worker_tasks import HandedIn, draft_from_sample, parse_workbook

if TYPE_CHECKING:
    from ingest.output.drafted import Drafted
    from ingest.output.report import Report
    from ingest.spec.dataset import Dataset

    from .parts import PipelineParts
    from .table_check import TableFinding

DRAFT_LIMITS: Final = FileLimits()
"""Those of a dataset that says nothing of them."""


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
            ReadLaterError: no worker can read it now.
            DatabaseUnavailableError: the database cannot be reached, which knows the table.

        """
        outline = None if table is None else await read_outline(self._parts.database, table)
        source = self._parts.spool.source(key)
        found: Drafted = await read_in_worker(
            self._parts.executors,
            draft_from_sample,
            source,
            sheet,
            outline,
            None,
            DRAFT_LIMITS,
            file,
            file=file,
            limits=DRAFT_LIMITS,
        )
        return found

    async def attempt(self, key: str, file: str, dataset: Dataset) -> Trial:
        """Parse the whole sample by a dataset and compare the dataset with its table; both as a load would.

        Raises:
            ReadLaterError: no worker can read it now.
            FileRejectedError: reading it took more time or memory than the dataset's limits allow.
            DatabaseUnavailableError, sqlalchemy.exc.DBAPIError: the database cannot be reached, or fails.

        """
        source = self._parts.spool.source(key)
        async with folder_for(self._parts, key) as folder:
            report: Report = await read_in_worker(
                self._parts.executors,
                parse_workbook,
                *(source, dataset, folder, HandedIn(file), 0, 1),
                file=file,
                limits=dataset.limits,
                own=dataset.transform is None,
            )
        finding = await compare_table(self._parts.database, dataset)
        return Trial(report=report, table=finding)
