"""Pages of jobs on both databases: complete, in order, and bounded in what they look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from daemon.ledger.jobs import STATES
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import SCANNED, JobFilter, JobQueries

if TYPE_CHECKING:
    from daemon.database.database import Database

JOBS = SCANNED + 2500


@pytest.fixture
async def queries(database: Database) -> JobQueries:
    """A ledger with more jobs than one page looks at; every thousandth is called otherwise."""
    ledger = Ledger(database, lease_seconds=30)
    await ledger.open()
    blank: dict[str, Any] = {
        column.name: 0 for column in ledger.tables.job.c if not column.nullable and column.name != "seconds"
    }
    rows = [
        blank
        | {
            "id": number,
            "dataset": f"dataset-{number % 3}",
            "sha256": f"{number}",
            "file": "Übersicht_100%.xlsx" if number % 1000 == 0 else f"export-{number}.xlsx",
            "source": "test",
            "submitter": f"shop-{number % 2}",
            "state": STATES[2 + number % 6],
            "seconds": {},
            "repeats": "once",
        }
        for number in range(1, JOBS + 1)
    ]
    async with database.write() as connection:
        for start in range(0, JOBS, 500):
            await connection.execute(sa.insert(ledger.tables.job), rows[start : start + 500])
    return JobQueries(database)


async def walked(queries: JobQueries, where: JobFilter, limit: int) -> tuple[list[int], int]:
    """Return the ids of all pages and how many pages there were."""
    found: list[int] = []
    before: int | None = None
    pages = 0
    while True:
        page = await queries.page(where, limit=limit, before=before)
        found += [job.id for job in page.jobs]
        pages += 1
        assert len(page.jobs) <= limit
        if page.next_before is None:
            return found, pages
        assert before is None or page.next_before < before
        before = page.next_before


def expected(**wanted: Any) -> list[int]:
    state, dataset, submitter = (wanted.get(key) for key in ("state", "dataset", "submitter"))
    return [
        number
        for number in range(JOBS, 0, -1)
        if (state is None or STATES[2 + number % 6] == state)
        and (dataset is None or f"dataset-{number % 3}" == dataset)
        and (submitter is None or f"shop-{number % 2}" == submitter)
    ]


async def test_every_filter_finds_all_of_its_jobs(queries: JobQueries) -> None:
    for wanted in (
        {},
        {"state": "dead"},
        {"dataset": "dataset-1"},
        {"state": "loaded", "dataset": "dataset-2"},
        {"submitter": "shop-1"},
        {"submitter": "shop-1", "state": "partial"},
        {"submitter": "shop-0", "dataset": "dataset-0", "state": "loaded"},
    ):
        where = JobFilter(**wanted)  # type: ignore[arg-type]
        assert (await walked(queries, where, 500))[0] == expected(**wanted), wanted


async def test_a_text_is_looked_for_in_parts(queries: JobQueries) -> None:
    thousands = list(range(JOBS // 1000 * 1000, 0, -1000))
    assert await walked(queries, JobFilter(text="bersicht_100%"), 50) == (thousands, 2)
    assert await walked(queries, JobFilter(text="SICHT"), 3) == (thousands, 3)
    assert await walked(queries, JobFilter(text="nowhere"), 50) == ([], 2)
    assert await walked(queries, JobFilter(text="100_"), 50) == ([], 2), "what LIKE takes for any letter is none here"
    assert await walked(queries, JobFilter(text="sicht", dataset="dataset-1"), 50) == (
        [number for number in thousands if number % 3 == 1],
        1,
    )
