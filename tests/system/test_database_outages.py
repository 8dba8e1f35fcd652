"""Whatever the database does, the daemon stays, says so and goes on by itself: real servers, standbys, passwords."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from silent_proxy import threaded_proxy

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

ROWS = 300


def assert_loaded_once(headgate: Headgate, files: int) -> None:
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == (
        f"{files * ROWS}/{files * ROWS}"
    )
    assert {job["attempt"] for job in headgate.jobs()} == {1}, "what was the database's fault has spent no attempt"


def settle(headgate: Headgate) -> Headgate:
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 30}
    headgate.settings["database"] |= {"statement_timeout_seconds": 3, "connect_timeout_seconds": 3}
    headgate.write_config()
    return headgate


@pytest.fixture
def server(own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]) -> Headgate:
    """A daemon on a server of its own."""
    return settle(headgate_at(tmp_path / "headgate", own_postgres.url()))


def begin(headgate: Headgate, orders: Callable[..., Path]) -> subprocess.Popen[bytes]:
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-first.xlsx", ROWS)
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    assert headgate.metric("headgate_ready") == headgate.metric("headgate_db_up") == 1
    return process


def test_a_server_that_turns_read_only_is_waited_for(
    server: Headgate, own_postgres: Any, orders: Callable[..., Path]
) -> None:
    headgate, process = server, begin(server, orders)
    own_postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    own_postgres.execute("SELECT pg_reload_conf()")
    headgate.until(lambda: "read-only" in headgate.why_not_ready(), "readiness says why", process=process)
    assert headgate.metric("headgate_db_up") == 0
    assert headgate.metric("headgate_db_errors_total", **{"class": "read_only"}) > 0
    orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
    time.sleep(3)
    assert process.poll() is None
    told = headgate.log.read_text()
    assert told.count("waiting work=") < 8, "said when it begins, not each time"
    own_postgres.execute("ALTER SYSTEM RESET default_transaction_read_only")
    own_postgres.execute("SELECT pg_reload_conf()")
    headgate.until(lambda: headgate.all_loaded(2), "the second is loaded", process=process)
    headgate.until(lambda: headgate.metric("headgate_db_up") == 1, "the next beat says so", process=process)
    assert_loaded_once(headgate, 2)
    assert headgate.stop(process) == 0


def test_a_password_that_is_rotated_is_read_anew(
    own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    own_postgres.execute("CREATE ROLE loader LOGIN SUPERUSER PASSWORD 'before'")
    own_postgres.require_passwords("loader")
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    secret = headgate.folder / "database.url"

    def write(password: str) -> None:
        secret.write_text(own_postgres.url().replace("headgate@", f"loader:{password}@"))
        secret.chmod(0o600)

    write("before")
    headgate.settings["database"] = {"url_file": "database.url"}
    settle(headgate)
    process = begin(headgate, orders)
    own_postgres.execute("ALTER ROLE loader PASSWORD 'after'")
    own_postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'loader'")
    headgate.until(lambda: "lets nobody in" in headgate.why_not_ready(), "readiness says why", process=process)
    status, problem = headgate.get(f"{headgate.api_url}/jobs", headgate.token)
    assert status == 503, problem
    orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
    time.sleep(2)
    write("after")
    headgate.until(lambda: headgate.all_loaded(2), "the second is loaded", process=process)
    assert_loaded_once(headgate, 2)
    assert "after" not in headgate.log.read_text()
    assert headgate.stop(process) == 0


def test_a_database_that_is_renamed_away_is_waited_for(
    server: Headgate, own_postgres: Any, orders: Callable[..., Path]
) -> None:
    own_postgres.execute("CREATE DATABASE work")
    server.database_url = own_postgres.url("work")
    server.settings["database"]["url"] = server.database_url
    server.write_config()
    headgate, process = server, begin(server, orders)
    own_postgres.execute("ALTER DATABASE work WITH ALLOW_CONNECTIONS false")
    own_postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'work'")
    own_postgres.execute("ALTER DATABASE work RENAME TO away")
    headgate.until(lambda: "does not exist" in headgate.why_not_ready(), "readiness says why", process=process)
    own_postgres.execute("ALTER DATABASE away RENAME TO work")
    own_postgres.execute("ALTER DATABASE work WITH ALLOW_CONNECTIONS true")
    orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
    headgate.until(lambda: headgate.all_loaded(2), "the second is loaded", process=process)
    assert_loaded_once(headgate, 2)
    assert headgate.stop(process) == 0


def test_connections_that_fall_silent_are_replaced(
    own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    with threaded_proxy(own_postgres.port) as proxy:
        headgate = settle(headgate_at(tmp_path / "headgate", own_postgres.url()))
        headgate.settings["database"]["url"] = own_postgres.url().replace(str(own_postgres.port), str(proxy.port))
        headgate.write_config()
        process = begin(headgate, orders)
        assert proxy.silence() > 0
        orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
        headgate.until(lambda: headgate.loaded_jobs() == 2, "the second is loaded", seconds=40, process=process)

        def met() -> float:
            """Count those that were silent in use, and those that had rested: a look before their use finds these."""
            silent = headgate.metric("headgate_db_errors_total", **{"class": "silent"})
            return silent + headgate.metric("headgate_db_pool_invalidations_total")

        # The second one may have had new connections alone, while others still wait for an answer of the silent ones.
        headgate.until(lambda: met() > 0, "the silent ones are met", process=process)
        headgate.until(headgate.ready, "it is ready again", process=process)
        assert_loaded_once(headgate, 2)
        assert headgate.stop(process) == 0


def test_the_drain_ends_in_its_time_though_the_database_is_silent(
    own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    with threaded_proxy(own_postgres.port) as proxy:
        headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
        headgate.settings["database"]["url"] = own_postgres.url().replace(str(own_postgres.port), str(proxy.port))
        headgate.settings["shutdown"] = {"drain_seconds": 10}
        headgate.write_config()
        process = begin(headgate, orders)
        proxy.silence(new_ones_too=True)
        orders(headgate.inbox / "orders-second.xlsx", ROWS, start=10_000)
        time.sleep(1)
        asked_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        seconds = time.monotonic() - asked_at
        assert code == 0
        assert seconds < 10 + 10, "the drain's time, and what systemd gives beyond it"
        headgate.assert_nothing_left(process)
