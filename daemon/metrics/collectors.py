"""How a scrape asks the parts: one after another, each with a deadline, a duration and a success of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.registry import Collector

from ..lifecycle.loop_errors import limit_hit
from ..lifecycle.seldom import Seldom
from .definitions import Definitions, Measured, define, gauge
from .families import families

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
        registry.register(_Scrape(self._parts, deadline_seconds))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def add(self, name: str, definitions: Definitions, measure: Callable[[], Measured]) -> None:
        """Add a part under the name that its cost is told by; `measure` may be called in any thread."""
        self._parts[name] = _Part(name, lambda: list(families(definitions, measure())))


class _Part:
    """One collector; `asked_at` is when the run that is under way began (monotonic), if there is one."""

    def __init__(self, name: str, collect: Callable[[], list[Metric]]) -> None:
        self._name, self._collect = name, collect
        self._failures = Seldom()
        self.asked_at: float | None = None

    def ask(self) -> _Answer:
        """Run it to its end, whatever that is."""
        self.asked_at = time.monotonic()
        try:
            found = self._collect()
        except Exception as error:  # noqa: BLE001  # told, and counted by scrape_collector_success
            self._tell(error)
            found = None
        seconds, self.asked_at = time.monotonic() - self.asked_at, None
        return _Answer(found, seconds)

    def _tell(self, error: Exception) -> None:
        """Say why it failed; the next scrapes meet the same."""
        if (passed_over := self._failures.passed_over(repr(error))) is not None:
            limit = limit_hit(error)
            about = {"collector": self._name, "reason": limit, "passed_over": passed_over}
            logger.error("collector failed", extra=about, exc_info=error if limit is None else None)

    def late(self, deadline_seconds: float) -> _Answer:
        """Answer in the place of a run that takes too long."""
        logger.warning("collector slow", extra={"collector": self._name, "deadline_seconds": deadline_seconds})
        return self.missing()

    def missing(self) -> _Answer:
        """Answer in the place of a run that has not ended or was not begun."""
        return _Answer(None, 0.0 if self.asked_at is None else time.monotonic() - self.asked_at)


class _Answer(NamedTuple):
    """What a part has found, None when it failed or was late, and the seconds that it took until now."""

    found: list[Metric] | None
    seconds: float


class _Round:
    """Parts asked one after another in a thread of their own: nothing else can be left behind."""

    def __init__(self, parts: Mapping[str, _Part]) -> None:
        self.answers: dict[str, _Answer] = {}
        self._parts = parts
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._left = threading.Event()
        self._asking: tuple[str, float] | None = None
        threading.Thread(target=self._work, name="collect", daemon=True).start()

    def _work(self) -> None:
        for name, part in self._parts.items():
            with self._lock:
                if self._left.is_set():
                    return
                self._asking = name, time.monotonic()
            answer = part.ask()
            with self._lock:
                # What a late run has found is of another time: the next scrape asks anew.
                if self._left.is_set():
                    return
                self.answers[name] = answer
        self._over.set()

    def wait(self, deadline_seconds: float, end: float) -> str | None:
        """Wait until all have answered, or leave the thread behind and return the name of the part that is late."""
        patience = deadline_seconds
        while not self._over.wait(max(0.0, patience)):
            with self._lock:
                name, begun = self._asking or (next(iter(self._parts)), time.monotonic())
                patience = min(begun + deadline_seconds, end) - time.monotonic()
                if patience <= 0 and name not in self.answers:
                    self._left.set()
                    return name
        return None


class _Scrape(Collector):
    """One collector for all parts, so that what each cost is told in the same scrape."""

    def __init__(self, parts: dict[str, _Part], deadline_seconds: float) -> None:
        self._parts, self._deadline_seconds = parts, deadline_seconds

    def collect(self) -> Iterator[Metric]:
        answers = self._ask()
        for answer in answers.values():
            yield from answer.found or ()
        yield from families(
            DEFINITIONS,
            {
                "scrape_collector_duration_seconds": {(name,): answer.seconds for name, answer in answers.items()},
                "scrape_collector_success": {(name,): answer.found is not None for name, answer in answers.items()},
            },
        )

    def _ask(self) -> dict[str, _Answer]:
        """Return an answer of every part; those behind one that is late get a thread anew."""
        end = time.monotonic() + SCRAPE_SECONDS
        waiting = {name: part for name, part in self._parts.items() if part.asked_at is None}
        answers: dict[str, _Answer] = {}
        while waiting and time.monotonic() < end:
            asked = _Round(waiting)
            late = asked.wait(self._deadline_seconds, end)
            answers |= asked.answers
            if late is not None:
                answers[late] = waiting[late].late(self._deadline_seconds)
            waiting = {name: part for name, part in waiting.items() if name not in answers}
        return {name: answers.get(name) or part.missing() for name, part in self._parts.items()}
