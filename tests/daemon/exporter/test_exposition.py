"""What is written is what the client library would write, in each form."""

from __future__ import annotations

import math
import os

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from daemon.exporter.exposition import Exposition
from daemon.histogram import Histogram as Observed
from daemon.metrics.collectors import Collectors
from daemon.metrics.definitions import counter, define, histogram

FORMS = [
    "",
    "text/plain; version=0.0.4",
    "text/plain; version=1.0.0; escaping=allow-utf-8",
    "text/plain; version=1.0.0; escaping=dots",
    "application/openmetrics-text",
    "application/openmetrics-text; version=1.0.0; escaping=underscores",
    "application/openmetrics-text; version=2.0.0",
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
]


@pytest.fixture
def registry() -> CollectorRegistry:
    disable_created_metrics()
    made = CollectorRegistry()
    numbers = Gauge("test_numbers", 'With "quotes", a \\ and\na line.', ("b", "a"), registry=made)
    for index, value in enumerate((0, -1.5, 1e-9, 12345678.9, 1e300, math.inf, -math.inf, math.nan)):
        numbers.labels(str(index), 'x"y\\z\nü订单').set(value)
    Gauge("test_plain", "Without labels.", registry=made).set(3)
    Counter("test_events", "Events.", ("kind",), registry=made).labels("one").inc(7)
    seconds = Histogram("test_seconds", "Seconds.", ("stage",), buckets=(0.1, 1, 10), registry=made)
    seconds.labels("read").observe(0.5)
    observed = Observed((0.001, 1.0, 30.0, 64.0 * 1024**2))
    observed.observe(0.01)
    definitions = define(
        histogram("measured_seconds", "Measured.", (0.001, 1.0, 30.0, 64.0 * 1024**2), pool=("cpu",)),
        counter("measured_total", "Counted.", pool=("cpu",)),
    )
    Collectors(made).add(
        "test",
        definitions,
        lambda: {"measured_seconds": {("cpu",): observed.snapshot()}, "measured_total": {("cpu",): 2}},
    )
    return made


@pytest.mark.parametrize("accept", FORMS)
def test_it_is_what_the_library_writes(registry: CollectorRegistry, accept: str) -> None:
    write, content_type = Exposition(registry).choose(accept)
    encode, expected_type = choose_encoder(accept)
    assert content_type == expected_type
    for _ in range(2):
        assert steady(write()) == steady(encode(registry))


def test_openmetrics_is_understood_by_the_strict_parser(registry: CollectorRegistry) -> None:
    write, _ = Exposition(registry).choose("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in text_string_to_metric_families(write().decode())}
    assert [sample.value for sample in families["test_events"].samples] == [7]
    assert families["headgate_measured_seconds"].samples[-2].labels.get("le", "+Inf") == "+Inf"


def test_a_number_that_changes_is_written_anew(registry: CollectorRegistry) -> None:
    write, _ = Exposition(registry).choose("")
    changing = Gauge("test_changing", "Changes.", ("pid",), registry=registry)
    for value in (1, 2):
        changing.labels(str(os.getpid())).set(value)
        assert f'test_changing{{pid="{os.getpid()}"}} {value}.0\n'.encode() in write()


def steady(page: bytes) -> list[str]:
    """The lines without those whose numbers change from one look to the next."""
    moving = ("process_", "python_gc", "headgate_scrape_collector_duration_seconds{")
    return [line for line in page.decode().splitlines() if not line.replace("__", "_").startswith(moving)]
