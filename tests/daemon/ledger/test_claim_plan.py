"""What PostgreSQL makes of a claim where very many jobs wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asked import asked
from goods import opened
from large_ledger import waiting

from daemon.ledger.claims import CLAIMED_AT_ONCE
from daemon.ledger.leases import Ledger

if TYPE_CHECKING:
    from daemon.database.database import Database

WAIT = 50_000


async def explained(database: Database, ledger: Ledger, most: int) -> str:
    """Claim so many and return how the statement is run."""
    statements = asked(database)
    assert len(await ledger.claim(datasets=["orders"], most=most)) == most
    [claim] = statements
    async with database.read() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN {claim.text}", claim.parameters)
        return "\n".join(rows.scalars())


async def test_a_claim_of_several_is_not_compiled(postgres_database: str) -> None:
    async with opened(postgres_database) as database:
        ledger = Ledger(database, lease_seconds=30)
        await ledger.open()
        await ledger.register("spool-1")
        async with ledger:
            async with database.write() as connection:
                await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
                await connection.exec_driver_sql(waiting(WAIT, spool="spool-1", dataset="orders"))
            async with database.single("write") as connection:
                await connection.exec_driver_sql("VACUUM ANALYZE headgate.job")
            async with database.read() as connection:
                compiles = (await connection.exec_driver_sql("SELECT pg_jit_available()")).scalar_one()
            assert ("JIT" in await explained(database, ledger, 10 * CLAIMED_AT_ONCE)) is compiles
            assert "JIT" not in await explained(database, ledger, CLAIMED_AT_ONCE)
