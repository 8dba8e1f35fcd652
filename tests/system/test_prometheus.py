"""A real Prometheus with the shipped configuration scrapes a real daemon."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_server import Prometheus, running_prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate


@pytest.fixture
def prometheus(
    sqlite_headgate: Headgate, prometheus_binary: Path, free_port: Callable[[], int]
) -> Iterator[Prometheus]:
    target = sqlite_headgate.exporter_url.removeprefix("http://")
    with running_prometheus(prometheus_binary, sqlite_headgate.folder, target=target, port=free_port()) as server:
        yield server


def test_the_target_is_up_and_a_loaded_workbook_is_seen(
    sqlite_headgate: Headgate, prometheus: Prometheus, orders: Callable[..., Path]
) -> None:
    process = sqlite_headgate.start_ready()

    def up() -> bool:
        targets = prometheus.ask("targets")["activeTargets"]
        return [target["health"] for target in targets if target["labels"]["job"] == "headgate"] == ["up"]

    sqlite_headgate.until(up, "the target is up", process=process)
    orders(sqlite_headgate.inbox / "orders.xlsx", 25, bad=(3,))

    def inserted() -> bool:
        found = prometheus.query('headgate_ingest_rows_total{dataset="orders",result="inserted"}')
        return [one["value"][1] for one in found] == ["24"]

    sqlite_headgate.until(inserted, "Prometheus has seen 24 rows", process=process)
    groups = prometheus.ask("rules")["groups"]
    assert {"HeadgateDown", "HeadgateRowsUnaccounted"} <= {rule["name"] for group in groups for rule in group["rules"]}

    def unwell() -> dict[str, str]:
        # Groups with an interval of their own are long in coming.
        groups = prometheus.ask("rules")["groups"]
        found = [
            (rule, ["ok"] if group["interval"] < 60 else ["ok", "unknown"])
            for group in groups
            for rule in group["rules"]
        ]
        return {rule["name"]: rule.get("lastError", "") for rule, fine in found if rule["health"] not in fine}

    sqlite_headgate.until(lambda: not unwell(), "every rule has been evaluated without an error", problem=unwell)
    assert sqlite_headgate.stop(process) == 0


def test_promtool_has_nothing_to_say_about_a_running_daemon(
    headgate: Headgate, promtool: Path, orders: Callable[..., Path]
) -> None:
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", 25, bad=(3,))
    headgate.until(lambda: headgate.all_finished(1), "the file is loaded", process=process)
    status, body = headgate.get(f"{headgate.exporter_url}/metrics")
    assert status == 200
    done = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert headgate.stop(process) == 0


def test_work_makes_no_new_series(headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Whatever can be known is there at 0 from the start: a rate over a new series misses its first step."""
    process = headgate.start_ready()

    def series() -> set[str]:
        status, page = headgate.get(f"{headgate.exporter_url}/metrics")
        assert status == 200
        return {line.rpartition(" ")[0] for line in page.splitlines() if not line.startswith("#")}

    before = series()
    orders(headgate.inbox / "orders.xlsx", 25, bad=(3,))
    orders(headgate.inbox / "orders-again.xlsx", 25, bad=(3,))
    (headgate.inbox / "unknown.xlsx").write_bytes(b"of no dataset")
    headgate.until(lambda: headgate.all_finished(3), "the files are dealt with", process=process)
    (headgate.inbox / "orders-broken.xlsx").write_bytes(b"PK no workbook")
    headgate.until(lambda: headgate.all_finished(4), "the dataset's latest error is this one's", process=process)
    headgate.get(f"{headgate.api_url}/health", headgate.token)
    # The latest error of a dataset is one series that takes the error's name.
    named = "headgate_dataset_last_error_timestamp_seconds"
    latest = f'{named}{{code="file.format_unknown",dataset="orders"}}'
    headgate.until(lambda: latest in series(), "the metrics have it", process=process)
    after = series()
    assert {one for one in after if not one.startswith(named)} == {one for one in before if not one.startswith(named)}
    assert {one for one in before if one.startswith(named)} == {
        f'{named}{{code="none",dataset="{name}"}}' for name in ("orders", "_unmatched", "_other")
    }
    assert {one for one in after if one.startswith(named)} == {
        f'{named}{{code="{code}",dataset="{name}"}}'
        for name, code in (("orders", "file.format_unknown"), ("_unmatched", "file.no_spec"), ("_other", "none"))
    }
    assert headgate.stop(process) == 0


def test_the_application_beside_it_is_measured(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    (headgate.folder / "application.pid").write_text(f"{os.getpid()}\n")
    headgate.settings["watch"] = [
        {"name": "application", "pidfile": "application.pid"},
        {"name": "absent", "process": "no-such-program-anywhere"},
    ]
    headgate.write_config()
    process = headgate.start_ready()
    _, page = headgate.get(f"{headgate.exporter_url}/metrics")
    numbers = dict(line.rsplit(" ", 1) for line in page.splitlines() if line.startswith("headgate_group_"))
    # The daemon is a child of the test: an application's descendants belong to it.
    assert float(numbers['headgate_group_processes{group="application"}']) >= 2
    assert float(numbers['headgate_group_resident_bytes{group="application"}']) > 50e6
    assert float(numbers['headgate_group_cpu_seconds_total{group="application"}']) > 0
    assert float(numbers['headgate_group_open_fds{group="daemon"}']) > 5
    assert float(numbers['headgate_group_processes{group="absent"}']) == 0
    assert headgate.stop(process) == 0
