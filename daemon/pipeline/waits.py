"""Whose fault a failed attempt is: what the database or the machine lacks is waited for, and spends no attempt."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingest.errors import NO_MEANS, NO_ROOM

from ..database.errors import causes
from ..errors import (
    ClusterAwayError,
    FolderHangsError,
    SpoolAwayError,
    SpoolFullError,
    SpoolUnwritableError,
    first_line,
)
from ..ledger.jobs import WAITS
from ..ledger.reasons import MACHINE_LACKS

if TYPE_CHECKING:
    from ..database.database import Database

WAIT_MAX_SECONDS: Final = 30.0
"""The longest wait for what an operator mends: nobody has to say that it is mended."""

_OF_DATABASE: Final = {
    "access": "database_access",
    "resources": "database_full",
    "read_only": "database_read_only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Why a job waits: one of the metric's `WAIT_REASONS`, and the words for people."""

    reason: str
    words: str


class Waits:
    """The datasets whose jobs are not worth claiming for a moment, for the last one has met what lacks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, tuple[float, int]] = {}

    def of(self, error: BaseException) -> Wait | None:
        """Return what a failed attempt has to wait for; None if it was the attempt's own failure."""
        meaning = self._database.meaning(error)
        if meaning.waits:
            reason = _OF_DATABASE.get(meaning.counted_as, "database_away")
            return Wait(reason=reason, words=f"{WAITS} {self._database.supervisor.reason(error)}")
        for cause in causes(error):
            code = cause.errno if isinstance(cause, OSError) else None
            if isinstance(cause, (SpoolAwayError, ClusterAwayError)):
                reason = "spool_away" if isinstance(cause, SpoolAwayError) else "cluster_away"
                return Wait(reason=reason, words=f"{WAITS} {first_line(cause)}")
            if isinstance(cause, FolderHangsError):
                return Wait(reason="machine", words=f"{WAITS} {first_line(cause)}")
            full = isinstance(cause, SpoolFullError) or code in NO_ROOM
            if full or isinstance(cause, SpoolUnwritableError) or code in NO_MEANS:
                reason = "disk_full" if full else "machine"
                return Wait(reason=reason, words=MACHINE_LACKS.format(reason=first_line(cause)))
        return None

    def hold(self, dataset: str, delay_seconds: Callable[[int], float]) -> float:
        """Hold the dataset's jobs back, longer each time, and return for how long."""
        count = self._held.get(dataset, (0.0, 0))[1] + 1
        seconds = min(WAIT_MAX_SECONDS, delay_seconds(count))
        self._held[dataset] = time.monotonic() + seconds, count
        return seconds

    def over(self, dataset: str) -> None:
        """Take note that a job of the dataset has come through."""
        self._held.pop(dataset, None)

    def claimable(self, datasets: Collection[str]) -> list[str]:
        """Return those datasets whose jobs are not held back now."""
        now = time.monotonic()
        return [name for name in datasets if self._held.get(name, (0.0, 0))[0] <= now]
