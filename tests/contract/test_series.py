"""The exported series: few, named as Prometheus wants them, and the same before and after work."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from daemon.cluster.call import SpoolName
from daemon.cluster.cluster import Cluster
from daemon.config.executor_limits import ExecutorLimits
from daemon.config.settings import ExecutorSettings, Settings, SpoolSettings
from daemon.database.database import Database
from daemon.executors.executors import Executors
from daemon.ledger.queries import JobQueries
from daemon.lifecycle.certificates import Validity
from daemon.lifecycle.loop_watch import LoopWatch
from daemon.metrics import health_metrics
from daemon.metrics.catalogue import CATALOGUE, add_collectors
from daemon.metrics.collectors import Collectors
from daemon.metrics.job_metrics import Metrics
from daemon.metrics.page import render
from daemon.spool.shared import SharedSpool
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from postgres_server import Postgres

    from daemon.metrics.definitions import Definition

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
DATASETS = [f"dataset_{number}" for number in range(20)]
ANY_VALUE = {
    "dataset": (*DATASETS, "_unmatched", "_other"),
    "kind": ("task", "parse", "probe"),
    "application": ("headgate", "erp", "_other"),
    "folder": ("/in",),
    "source": ("shop",),
    "mailbox": ("loads",),
    "scope": ("cgroup",),
    "code": ("none",),
    "group": ("daemon", "cpu_workers"),
    "collector": (
        "executors",
        "cluster",
        "database",
        "database_server",
        "loop",
        "backlog",
        "disk",
        "spool",
        "system",
        "groups",
        "health",
    ),
}
"""What labels whose values the configuration decides have here."""


HELD = Validity(begins_at=0.0, ends_at=0.0)


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> str:
    """What a daemon with 20 datasets exports, from the real parts, before it has done anything."""
    postgres.execute("CREATE DATABASE series")
    try:
        return asyncio.run(_exported(tmp_path_factory.mktemp("series"), postgres.url("series")))
    finally:
        postgres.execute("DROP DATABASE series WITH (FORCE)")


async def _exported(folder: Path, url: str) -> str:
    metrics = Metrics()
    metrics.set_datasets(dict.fromkeys(DATASETS, 3600.0))
    metrics.set_thresholds(cpu=0.8, memory=0.85, disk=0.9)
    metrics.configuration_taken()
    metrics.folders.watched("/in", blind=False, look_limit_seconds=600)
    metrics.sources.configured("shop", look_limit_seconds=600, at=0)
    metrics.mails.begun("loads", at=0.0)
    limits = ExecutorLimits(
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
    executors = Executors(limits)
    settings = ExecutorSettings(engine="dask", scheduler="tcp://127.0.0.1:1")
    cluster = Cluster(settings, limits, SpoolName(ledger_id="ledger", spool_id="spool"))
    database = Database(
        url=url,
        pool_size=1,
        max_overflow=0,
        pool_timeout_seconds=30,
        leak_seconds=1,
        connect_timeout_seconds=30,
    )
    shared = SharedSpool.of(SpoolSettings(url=folder.as_uri()), "ledger")
    server = database.server_watch(("erp",), 60)
    assert server is not None
    async with database, server:
        parts = Collectors(metrics.registry)
        parts.add(
            "health",
            health_metrics.DEFINITIONS,
            lambda: health_metrics.health_metrics(
                None,
                None,
                clock_ahead_seconds=0.0,
                dropped_lines=0,
                certificates=dict.fromkeys(("api", "exporter"), HELD),
            ),
        )
        add_collectors(
            parts,
            Settings(),
            executors=executors,
            database=database,
            server=server,
            queries=JobQueries(database),
            loop=LoopWatch(),
            spool=Spool(folder, "daemon", shared=shared),
            cluster=cluster,
        )
        return generate_latest(metrics.registry).decode()


def test_the_collectors_succeed(exposition: str) -> None:
    successes = [line for line in exposition.splitlines() if line.startswith("headgate_scrape_collector_success{")]
    assert len(successes) == 11
    assert all(line.endswith(" 1.0") for line in successes), successes


def test_under_1500_series_with_20_datasets(exposition: str) -> None:
    """Of a daemon that parses by itself: a cluster is a pool more, of few daemons."""
    families = text_string_to_metric_families(exposition)
    samples = [sample for family in families for sample in family.samples]
    assert 300 < sum(sample.labels.get("pool") != "cluster" for sample in samples) < 1500


def test_what_is_exported_is_what_the_catalogue_says(exposition: str) -> None:
    defined = {definition.name for definition in CATALOGUE}
    families = [family for family in text_string_to_metric_families(exposition) if family.name.startswith("headgate_")]
    exported = {family.name + ("_total" if family.type == "counter" else ""): family for family in families}
    assert exported.keys() == defined
    assert len(CATALOGUE) == len(defined)
    for definition in CATALOGUE:
        family = exported[definition.name]
        assert (family.type, family.documentation) == (definition.kind, definition.meaning)
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == definition.labels.keys(), sample


@pytest.mark.parametrize("definition", CATALOGUE, ids=lambda definition: definition.name)
def test_every_series_is_there_before_anything_happens(definition: Definition, exposition: str) -> None:
    """Known label values make one series each; of the others one that is known stands for all."""
    if definition.name == "headgate_build_info":
        return
    if "pressure" in definition.name and not Path("/proc/pressure/cpu").exists():
        pytest.skip("this kernel counts no pressure")
    known = [values if isinstance(values, tuple) else ANY_VALUE[label] for label, values in definition.labels.items()]
    suffix = "_count" if definition.kind == "histogram" else ""
    lines = {line.rpartition(" ")[0] for line in exposition.splitlines()}
    for combination in itertools.product(*known):
        labels = zip(definition.labels, combination, strict=True)
        inside = ",".join(f'{label}="{value}"' for label, value in sorted(labels))
        series = definition.name + suffix + (f"{{{inside}}}" if inside else "")
        if "{" not in series or "scope" not in series:
            assert series in lines, series
        else:
            assert {series, series.replace('"cgroup"', '"host"')} & lines, series


def test_the_page_of_metrics_is_in_step_with_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: make docs"


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
