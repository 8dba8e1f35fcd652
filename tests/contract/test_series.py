"""The exported series: few, named as Prometheus wants them, and the same before and after work."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from daemon import resources
from daemon.collectors import (
    Collectors,
    backlog_metrics,
    database_metrics,
    executor_metrics,
    group_metrics,
    loop_metrics,
    system_metrics,
)
from daemon.database import Database
from daemon.executors import Executors
from daemon.job_queries import BacklogSnapshot
from daemon.loopwatch import LoopWatch
from daemon.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path

DATASETS = [f"dataset_{number}" for number in range(20)]


@pytest.fixture
async def exposition(tmp_path: Path) -> str:
    """What a daemon with 20 datasets exports, from the real parts."""
    metrics = Metrics()
    metrics.set_datasets(DATASETS)
    metrics.set_thresholds(cpu=0.8, memory=0.85)
    metrics.configuration_taken()
    collectors = Collectors(metrics.registry)
    cgroup, group = resources.find_cgroup(), resources.ProcessGroup("daemon")
    executors = Executors(
        cpu_workers=1,
        io_workers=1,
        queue_limit=10,
        queue_timeout_seconds=1,
        task_timeout_seconds=10,
        worker_memory_bytes=1 << 30,
        worker_cpu_seconds=10,
        recycle_tasks=10,
        recycle_bytes=1 << 30,
        idle_seconds=10,
        start_timeout_seconds=10,
    )
    database = Database(
        url=f"sqlite+aiosqlite:///{tmp_path / 'x.db'}",
        pool_size=1,
        max_overflow=0,
        pool_timeout_seconds=1,
        leak_seconds=1,
        connect_timeout_seconds=1,
    )
    async with database:
        collectors.add("executors", lambda: executor_metrics(executors.stats()))
        collectors.add("database", lambda: database_metrics(database.stats()))
        collectors.add("loop", lambda: loop_metrics(LoopWatch().stats()))
        collectors.add(
            "backlog", lambda: backlog_metrics(BacklogSnapshot(jobs=0, bytes=0, oldest_at=None, dead_jobs=0))
        )
        collectors.add("system", lambda: system_metrics(cgroup, 2.0))
        collectors.add("groups", lambda: group_metrics([group.use(resources.own_pid())]))
        return generate_latest(metrics.registry).decode()


def test_the_collectors_succeed(exposition: str) -> None:
    successes = [line for line in exposition.splitlines() if line.startswith("headgate_scrape_collector_success{")]
    assert len(successes) == 6
    assert all(line.endswith(" 1.0") for line in successes), successes


def test_under_1500_series_with_20_datasets(exposition: str) -> None:
    families = list(text_string_to_metric_families(exposition))
    assert 300 < sum(len(family.samples) for family in families) < 1500


def test_no_histogram_has_a_dataset(exposition: str) -> None:
    histograms = [family for family in text_string_to_metric_families(exposition) if family.type == "histogram"]
    assert len(histograms) > 5
    for family in histograms:
        assert all("dataset" not in sample.labels for sample in family.samples), family.name


def test_own_metrics_have_the_prefix_and_a_help_text(exposition: str) -> None:
    for family in text_string_to_metric_families(exposition):
        assert family.name.startswith(("headgate_", "process_", "python_")), family.name
        assert family.documentation, family.name


def test_promtool_finds_nothing_to_say(exposition: str, promtool: Path) -> None:
    done = subprocess.run(
        [promtool, "check", "metrics"], input=exposition, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
