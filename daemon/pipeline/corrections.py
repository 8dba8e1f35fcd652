"""Corrected rows that come back: which of them were loaded before, and that those of a load are known from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.output.report import ORIGINALS_FILE

from ..ledger.corrected_rows import CorrectedRows

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ingest.load.loaded import Loaded
    from ingest.spec.dataset import Dataset

    from ..ledger.corrected_rows import Correction
    from ..ledger.jobs import Job
    from .parts import PipelineParts


class Corrections:
    """Sees to it that no rejected row is loaded twice, in however many files and parts it comes back."""

    def __init__(self, parts: PipelineParts) -> None:
        self._executors, self._rows = parts.executors, CorrectedRows(parts.ledger.context)

    async def of(self, job: Job) -> Correction | None:
        """Return what a job corrects, None if it does not."""
        return None if job.fixes_job is None else await self._rows.of(job)

    async def keep(
        self, connection: AsyncConnection, job: Job, correction: Correction, folder: Path, loaded: Loaded
    ) -> None:
        """Keep which rows a load has brought in, in its transaction.

        Raises:
            RowsLoadedError: another job has loaded some of them meanwhile.

        """
        names = await self._executors.run_io(_read_originals, folder, frozenset(loaded.refused_lines))
        await self._rows.keep(connection, job, correction, names)


def tells_rows_apart(dataset: Dataset) -> bool:
    """Say whether it matters where a corrected row comes from.

    Rows with a key are known by that: the table tells which are there, and a second correction may change the first.
    """
    return not dataset.primary_key


def rows_to_leave_out(job: Job, dataset: Dataset, correction: Correction | None) -> frozenset[str] | None:
    """Return the rows of the original that a parse has to leave out; None if it need not say which it has read."""
    if correction is None or not tells_rows_apart(dataset):
        return None
    return frozenset() if job.repeats == "again" else correction.loaded


def _read_originals(folder: Path, refused: Collection[int]) -> frozenset[str]:
    """Return what accepted rows are called in the original, but for those on the `refused` lines (from 1 on)."""
    with (folder / ORIGINALS_FILE).open(encoding="utf-8", newline="\n") as lines:
        names = ((number, line.removesuffix("\n")) for number, line in enumerate(lines, start=1))
        return frozenset(name for number, name in names if name and number not in refused)
