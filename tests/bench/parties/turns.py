"""Parties take turns, so that all see the same weather of the machine: seconds by round, then the most memory held."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

if TYPE_CHECKING:
    from setting import Setting

LOOK_SECONDS: Final = 0.02
Processes = Callable[[], Iterable[psutil.Process]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Someone who does the same work as the others: `work` returns the seconds it took, wall or CPU.

    `processes` are those whose memory counts, if any does; `slow` is who takes most of a minute.
    """

    work: Callable[[], float]
    processes: Processes | None = None
    slow: bool = False


@dataclass(slots=True)
class Result:
    """Seconds of each round, and the most memory (proportional set size, bytes) of one."""

    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        """The seconds that count."""
        return statistics.median(self.seconds)


def take_turns(parties: Mapping[str, Party], setting: Setting) -> dict[str, Result]:
    """Let each work in turn: once to warm up, then timed, then for its memory.

    The slow ones are not warmed up, and their memory is looked at in their last timed round.
    """
    results = {name: Result() for name in parties}
    for number in range(setting.rounds + 1):
        for name, party in parties.items():
            if party.slow and not 1 <= number <= setting.slow_rounds:
                continue
            last = party.slow and number == setting.slow_rounds
            with setting.console.status(f"{name}, round {number} of {setting.rounds}"):
                seconds = _looked_at(party, results[name]) if last else party.work()
            if number:
                results[name].seconds.append(seconds)
    for name, party in parties.items():
        if party.processes is not None and not party.slow:
            with setting.console.status(f"{name}: memory"):
                _looked_at(party, results[name])
    return results


def _looked_at(party: Party, result: Result) -> float:
    with nullcontext() if party.processes is None else peak_memory(party.processes, result):
        return party.work()


@contextmanager
def peak_memory(processes: Processes, result: Result) -> Iterator[None]:
    """Note the most memory that processes hold together meanwhile."""
    over = threading.Event()

    def watch() -> None:
        while True:
            # Looked at before the first wait, too: small work is over by then.
            result.peak_bytes = max(result.peak_bytes, held(processes))
            if over.wait(LOOK_SECONDS):
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def held(processes: Processes) -> int:
    """Return the proportional set size of processes together; one that ends meanwhile counts for nothing."""
    total = 0
    with suppress(psutil.Error):
        for process in processes():
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total
