"""A small discrete-event simulation of files on their way through daemons, workers and one PostgreSQL.

Cores give their time in turns; a file takes the steps of docs/scaling.md, each with its measured CPU seconds, and waits
for the log's fsync after each commit. Knows nothing of where the costs come from.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

QUANTUM_SECONDS: Final = 0.002
"""A core's turn: about that of the kernel's scheduler."""
IN_FLIGHT: Final = 5
"""Files that a daemon of one worker has begun: `cpu_workers` + LOADS_BESIDE_PARSES of daemon/pipeline/dispatcher.py."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """CPU seconds of one file, by who works, and the seconds that a commit waits for the log."""

    client: float
    daemon: float
    worker: float
    server: float
    sync: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """A core of so many seconds a second: for these daemons and their workers, for everybody else, or for both."""

    speed: float = 1.0
    daemons: frozenset[int] = frozenset()
    for_others: bool = False


Step = tuple[Literal["daemon", "others", "wait", "enter", "leave"], float | str]
Way = Generator[Step, None, None]


@dataclass(slots=True)
class _Task:
    """Work that a core is wanted for."""

    left: float
    way: Way
    daemon: int | None


class Simulation:
    """Takes files through; `uploads` are handed in at once at most."""

    def __init__(self, costs: Costs, cores: Sequence[Core], *, daemons: int, uploads: int | None = None) -> None:
        self._costs, self._cores, self._daemons = costs, cores, daemons
        self._now = 0.0
        self._daemon_of: dict[Way, int] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._idle = set(range(len(cores)))
        self._ready: dict[int | None, deque[_Task]] = {number: deque() for number in (None, *range(daemons))}
        self._turns = [deque([*sorted(core.daemons), *([None] if core.for_others else [])]) for core in cores]
        self._free: dict[str, float] = {"uploads": float("inf") if uploads is None else uploads}
        for number in range(daemons):
            self._free |= {f"flight {number}": IN_FLIGHT, f"worker {number}": 1}
        self._waiting: dict[str, deque[Way]] = {gate: deque() for gate in self._free}
        self._ended: list[tuple[float, float]] = []

    def run(self, arrivals: Sequence[float]) -> list[tuple[float, float]]:
        """Return when each file came and when it was loaded, in seconds."""
        for number, at in enumerate(arrivals):
            way = self._file(number % self._daemons, at)
            self._daemon_of[way] = number % self._daemons
            self._at(at, partial(self._go_on, way))
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
        return self._ended

    def _file(self, daemon: int, came: float) -> Way:
        costs, worker, flight = self._costs, f"worker {daemon}", f"flight {daemon}"
        yield "enter", "uploads"
        yield "others", costs.client
        yield "daemon", costs.daemon / 2
        yield "others", costs.server / 3
        yield "wait", costs.sync
        yield "leave", "uploads"
        yield "enter", flight
        yield "others", costs.server / 3
        yield "wait", costs.sync
        yield "enter", worker
        yield "daemon", costs.worker
        yield "leave", worker
        yield "daemon", costs.daemon / 2
        yield "others", costs.server / 3
        yield "wait", costs.sync
        yield "leave", flight
        self._ended.append((came, self._now))

    def _at(self, at: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), event))

    def _go_on(self, way: Way) -> None:
        """Take a file's next steps, up to one that takes time."""
        for kind, what in way:
            if isinstance(what, str):
                if kind == "leave":
                    self._leave(what)
                elif self._free[what] >= 1:
                    self._free[what] -= 1
                else:
                    self._waiting[what].append(way)
                    return
            elif kind == "wait":
                self._at(self._now + what, partial(self._go_on, way))
                return
            elif what > 0:
                owner = self._daemon_of[way] if kind == "daemon" else None
                self._want(_Task(what, way, owner))
                return

    def _leave(self, gate: str) -> None:
        if self._waiting[gate]:
            way = self._waiting[gate].popleft()
            self._at(self._now, partial(self._go_on, way))
        else:
            self._free[gate] += 1

    def _want(self, task: _Task) -> None:
        self._ready[task.daemon].append(task)
        for number in self._idle:
            if task.daemon in self._turns[number]:
                self._begin(number)
                return

    def _begin(self, number: int) -> None:
        """Let a core work for whoever's turn it is, or rest."""
        turns = self._turns[number]
        for _ in range(len(turns)):
            owner = turns[0]
            turns.rotate(-1)
            if self._ready[owner]:
                task = self._ready[owner].popleft()
                self._idle.discard(number)
                done = min(QUANTUM_SECONDS, task.left)
                self._at(self._now + done / self._cores[number].speed, partial(self._worked, number, task, done))
                return
        self._idle.add(number)

    def _worked(self, number: int, task: _Task, done: float) -> None:
        task.left -= done
        self._idle.add(number)
        if task.left > 0:
            self._ready[task.daemon].append(task)
        else:
            self._go_on(task.way)
        if number in self._idle:
            self._begin(number)
