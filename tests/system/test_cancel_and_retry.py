"""Cancelled jobs end with their worker; cancelled and dead ones can be tried again, from the file that was kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api
from gates import WAIT_AT_GATE, Gate
from postgres_server import locked_table

if TYPE_CHECKING:
    from .conftest import Headgate


def gated(headgate: Headgate, **settings: Any) -> Headgate:
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + WAIT_AT_GATE, encoding="utf-8")
    headgate.settings["executors"] = {"cpu_workers": 1}
    for section, values in settings.items():
        headgate.settings.setdefault(section, {}).update(values)
    headgate.write_config()
    return headgate


def counted(headgate: Headgate, outcome: str) -> float:
    text = headgate.get(f"{headgate.exporter_url}/metrics")[1]
    wanted = f'headgate_ingest_jobs_total{{dataset="orders",outcome="{outcome}"}} '
    return next(float(line.removeprefix(wanted)) for line in text.splitlines() if line.startswith(wanted))


def test_a_running_job_is_cancelled_with_its_worker_and_retried(
    headgate: Headgate, gate: Gate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    gated(headgate)
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    running, *waiting = [
        api.submit(orders(tmp_path / f"o{number}.xlsx", 5, start=number * 100).read_bytes()).json["id"]
        for number in range(6)
    ]
    headgate.until(lambda: len(gate.waiting()) == 1, "a worker waits at the gate", process=process)
    (worker,) = gate.waiting()

    queued = api(f"/jobs/{waiting[-1]}/cancel", method="POST")
    assert (queued.status, queued.json["state"]) == (200, "cancelled")
    assert api(f"/jobs/{waiting[-1]}/cancel", method="POST").status == 409
    asked = api(f"/jobs/{running}/cancel", method="POST")
    assert (asked.status, asked.json["state"]) == (202, "running")
    assert api.wait(running)["state"] == "cancelled"
    headgate.until(lambda: worker not in gate.waiting(), "the worker is gone", process=process)
    assert api(f"/jobs/{waiting[0]}/retry", method="POST").status == 409

    gate.open()
    for job in (running, waiting[-1]):
        again = api(f"/jobs/{job}/retry", method="POST")
        assert (again.status, again.json["state"], again.json["attempt"]) == (200, "queued", 0)
    assert [api.wait(job)["state"] for job in (running, *waiting)] == ["loaded"] * 6
    told = [event["event"] for event in api(f"/jobs/{running}").json["events"]]
    events = [event for event in told if event != "loading"]  # told only of a parse that took its time
    assert events == ["queued", "running", "cancel_requested", "cancelled", "retried", "running", "loaded"]
    assert headgate.scalar("SELECT count(*) FROM orders") == "30"
    headgate.until(
        lambda: (counted(headgate, "cancelled"), counted(headgate, "loaded")) == (2.0, 6.0),
        "all are counted",
        process=process,
    )
    headgate.tells("api call")
    assert headgate.stop(process) == 0


def test_a_job_is_cancelled_through_another_daemon(
    headgate_at: Callable[[Path, str], Headgate],
    gate: Gate,
    tmp_path: Path,
    postgres_database: str,
    orders: Callable[..., Path],
) -> None:
    first = gated(headgate_at(tmp_path / "first", postgres_database), ledger={"beat_seconds": 0.2})
    second = gated(headgate_at(tmp_path / "second", postgres_database))
    processes = [daemon.start_ready() for daemon in (first, second)]
    job = Api(first.api_url, first.token).submit(orders(tmp_path / "o.xlsx", 5).read_bytes()).json["id"]
    first.until(lambda: len(gate.waiting()) == 1, "a worker waits at the gate", process=processes[0])
    other = Api(second.api_url, second.token)
    assert other(f"/jobs/{job}/cancel", method="POST").status == 202
    assert other.wait(job)["state"] == "cancelled"
    first.until(lambda: not gate.waiting(), "the worker is gone", process=processes[0])
    assert [daemon.stop(process) for daemon, process in zip((first, second), processes, strict=True)] == [0, 0]


@pytest.mark.parametrize("asked", ["its daemon", "another one"])
def test_a_job_is_cancelled_while_its_load_waits_for_the_table(
    headgate_at: Callable[[Path, str], Headgate],
    tmp_path: Path,
    postgres_database: str,
    orders: Callable[..., Path],
    asked: str,
) -> None:
    """The load holds the job's row for as long: whoever cancels the job must not wait for it."""
    loading, other = (headgate_at(tmp_path / name, postgres_database) for name in ("loading", "other"))
    loading.settings["ledger"] |= {"beat_seconds": 0.2}
    loading.write_config()
    processes = [daemon.start_ready() for daemon in (loading, other)]
    api = Api(loading.api_url, loading.token)
    assert api.wait(api.submit(orders(tmp_path / "first.xlsx", 5).read_bytes()).json["id"])["state"] == "loaded"
    with locked_table(postgres_database, "orders"):
        job = api.submit(orders(tmp_path / "o.xlsx", 5, start=100).read_bytes()).json["id"]
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"
        loading.until(lambda: loading.scalar(waits) == "1", "the load waits for the table", process=processes[0])
        began = time.monotonic()
        people = api if asked == "its daemon" else Api(other.api_url, other.token)
        told = people(f"/jobs/{job}/cancel", method="POST")
        assert (told.status, told.json["state"]) == (202, "running")
        assert api.wait(job)["state"] == "cancelled"
        assert time.monotonic() - began < 10, "no lock was waited for"
    events = [event["event"] for event in api(f"/jobs/{job}").json["events"] if event["event"] != "loading"]
    assert events == ["queued", "running", "cancel_requested", "cancelled"]
    assert api(f"/jobs/{job}/retry", method="POST").status == 200
    assert api.wait(job)["state"] == "loaded"
    assert loading.scalar("SELECT count(*) FROM orders") == "10"
    assert [daemon.stop(process) for daemon, process in zip((loading, other), processes, strict=True)] == [0, 0]


def test_a_dead_job_is_retried_when_the_cause_is_gone(
    headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    first = api.submit(orders(tmp_path / "first.xlsx", 5).read_bytes()).json["id"]
    assert api.wait(first)["state"] == "loaded"
    headgate.execute("ALTER TABLE orders RENAME COLUMN price TO cost")
    job = api.submit(orders(tmp_path / "o.xlsx", 5, start=100).read_bytes()).json["id"]
    dead = api.wait(job)
    assert (dead["state"], dead["errors_total"]) == ("dead", 1)
    headgate.execute("ALTER TABLE orders RENAME COLUMN cost TO price")
    assert api(f"/jobs/{job}/retry", method="POST").status == 200
    assert api.wait(job)["state"] == "loaded"
    assert headgate.scalar("SELECT count(*) FROM orders") == "10"
    assert api(f"/jobs/{job}/retry", method="POST").status == 409
    assert headgate.stop(process) == 0
