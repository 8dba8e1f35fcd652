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
