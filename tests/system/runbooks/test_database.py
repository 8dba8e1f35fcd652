"""Alerts on the database: their causes are made in a real PostgreSQL, their runbooks followed."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
from postgres_server import psql_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from small_disk import SmallDisk

    from ..conftest import Headgate
    from .conftest import Called, Operator

pytestmark = pytest.mark.timeout(300)

END_BLOCKERS: Final = (
    "SELECT count(pg_terminate_backend(blocker)) FROM (SELECT DISTINCT unnest(pg_blocking_pids(pid)) AS blocker "
    "FROM pg_stat_activity WHERE application_name = 'headgate') AS blockers"
)


IDLE: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'NAME' AND state LIKE 'idle%'"
)


@contextmanager
def session(url: str, statements: str) -> Iterator[None]:
    """Leave a transaction of another application open until left, or until somebody ends it."""
    command = [psql_program(), f"{url.replace('+asyncpg', '')}?application_name=shop", "-XqAt"]
    psql = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert psql.stdin is not None
    assert psql.stdout is not None
    try:
        psql.stdin.write(f"BEGIN; {statements}; SELECT 'begun';\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "begun\n"
        yield
    finally:
        psql.kill()
        psql.communicate()


@pytest.fixture
def gate(tmp_path: Path, own_postgres: Any, headgate_at: Callable[[Path, str], Headgate]) -> Headgate:
    """A daemon on a server of its own, with two connections and little patience."""
    gate = headgate_at(tmp_path / "headgate", own_postgres.url())
    gate.settings["database"] |= {"pool_size": 1, "max_overflow": 1, "pool_timeout_seconds": 1}
    gate.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 30}
    gate.write_config()
    return gate


def test_a_server_that_is_gone(called: Called, gate: Headgate, own_postgres: Any, orders: Callable[..., Path]) -> None:
    with called("HeadgateDatabaseDown", gate) as operator:
        own_postgres.stop()
        operator.is_called()
        status, _ = operator.asks("curl -s 127.0.0.1:9847/-/ready")
        assert status == 503
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.reads("Bring the database back; Headgate connects by itself and takes up what waits")
        own_postgres.start()
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what waited is loaded", process=operator.process)


@pytest.mark.parametrize("cause", ["read-only", "password"])
def test_a_database_that_takes_nothing(called: Called, gate: Headgate, own_postgres: Any, cause: str) -> None:
    """A server that turned standby, as it shows to one role; and a password that was changed."""
    own_postgres.execute("CREATE ROLE first LOGIN SUPERUSER PASSWORD 'before'")
    own_postgres.execute("CREATE ROLE second LOGIN SUPERUSER PASSWORD 'other'")
    own_postgres.require_passwords("first")
    secret = gate.folder / "database.url"

    def write(role: str, password: str) -> None:
        secret.write_text(own_postgres.url().replace("headgate@", f"{role}:{password}@"), encoding="utf-8")
        secret.chmod(0o600)

    write("first", "before")
    del gate.settings["database"]["url"]
    gate.settings["database"]["url_file"] = secret.name
    gate.write_config()
    with called("HeadgateDatabaseNotWritable", gate) as operator:
        if cause == "read-only":
            own_postgres.execute("ALTER ROLE first SET default_transaction_read_only = on")
        else:
            own_postgres.execute("ALTER ROLE first PASSWORD 'after'")
        own_postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'first'")
        operator.is_called()
        status, words = operator.asks("curl ADDRESS/-/ready")
        assert status == 503
        if cause == "read-only":
            assert "read-only" in words
            operator.reads("point `database.url_file` at the primary: it is read anew at each connection")
            write("second", "other")
        else:
            operator.reads("write the new one into `database.url_file`; no restart is needed")
            write("first", "after")
        operator.is_done()


@contextmanager
def locked_out(operator: Operator, gate: Headgate, orders: Callable[..., Path]) -> Iterator[None]:
    """Give somebody an alert that another session's lock makes; what is read of its end is done in the end."""
    orders(gate.inbox / "orders-1.xlsx", 5)
    gate.until(lambda: gate.loaded_jobs() == 1, "the first is loaded", process=operator.process)
    with session(gate.database_url, "LOCK TABLE orders, headgate.job"):
        orders(gate.inbox / "orders-2.xlsx", 5, start=10)
        operator.is_called()
        yield
        gate.until(lambda: gate.scalar(END_BLOCKERS) != "0", "who holds the lock is seen while it is waited for")
        operator.is_done()
    gate.until(lambda: gate.loaded_jobs() == 2, "what waited is loaded", process=operator.process)


def test_callers_that_get_no_connection(called: Called, gate: Headgate, orders: Callable[..., Path]) -> None:
    with called("HeadgateDbPoolTimeouts", gate) as operator, locked_out(operator, gate, orders):
        asked = "SELECT pid, state, wait_event_type, query FROM pg_stat_activity WHERE application_name = 'headgate'"
        operator.reads(f"`{asked}`")
        gate.until(lambda: any("Lock" in row for row in gate.rows(asked)), "somebody waits for a lock")
        operator.reads("another session holds the target table")
        operator.reads("end it")


def test_callers_that_wait_for_a_connection(called: Called, gate: Headgate, orders: Callable[..., Path]) -> None:
    with called("HeadgateDbPoolWaitHigh", gate) as operator, locked_out(operator, gate, orders):
        operator.reads("Transactions got slower: look at the database (locks, disk, vacuum)")
        operator.reads("`Lock` waits: another session holds the table; end it")


def test_a_job_that_waits_for_long(called: Called, gate: Headgate, orders: Callable[..., Path]) -> None:
    gate.settings["database"]["lock_timeout_seconds"] = 1
    gate.settings["ledger"]["max_attempts"] = 1000
    gate.write_config()
    orders(gate.inbox / "orders-1.xlsx", 5)
    with called("HeadgateBacklogOld", gate) as operator:
        gate.until(lambda: gate.loaded_jobs() == 1, "the first is loaded", process=operator.process)
        with session(gate.database_url, "LOCK TABLE orders"):
            orders(gate.inbox / "orders-2.xlsx", 5, start=10)
            operator.is_called()
            operator.reads("Workers idle: the job waits for another attempt")
            gate.until(lambda: "lock" in operator.runs("headgate job ID", ID=2), "its reason is seen between tries")
            operator.reads("Mend that")
            gate.until(lambda: gate.scalar(END_BLOCKERS) != "0", "who holds the lock is seen while it is waited for")
            operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 2, "what waited is loaded", process=operator.process)


def test_a_server_that_runs_out_of_connections(called: Called, gate: Headgate, own_postgres: Any) -> None:
    """Another application opens transactions and forgets to end them."""
    own_postgres.stop()
    own_postgres.start(max_connections=30)
    gate.settings["resources"] = {"check_interval_seconds": 0.5}
    gate.write_config()
    with called("HeadgateDbServerConnectionsHigh", gate) as operator, ExitStack() as open_sessions:
        for _ in range(25):
            open_sessions.enter_context(session(gate.database_url, "SET LOCAL enable_sort = on"))
        operator.is_called()
        asked = "SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC"
        operator.reads(f"`{asked}`")
        assert gate.rows(asked)[0] == ("shop", "idle in transaction", "25")
        operator.reads(f"it forgets to commit; end its sessions (`{IDLE}`)")
        own_postgres.execute(IDLE.replace("NAME", "shop"))
        operator.is_done()


def test_connections_that_cannot_be_counted(
    called: Called, tmp_path: Path, own_postgres: Any, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    """Somebody hardened the server: the daemon's user sees nobody's connections any more."""
    own_postgres.execute("CREATE ROLE loader LOGIN")
    own_postgres.execute("GRANT CREATE ON DATABASE postgres TO loader")
    own_postgres.execute("GRANT ALL ON SCHEMA public TO loader")
    gate = headgate_at(tmp_path / "headgate", own_postgres.url().replace("headgate@", "loader@"))
    gate.settings["resources"] = {"check_interval_seconds": 0.5}
    gate.write_config()
    with called("HeadgateCollectorFailed", gate) as operator:
        own_postgres.execute("REVOKE SELECT ON pg_stat_activity FROM PUBLIC")
        operator.is_called()
        operator.reads("`journalctl -u headgate -g collector`")
        gate.tells("collector failed")
        gate.tells("permission denied")
        operator.reads("may not read `pg_stat_activity` (`GRANT SELECT ON pg_stat_activity TO USER`)")
        own_postgres.execute("GRANT SELECT ON pg_stat_activity TO loader")
        operator.is_done()


def test_a_connection_that_is_held(called: Called, gate: Headgate, orders: Callable[..., Path]) -> None:
    gate.settings["database"]["leak_seconds"] = 1
    gate.write_config()
    orders(gate.inbox / "orders-1.xlsx", 5)
    with called("HeadgateDbPoolLeak", gate) as operator:
        gate.until(lambda: gate.loaded_jobs() == 1, "the first is loaded", process=operator.process)
        with session(gate.database_url, "LOCK TABLE orders"):
            orders(gate.inbox / "orders-2.xlsx", 5, start=10)
            operator.is_called()
            operator.reads("`journalctl -u headgate -g 'held too long'` shows the stack")
            gate.tells("held too long")
            operator.reads("the statement is blocked: find it in `pg_stat_activity` and end what blocks it")
            gate.until(lambda: gate.scalar(END_BLOCKERS) != "0", "who holds the lock is seen while it is waited for")
            operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 2, "what waited is loaded", process=operator.process)


def test_jobs_that_wait_for_room(
    called: Called,
    gate: Headgate,
    own_postgres: Any,
    small_disk: Callable[[Path, int], SmallDisk],
    orders: Callable[..., Path],
) -> None:
    disk = small_disk(own_postgres.folder / "small", 24)
    own_postgres.add_tablespace("small", disk.folder)
    own_postgres.execute(
        "CREATE TABLE orders (order_no text PRIMARY KEY USING INDEX TABLESPACE small, buyer text, quantity bigint, "
        "price numeric(12,2)) TABLESPACE small"
    )
    with called("HeadgateJobsWaiting", gate) as operator:
        disk.fill()
        orders(gate.inbox / "orders-1.xlsx", 2000)
        operator.is_called()
        gate.until(
            lambda: "waits:" in operator.runs("headgate jobs --state queued"), "its reason is seen between tries"
        )
        operator.reads("Mend it; the jobs are tried again by themselves within half a minute")
        disk.clear()
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what waited is loaded", process=operator.process)
