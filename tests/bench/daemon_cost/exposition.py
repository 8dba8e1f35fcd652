"""CPU time of a scrape's text: the exporter's own writer beside the client library's, on one registry in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client.exposition import generate_latest

from daemon.exporter.exposition import Exposition
from daemon.metrics.job_metrics import Metrics

if TYPE_CHECKING:
    from rich.console import Console
    from setting import Setting

DATASETS, ROUNDS = 40, 50


def median_ms(write: Callable[[], bytes]) -> float:
    """Return the median of the CPU milliseconds that a page takes once it has been written before."""
    write()
    taken = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        write()
        taken.append(time.thread_time() - began)
    return statistics.median(taken) * 1000


def measure(_setting: Setting) -> dict[str, Any]:
    """Write one registry by both."""
    metrics = Metrics()
    metrics.set_datasets({f"dataset-{number}": 3600.0 for number in range(DATASETS)})
    own, _ = Exposition(metrics.registry).choose("")
    return {
        "lines": own().count(b"\n"),
        "milliseconds": median_ms(own),
        "library_milliseconds": median_ms(lambda: generate_latest(metrics.registry)),
    }


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print both."""
    ours, theirs = figures["milliseconds"], figures["library_milliseconds"]
    console.print(
        f"a page of {figures['lines']} lines: {ours:.2f} ms of CPU, the library's writer {theirs:.2f} ms, "
        f"{theirs / ours:.1f} x"
    )
