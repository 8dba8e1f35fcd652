"""Behind a real pgbouncer, in both modes: all is loaded once, and nothing is left for a connection's next user."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from pgbouncer import PgBouncer, running_pgbouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS = 6, 2500
LEFT = (
    "SELECT current_setting('lock_timeout') || '/' || (SELECT count(*) FROM pg_prepared_statements) || '/' || "
    "(SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema()) || '/' || "
    "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
)


@pytest.fixture(params=["transaction", "session"])
def pooler(request: pytest.FixtureRequest, pgbouncer_binary: Path, postgres: Any) -> Iterator[PgBouncer]:  # noqa: ARG001
    with running_pgbouncer(postgres.port, request.param, connections=3 if request.param == "transaction" else 12) as it:
        yield it


def _left(pooler: PgBouncer, database: str) -> set[str]:
    """Say what another application finds on the connections that the pooler gives it, several at once."""
    url = pooler.url(database).replace("+asyncpg", "")
    asking = [
        subprocess.Popen(
            ["psql", url, "-XqAt", "-c", f"BEGIN; {LEFT}; SELECT pg_sleep(0.5); COMMIT"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    return {str(one.communicate(timeout=110)[0].splitlines()[0]) for one in asking}


def test_everything_is_loaded_once_and_nothing_is_left_behind(
    pooler: PgBouncer,
    postgres_database: str,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    name = postgres_database.rpartition("/")[2]
    headgate = headgate_at(tmp_path / "headgate", postgres_database)
    headgate.settings["database"] |= {"url": pooler.url(name), "pool_size": 4, "max_overflow": 2}
    headgate.write_config()
    process = headgate.start_ready()
    for number in range(FILES):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS // 2)
    headgate.until(lambda: headgate.all_finished(FILES), "every job has ended", seconds=120, process=process)
    assert {(job["state"], job["reason"]) for job in headgate.jobs()} == {("loaded", None)}
    count = ROWS + (FILES - 1) * ROWS // 2
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == f"{count}/{count}"
    assert _left(pooler, name) == {"0/0/0/0"}
    pooler.stop()
    headgate.until(lambda: not headgate.ready(), "readiness says that the pooler is gone", process=process)
    pooler.start()
    headgate.until(headgate.ready, "it is ready again", process=process)
    assert headgate.stop(process) == 0
    assert "prepared statement" not in headgate.log.read_text()


def test_a_pooler_without_a_free_connection_is_waited_for_in_its_time(
    pgbouncer_binary: Path,  # noqa: ARG001
    postgres: Any,
    postgres_database: str,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
) -> None:
    """The pooler takes connections at once, and lets their first statement wait: that is bounded, too."""
    name = postgres_database.rpartition("/")[2]
    with running_pgbouncer(postgres.port, "session", connections=1) as pooler:
        url = pooler.url(name).replace("+asyncpg", "")
        holding = subprocess.Popen(["psql", url, "-XqAt", "-c", "SELECT pg_sleep(600)"])
        try:
            headgate = headgate_at(tmp_path / "headgate", postgres_database)
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(600)'"
            headgate.until(lambda: headgate.scalar(asleep) == "1", "the pooler's only connection is taken")
            headgate.settings["database"] |= {"url": pooler.url(name), "connect_timeout_seconds": 2}
            headgate.write_config()
            done = headgate.command("run", "-c", headgate.config, timeout=60)
            assert done.returncode == 3, done.stderr
            assert "no answer" in done.stderr
            assert "Traceback" not in done.stderr
        finally:
            holding.kill()
            holding.wait(10)
