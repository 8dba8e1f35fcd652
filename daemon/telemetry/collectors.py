"""How a scrape asks the parts: one after another, each with a deadline, a duration and a success of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.registry import Collector

from .definitions import Definitions, Measured, define, families, gauge

if TYPE_CHECKING:
    from prometheus_client import Metric

logger = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 2.0
"""A collector that takes longer is left behind; the next scrape does not start it again while it still runs."""
SCRAPE_SECONDS: Final = 6.0
"""All collectors together; below the 10 s after which Prometheus gives a scrape up by default."""

DEFINITIONS: Final[Definitions] = define(
    gauge("scrape_collector_duration_seconds", "Time a collector took.", collector="one for each measured part"),
    gauge("scrape_collector_success", "1 if a collector succeeded.", collector="one for each measured part"),
)


class Collectors:
    """Registers collectors one by one; a failing or hanging one costs only its own part."""

    def __init__(self, registry: CollectorRegistry, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._parts: dict[str, _Part] = {}
        self._deadline_seconds = deadline_seconds
        registry.register(_Scrape(self._parts, deadline_seconds))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def add(self, name: str, definitions: Definitions, measure: Callable[[], Measured]) -> None:
        """Add a part under the name that its cost is told by; `measure` may be called in any thread."""
        self._parts[name] = _Part(name, lambda: list(families(definitions, measure())))


class _Part:
    """One collector and the run of it that is under way, if any."""

    def __init__(self, name: str, collect: Callable[[], list[Metric]]) -> None:
        self._name, self._collect = name, collect
        self._running: _Run | None = None
        self.seconds, self.succeeded = 0.0, True

    def collect(self, deadline_seconds: float) -> list[Metric]:
        """Return the families, none when there are none in time."""
        late = self._running
        run = late or _Run(self._name, self._collect)
        run.thread.join(0.0 if late else deadline_seconds)
        self.seconds = time.monotonic() - run.started if run.thread.is_alive() else run.seconds
        self._running = run if run.thread.is_alive() else None
        if self._running is not None and late is None:
            logger.warning("collector slow", extra={"collector": self._name, "deadline_seconds": deadline_seconds})
        # What a late run found is of another time: the next scrape asks anew.
        self.succeeded = late is None and self._running is None and run.found is not None
        return run.found if self.succeeded and run.found is not None else []


class _Run:
    """A collector at work in a thread of its own: nothing else can be left behind."""

    def __init__(self, name: str, collect: Callable[[], list[Metric]]) -> None:
        self._name, self._collect = name, collect
        self.found: list[Metric] | None = None
        self.seconds = 0.0
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self._work, name=f"collect {name}", daemon=True)
        self.thread.start()

    def _work(self) -> None:
        started = time.perf_counter()
        try:
            self.found = self._collect()
        except Exception:
            logger.exception("collector failed", extra={"collector": self._name})
        self.seconds = time.perf_counter() - started


class _Scrape(Collector):
    """One collector for all parts, so that what each cost is told in the same scrape."""

    def __init__(self, parts: dict[str, _Part], deadline_seconds: float) -> None:
        self._parts, self._deadline_seconds = parts, deadline_seconds

    def collect(self) -> Iterator[Metric]:
        end = time.monotonic() + SCRAPE_SECONDS
        for part in self._parts.values():
            yield from part.collect(max(0.0, min(self._deadline_seconds, end - time.monotonic())))
        yield from families(
            DEFINITIONS,
            {
                "scrape_collector_duration_seconds": {(name,): part.seconds for name, part in self._parts.items()},
                "scrape_collector_success": {(name,): part.succeeded for name, part in self._parts.items()},
            },
        )
