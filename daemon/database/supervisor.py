"""What background work does when the database fails it: waits, and says so once; knows no work by more than its name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .errors import is_of_database, reason_of

if TYPE_CHECKING:
    from .errors import Meaning

logger = logging.getLogger(__name__)

WORDS: Final = {
    "access": "the database lets nobody in",
    "read_only": "the database is read-only",
    "resources": "the database has no room",
    "silent": "the database does not answer",
    "connection": "the database cannot be reached",
    "stopped": "the database is stopping or starting",
    "pool_timeout": "no database connection came free",
    "locked": "the ledger is locked",
}


class Supervisor:
    """Keeps the troubles of background work by the work's name, each as long as it lasts."""

    def __init__(self, meaning: Callable[[BaseException], Meaning]) -> None:
        self._meaning = meaning
        self._troubles: dict[str, str] = {}

    @contextmanager
    def waiting(self, work: str) -> Iterator[None]:
        """Do a step of some work: if the database fails it, that is told at its begin and its end, and not raised.

        What the database may take back, an operator too, is waited out; whatever else goes wrong is raised.
        """
        try:
            yield
        except Exception as error:
            if not self.will_pass(error):
                raise
            reason = self.reason(error)
            if reason != self._troubles.get(work):
                logger.warning("database fails", extra={"work": work, "error": reason})
            self._troubles[work] = reason
        else:
            if self._troubles.pop(work, None) is not None:
                logger.info("database works again", extra={"work": work})

    def will_pass(self, error: BaseException) -> bool:
        """Say whether an error is the database's and may go away, if only when an operator has been there."""
        classification = self._meaning(error).classification
        return classification == "transient" or (classification != "data" and is_of_database(error))

    def reason(self, error: BaseException) -> str:
        """Return what a person reads of an error."""
        words = WORDS.get(self._meaning(error).counted_as, "the database refuses")
        return f"{words}: {reason_of(error)}"

    def trouble(self, work: str) -> str | None:
        """Return why a piece of work waits now, None if it does not; safe to call from any thread."""
        return self._troubles.get(work)
