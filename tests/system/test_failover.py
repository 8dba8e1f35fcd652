"""The primary server dies below the running daemon and a standby takes its place; or it has no connection to give."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api
from postgres_server import psql_program
from silent_proxy import threaded_proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS = 8, 3000


def settle(headgate: Headgate) -> None:
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 30}
    headgate.settings["database"] |= {"connect_timeout_seconds": 3, "statement_timeout_seconds": 3}
    headgate.add_without_key()
    headgate.write_config()


@contextlib.contextmanager
def by_url_file(headgate: Headgate, primary: Any, standby: Any) -> Iterator[Callable[[], None]]:
    """Somebody writes where the database is now."""
    secret = headgate.folder / "database.url"

    def lead_to(server: Any) -> None:
        secret.write_text(server.url())
        secret.chmod(0o600)

    lead_to(primary)
    headgate.settings["database"] = {"url_file": secret.name}
    yield lambda: lead_to(standby)


@contextlib.contextmanager
def by_proxy(headgate: Headgate, primary: Any, standby: Any) -> Iterator[Callable[[], None]]:
    """The address stays, and leads elsewhere."""
    with threaded_proxy(primary.port) as proxy:
        url = primary.url().replace(f":{primary.port}/", f":{proxy.port}/")
        headgate.settings["database"] = {"url": url}
        yield lambda: proxy.lead_to(standby.port)


@pytest.mark.parametrize("way", [by_url_file, by_proxy])
def test_a_standby_takes_the_place_of_its_primary(
    own_postgres: Any,
    own_standby: Any,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
    way: Callable[..., contextlib.AbstractContextManager[Callable[[], None]]],
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    with way(headgate, own_postgres, own_standby) as fail_over:
        settle(headgate)
        process = headgate.start_ready()
        for number in range(FILES):
            orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
        headgate.until(lambda: headgate.loaded_jobs() > 0, "loading has begun", process=process)
        own_postgres.stop("immediate")
        headgate.until(lambda: "cannot be reached" in headgate.why_not_ready(), "it says why", process=process)
        headgate.database_url = own_standby.url()
        fail_over()
        headgate.until(lambda: "read-only" in headgate.why_not_ready(), "the standby takes nothing", process=process)
        assert headgate.metric("headgate_db_errors_total", **{"class": "read_only"}) > 0
        assert headgate.metric("headgate_db_up") == 0
        orders(headgate.inbox / "orders-meanwhile.xlsx", ROWS, start=FILES * ROWS)
        time.sleep(2)
        own_standby.promote()
        headgate.until(lambda: headgate.loaded_jobs() == 1 + FILES, "everything is loaded", process=process)
        wanted = f"{(1 + FILES) * ROWS}/{(1 + FILES) * ROWS}"
        assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == wanted
        headgate.until(lambda: headgate.metric("headgate_db_up") == 1, "the next beat says so", process=process)
        assert headgate.stop(process) == 0


@contextlib.contextmanager
def every_place_taken(url: str) -> Iterator[None]:
    """Hold all connections that the server has left."""
    holders = []
    command = [psql_program(), url.replace("+asyncpg", ""), "-XqAt"]
    try:
        while True:
            psql = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            holders.append(psql)
            assert psql.stdin is not None
            assert psql.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                psql.stdin.write("SELECT 'in';\n")
                psql.stdin.flush()
            if not psql.stdout.readline():
                break
        yield
    finally:
        for psql in holders:
            psql.kill()
            psql.wait(10)
            for pipe in (psql.stdin, psql.stdout):
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()  # type: ignore[union-attr]  # both are pipes


def test_a_server_whose_connections_others_hold_is_waited_for(
    own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    own_postgres.stop()
    own_postgres.start(max_connections=16)
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    settle(headgate)
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-0.xlsx", ROWS)
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    process.send_signal(signal.SIGSTOP)
    own_postgres.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'headgate'"
    )
    with every_place_taken(own_postgres.url()):
        process.send_signal(signal.SIGCONT)
        headgate.until(lambda: "too many clients" in headgate.why_not_ready(), "it says why", process=process)
        assert headgate.metric("headgate_db_errors_total", **{"class": "resources"}) > 0
        orders(headgate.inbox / "orders-1.xlsx", ROWS, start=ROWS)
        time.sleep(3)
        assert process.poll() is None
    headgate.until(lambda: headgate.loaded_jobs() == 2, "the second is loaded", process=process)
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == f"{2 * ROWS}/{2 * ROWS}"
    headgate.until(headgate.ready, "it is ready again", process=process)
    assert {job["attempt"] for job in headgate.jobs()} == {1}
    assert headgate.stop(process) == 0


def test_a_claim_whose_answer_was_lost_is_given_back(headgate: Headgate, orders: Callable[..., Path]) -> None:
    """The ledger says that this daemon runs the job, and the daemon has never heard of it."""
    ours, schema = ("headgate_", "") if headgate.database_url.startswith("sqlite") else ("headgate.", "public.")
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 30}
    headgate.write_config()
    headgate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-0.xlsx", 5)
    headgate.until(lambda: headgate.all_finished(1), "its table lacks a column", process=process)
    assert headgate.jobs()[0]["state"] == "dead"
    headgate.execute(f"ALTER TABLE {schema}orders ADD COLUMN buyer text")
    headgate.execute(
        f"UPDATE {ours}job SET state = 'running', attempt = 1, finished_at = NULL, lease_token = 'nobody', "
        f"lease_daemon = (SELECT id FROM {ours}daemon)"
    )
    headgate.until(lambda: headgate.all_loaded(1), "it was given back and loaded", process=process)
    assert headgate.jobs()[0]["attempt"] == 1
    assert headgate.scalar("SELECT count(*) FROM orders") == "5"
    assert "claims without an answer given back jobs=1" in headgate.log.read_text()
    assert headgate.stop(process) == 0


WAITING = (
    """CREATE FUNCTION wait_for_standby() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM set_config('synchronous_commit', 'on', true); RETURN NULL; END $$""",
    "CREATE TRIGGER wait AFTER INSERT ON headgate.job EXECUTE FUNCTION wait_for_standby()",
    "ALTER SYSTEM SET synchronous_commit = local",
    "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
    "SELECT pg_reload_conf()",
)
"""Only the COMMIT of an entry waits for a standby, and that for ever: it is done, and nobody says so."""


@pytest.mark.parametrize("by", ["http", "folder"])
def test_an_entry_whose_answer_was_lost_keeps_its_file(
    own_postgres: Any,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
    by: str,
) -> None:
    """The ledger has the job, and whoever handed it in has got an error: nothing is lost, and nothing doubles."""
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    settle(headgate)
    process = headgate.start_ready()
    for statement in WAITING:
        own_postgres.execute(statement)
    workbook = orders(tmp_path / "orders.xlsx", 5)
    api, answers = Api(headgate.api_url, headgate.token), []

    def hand_in() -> None:
        answers.append(api.submit(workbook.read_bytes(), Idempotency_Key="one"))

    if by == "folder":
        (headgate.inbox / "orders.xlsx").write_bytes(workbook.read_bytes())
    else:
        sender = threading.Thread(target=hand_in)
        sender.start()
    waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    headgate.until(lambda: headgate.scalar(f"SELECT count(*) {waiting}") == "1", "the COMMIT waits", process=process)
    own_postgres.execute(f"SELECT pg_terminate_backend(pid) {waiting}")
    own_postgres.execute("ALTER SYSTEM RESET synchronous_standby_names")
    own_postgres.execute("SELECT pg_reload_conf()")
    headgate.until(lambda: headgate.all_loaded(1), "it is loaded", process=process)
    if by == "http":
        sender.join(20)
        assert answers[0].status == 503, answers[0].json
        hand_in()
        assert (answers[1].status, answers[1].json["id"]) == (200, headgate.jobs()[0]["id"])
    assert "entry without an answer" in headgate.log.read_text()
    assert [job["state"] for job in headgate.jobs()] == ["loaded"]
    assert headgate.scalar("SELECT count(*) FROM orders") == "5"
    assert headgate.stop(process) == 0
