"""A daemon about itself over HTTP: the field names of the replaced system, with numbers that move."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from postgres_server import Postgres

    from .conftest import Headgate

PATHS = ("system/resource-usage", "system/executor-stats", "system/db-pool-stats", "health")


def ask(headgate: Headgate, path: str, status: int = 200) -> Any:
    answered, body = headgate.get(f"{headgate.api_url}/{path}", headgate.token)
    assert answered == status, body
    return json.loads(body)


def test_real_numbers_under_the_names_of_the_replaced_system(headgate: Headgate) -> None:
    process = headgate.start_ready()
    usage = ask(headgate, "system/resource-usage")
    assert 0 <= usage["cpu_usage"] <= 100
    assert 0 < usage["memory_usage"] < 100
    assert usage["process_count"] == pytest.approx(len(psutil.pids()), rel=0.5)
    assert usage["thread_count"] >= usage["process_count"]
    executors = ask(headgate, "system/executor-stats")
    cores = max(1, len(os.sched_getaffinity(0)) - 1)
    assert 1 <= executors["cpu_executor"]["max_workers"] <= cores
    assert 5 <= executors["io_executor"]["max_workers"] <= 20
    assert executors["cpu_executor"]["active_tasks"] == 0
    pool = ask(headgate, "system/db-pool-stats")
    assert (pool["size"], pool["max_overflow"], pool["overflow"]) == (10, 10, 0)
    assert 0 <= pool["checked_out"] <= pool["size"]
    assert pool["checked_out"] + pool["checked_in"] >= 1
    health = ask(headgate, "health")
    checks = dict.fromkeys(("cpu_executor", "io_executor", "database"), "ok")
    assert health == {"status": "ok", "checks": {**checks, "cluster": None}}
    for path in PATHS:
        assert headgate.get(f"{headgate.api_url}/{path}")[0] == 401
        assert headgate.get(f"{headgate.api_url}/{path}", "wrong")[0] == 401
    document = json.loads(headgate.get(f"{headgate.api_url}/openapi.json")[1])
    for path in PATHS:
        schema = document["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]["content"]["application/json"][
            "schema"
        ]
        component = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        assert set(component["required"]) == set(ask(headgate, path))
    assert headgate.stop(process) == 0


def test_the_use_of_the_cpu_is_seen(sqlite_headgate: Headgate) -> None:
    process = sqlite_headgate.start_ready()
    burn = "import time\nend = time.monotonic() + 6\nwhile time.monotonic() < end: pass"
    burning = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(2)]
    try:
        time.sleep(1)
        usage = ask(sqlite_headgate, "system/resource-usage")
    finally:
        for child in burning:
            child.kill()
            child.wait(10)
    # In a control group of their own, the workers of others are not its use.
    assert usage["scope"] == "cgroup" or usage["cpu_usage"] > 20
    assert usage["window_seconds"] >= 0.5
    assert sqlite_headgate.stop(process) == 0


def test_a_task_at_work_is_seen(sqlite_headgate: Headgate, orders: Callable[..., Path], tmp_path: Path) -> None:
    process = sqlite_headgate.start_ready()
    orders(tmp_path / "orders.xlsx", 60_000).replace(sqlite_headgate.inbox / "orders.xlsx")
    seen: list[int] = []

    def active() -> bool:
        seen.append(ask(sqlite_headgate, "system/executor-stats")["cpu_executor"]["active_tasks"])
        return seen[-1] == 1

    sqlite_headgate.until(active, "a worker is at work", process=process)
    sqlite_headgate.until(lambda: sqlite_headgate.all_finished(1), "the file is loaded", process=process)
    assert ask(sqlite_headgate, "system/executor-stats")["cpu_executor"]["active_tasks"] == 0
    assert sqlite_headgate.stop(process) == 0


def test_many_who_ask_for_health_at_once_are_served(sqlite_headgate: Headgate) -> None:
    process = sqlite_headgate.start_ready()
    answers: list[int] = []

    def health() -> None:
        answers.append(sqlite_headgate.get(f"{sqlite_headgate.api_url}/health", sqlite_headgate.token)[0])

    threads = [threading.Thread(target=health) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [200] * 10
    assert sqlite_headgate.stop(process) == 0


def test_a_database_that_is_gone_is_not_healthy(
    headgate_at: Callable[[Path, str], Headgate], own_postgres: Postgres, tmp_path: Path
) -> None:
    headgate = headgate_at(tmp_path / "one", own_postgres.url())
    process = headgate.start_ready()
    assert ask(headgate, "health")["checks"]["database"] == "ok"
    own_postgres.stop("immediate")
    problem = ask(headgate, "health", 503)
    assert problem["checks"]["cpu_executor"] == problem["checks"]["io_executor"] == "ok"
    assert problem["checks"]["database"] != "ok"
    assert "postgres" not in json.dumps(problem), "a problem names no host"
    own_postgres.start()
    headgate.until(lambda: headgate.get(f"{headgate.api_url}/health", headgate.token)[0] == 200, "healthy again")
    assert headgate.stop(process) == 0
