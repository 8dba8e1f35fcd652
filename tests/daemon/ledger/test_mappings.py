"""Mappings in the ledger: one for each set of titles, so many at most; and a rejected file that is loaded after all."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from submissions import next_job, submission

from daemon.ledger.jobs import Outcome
from daemon.ledger.mappings import KEPT_MAX, KeptMappings, TooManyMappingsError
from daemon.ledger.queries import JobQueries
from daemon.ledger.retry_cancel import NotPossibleError
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.mapping import ColumnMapping

if TYPE_CHECKING:
    from daemon.database.database import Database
    from daemon.ledger.jobs import Job, State
    from daemon.ledger.leases import Ledger

DATASET = parse_dataset(
    "dataset: orders\nfields: [{name: no, type: string}, {name: day, type: date}]\n"
    "load: {table: orders, mode: insert}\n",
    "orders.yml",
)
STATES: tuple[State, ...] = ("rejected", "checked")


def mapping(*titles: str, **columns: str | None) -> ColumnMapping:
    return ColumnMapping(titles=titles, columns=columns)


async def test_another_one_for_the_same_titles_takes_its_place(ledger: Ledger) -> None:
    kept = KeptMappings(ledger.context)
    first = await kept.keep("orders", mapping("A", "B", A="no"), by="ann")
    again = await kept.keep("orders", mapping("b ", "A", A="day"), by="bob")
    other = await kept.keep("orders", mapping("A", "C", C="no"), by=None)
    assert (again.id, again.made_by) == (first.id, "bob")
    assert [one.id for one in await kept.all("orders")] == [other.id, again.id]
    assert await kept.all("stock") == ()
    assert [one.columns for one in (await kept.onto(DATASET)).mappings] == [{"A": "day"}, {"C": "no"}]
    assert await kept.remove(other.id) == other
    assert await kept.remove(other.id) is None


async def test_a_claim_says_whether_its_dataset_has_any(ledger: Ledger) -> None:
    await KeptMappings(ledger.context).keep("orders", mapping("A", A="no"), by="ann")
    for dataset in ("orders", "stock"):
        await ledger.submit(submission(dataset, dataset=dataset))
    claims = {dataset: await ledger.claim(datasets=[dataset]) for dataset in ("orders", "stock")}
    # SQLite cannot tell, and says that there may be.
    unsure = ledger.context.database.dialect == "sqlite"
    assert {dataset: claim.mapped for dataset, [claim] in claims.items()} == {"orders": True, "stock": unsure}


async def test_one_that_no_longer_fits_its_dataset_is_passed_over(ledger: Ledger) -> None:
    kept = KeptMappings(ledger.context)
    await kept.keep("orders", mapping("A", A="gone"), by=None)
    assert await kept.onto(DATASET) == DATASET


async def test_a_dataset_has_so_many_at_most(ledger: Ledger) -> None:
    kept = KeptMappings(ledger.context)
    for number in range(KEPT_MAX):
        await kept.keep("orders", mapping(f"T{number}"), by=None)
    with pytest.raises(TooManyMappingsError, match=f"has {KEPT_MAX} mappings"):
        await kept.keep("orders", mapping("one more"), by=None)
    await kept.keep("orders", mapping("T0", T0="no"), by=None)
    await kept.keep("stock", mapping("one more"), by=None)


async def refused(ledger: Ledger, code: str) -> Job:
    """Hand a content in, and let it be refused with a code."""
    await ledger.submit(submission("monday"))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    await ledger.finish_alone(job, Outcome(state="rejected", errors_total=1, codes={code: 1}))
    found = await JobQueries(ledger.context.database).job(job.id)
    assert found is not None
    return found


@pytest.mark.parametrize(("code", "kept"), [("header.not_found", "key-monday"), ("file.corrupt_xml", None)])
async def test_the_file_is_kept_that_a_mapping_may_make_readable(ledger: Ledger, code: str, kept: str | None) -> None:
    assert (await refused(ledger, code)).spool_key == kept


async def test_whoever_comes_first_loads_it_and_nobody_twice(ledger: Ledger, database: Database) -> None:
    job = await refused(ledger, "header.not_found")
    asked = submission(job.sha256, spool_key=job.spool_key or "", spool_id=job.spool_id)
    ends = await asyncio.gather(
        *(ledger.load_kept(job, asked, states=STATES) for _ in range(4)), return_exceptions=True
    )
    loaded = [end for end in ends if not isinstance(end, BaseException)]
    assert len(loaded) == 1
    assert all(isinstance(end, NotPossibleError) for end in ends if end is not loaded[0])
    after = await JobQueries(database).job(job.id)
    assert after is not None
    assert (after.loaded_as, after.spool_key) == (loaded[0].id, None)
