"""CPU time of a scrape's text: the exporter's own writer beside the client library's, on one registry in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from prometheus_client.exposition import generate_latest

from daemon.exporter.exposition import Exposition
from daemon.metrics.job_metrics import Metrics

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


def main() -> None:
    """Write one registry by both."""
    metrics = Metrics()
    metrics.set_datasets({f"dataset-{number}": 3600.0 for number in range(DATASETS)})
    own, _ = Exposition(metrics.registry).choose("")
    ours, theirs = median_ms(own), median_ms(lambda: generate_latest(metrics.registry))
    lines = own().count(b"\n")
    print(f"a page of {lines} lines: {ours:.2f} ms of CPU, the library's writer {theirs:.2f} ms, {theirs / ours:.1f} x")


if __name__ == "__main__":
    main()
