"""Numbers that several threads change add up, and what is known is there at 0."""

from __future__ import annotations

import threading

from daemon.metrics.definitions import counter
from daemon.metrics.values import MetricValues


def test_known_series_are_there_at_0_and_others_when_they_are_made() -> None:
    known = MetricValues(counter("test_total", "A test.", kind=("a", "b"), end=("x", "y")))
    assert known.snapshot() == dict.fromkeys([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")], 0.0)
    open_ended = MetricValues(counter("test_total", "A test.", dataset="a configured dataset", end=("x", "y")))
    assert open_ended.snapshot() == {}
    open_ended.prepare("orders", "x")
    open_ended.add(2, "orders", "x")
    open_ended.prepare("orders", "x")
    assert open_ended.snapshot() == {("orders", "x"): 2.0}
    assert MetricValues(counter("test_total", "A test.")).snapshot() == {(): 0.0}


def test_nothing_is_lost_between_threads() -> None:
    values = MetricValues(counter("test_total", "A test.", kind=("a",)))

    def count() -> None:
        for _ in range(5000):
            values.add(1, "a")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert values.snapshot()["a",] <= 20_000
    assert values.snapshot() == {("a",): 20_000.0}
