"""A daemon's own processes: which are its workers, which forks them, and how they are held still."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import psutil

WORKER: Final = "headgate-worker"
FORK_SERVER: Final = "headgate-forks"


def named(name: str, daemon: int) -> list[psutil.Process]:
    """Return a daemon's descendants of that name; one that ends while it is looked at is none."""
    found = []
    for child in psutil.Process(daemon).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and child.name() == name:
                found.append(child)
    return found


def fork_server(daemon: int) -> int | None:
    """Return the pid of the small process that forks a daemon's workers; None while there is none."""
    return next((child.pid for child in named(FORK_SERVER, daemon)), None)


@contextmanager
def frozen(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop processes one after the other, and let them go on the other way round: work goes on later, or never.

    What forks workers is replaced when it does not answer for long: leave it out, or freeze its daemon too.
    """
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in reversed(processes):
            with suppress(psutil.NoSuchProcess):  # a cancelled job's worker is ended, frozen or not
                process.resume()
