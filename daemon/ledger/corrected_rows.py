"""Which rejected rows were loaded when they came back corrected: kept, so that none of them is loaded a second time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ..errors import RowsLoadedError
from .tables import insert_into

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .context import LedgerContext
    from .jobs import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a job corrects: the job whose rows were rejected first, and those of them that were loaded since.

    Rows that are rejected when they come back, and come back once more, are still those of the first file; those of a
    file that was only checked are the ones of the job that has loaded it then.
    `of_refused` says that nothing of that was loaded.
    """

    of_job: int
    of_refused: bool
    loaded: frozenset[str]


class CorrectedRows:
    """The corrected rows of the ledger, by the names that rows have where they are handed back."""

    def __init__(self, context: LedgerContext) -> None:
        self._database, self._job, self._table = context.database, context.tables.job, context.tables.corrected_row

    async def of(self, job: Job) -> Correction:
        """Return what a job with corrected rows corrects."""
        assert job.fixes_job is not None  # noqa: S101  # only of such a job it is asked
        first, rows, checked = job.fixes_job, self._table, self._job.alias("checked")
        async with self._database.read() as connection:
            state = ""
            found: int | None = first
            while found is not None and (row := await self._job_of(connection, found)) is not None:
                first, state, found = found, row.state, row.loaded_as or row.fixes_job
            # What was only checked may have been corrected before it was loaded.
            same = sa.select(checked.c.id).where(checked.c.loaded_as == first)
            asked = sa.select(rows.c.name).where(sa.or_(rows.c.job_id == first, rows.c.job_id.in_(same)))
            names = frozenset((await connection.execute(asked)).scalars())
            return Correction(of_job=first, of_refused=state == "rejected", loaded=names)

    async def _job_of(self, connection: AsyncConnection, job_id: int) -> sa.Row[str, int | None, int | None] | None:
        """Return state, `fixes_job` and `loaded_as` of a job, None of one that is kept no longer."""
        job = self._job.c
        asked = sa.select(job.state, job.fixes_job, job.loaded_as).where(job.id == job_id)
        return (await connection.execute(asked)).one_or_none()

    async def keep(self, connection: AsyncConnection, job: Job, correction: Correction, names: Iterable[str]) -> None:
        """Keep that a job has loaded rows of these names, in the transaction in which it does.

        Raises:
            RowsLoadedError: another job has loaded some of them meanwhile, and nobody wants them again.

        """
        rows = [{"job_id": correction.of_job, "name": name, "loaded_by": job.id} for name in sorted(names)]
        if not rows:
            return
        insert = insert_into(self._table, self._database.dialect)
        kept = await connection.execute(insert.on_conflict_do_nothing().returning(self._table.c.name), rows)
        if len(kept.all()) < len(rows) and job.repeats != "again":
            raise RowsLoadedError
