"""Leases of sources: one daemon at a time, and the next one when that has died or gives it back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from submissions import submission

from daemon.ledger.jobs import Origin
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobQueries
from daemon.ledger.source_leases import SourceLeases

if TYPE_CHECKING:
    from daemon.database.database import Database

SHOP, STOCK = "s3://shop", "s3://stock"


async def test_one_daemon_at_a_time_holds_a_source(ledger: Ledger, database: Database) -> None:
    mine = SourceLeases(ledger.context)
    other = SourceLeases(Ledger(database, lease_seconds=30).context)
    assert await mine.hold(SHOP, 60)
    assert await mine.hold(SHOP, 60)
    assert not await other.hold(SHOP, 60)
    assert await other.hold(STOCK, 60)
    await other.release(SHOP)
    assert not await other.hold(SHOP, 60)
    await mine.release(SHOP)
    assert await other.hold(SHOP, 60)


async def test_a_lease_that_has_run_out_is_taken_over(ledger: Ledger, database: Database) -> None:
    mine = SourceLeases(ledger.context)
    other = SourceLeases(Ledger(database, lease_seconds=30).context)
    assert await mine.hold(SHOP, -1)
    assert await other.hold(SHOP, 60)
    assert not await mine.hold(SHOP, 60)


async def test_failures_are_counted_by_all_and_heard_by_the_others(ledger: Ledger, database: Database) -> None:
    mine = SourceLeases(ledger.context)
    other = SourceLeases(Ledger(database, lease_seconds=30).context)
    assert await other.failures_elsewhere(SHOP) is None, "nobody has looked"
    assert await mine.failed(SHOP) == 0, "nobody has the source"
    assert await mine.hold(SHOP, 60)
    assert await other.failures_elsewhere(SHOP) is None, "the first look goes on"
    assert [await mine.failed(SHOP), await mine.failed(SHOP)] == [1, 2]
    assert await mine.hold(SHOP, -1)
    assert await other.failures_elsewhere(SHOP) == 2
    assert await mine.failures_elsewhere(SHOP) is None, "it knows by itself"
    assert await other.hold(SHOP, 60)
    assert await mine.failures_elsewhere(SHOP) == 2, "the look of the next one goes on"
    assert await mine.failed(SHOP) == 0, "it has lost the source"
    assert await other.failed(SHOP) == 3
    assert not await mine.hold(SHOP, 60, read=True)
    assert await mine.failures_elsewhere(SHOP) == 3
    assert await other.hold(SHOP, 60, read=True)
    assert await mine.failures_elsewhere(SHOP) == 0
    assert await other.hold(STOCK, 60, read=True)
    assert await mine.failures_elsewhere(STOCK) == 0


async def test_only_a_job_that_waits_in_a_spool_of_nobody_is_lost(ledger: Ledger, database: Database) -> None:
    leases, queries = SourceLeases(ledger.context), JobQueries(database)
    await ledger.submit(replace(submission("a"), origin=Origin(path="s3://shop/a", stamp="1")))
    (taken,) = await queries.taken(["s3://shop/a"])
    assert not await leases.has_lost(taken)
    assert await leases.has_lost(taken._replace(spool_id="of nobody"))
    assert not await leases.has_lost(taken._replace(spool_id="of nobody", state="loaded"))
    another = Ledger(database, lease_seconds=30)
    await another.register("spool-2")
    assert not await leases.has_lost(taken._replace(spool_id="spool-2"))
    await another.close()
