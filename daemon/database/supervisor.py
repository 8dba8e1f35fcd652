"""What background work does when the database fails it: waits, and says so once; knows work by its name only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from .errors import is_of_another_server, is_of_database, is_of_no_table, reason_of

if TYPE_CHECKING:
    from .sqlstates import Meaning

logger = logging.getLogger(__name__)

WORDS: Final = {
    "access": "the database lets nobody in",
    "read_only": "the database is read-only",
    "resources": "the database has no room",
    "silent": "the database does not answer",
    "connection": "the database cannot be reached",
    "stopped": "the database is stopping or starting",
    "pool_timeout": "no database connection came free",
    "locked": "the ledger is locked by another program's transaction",
}
NO_LEDGER: Final = "the ledger is gone; restore the database, or restart to have a new ledger in one that was made anew"
"""What it is if a table of the ledger's schema is missing."""
_LEDGERS: Final = "headgate."
ANOTHER_SERVER: Final = "a server that the database asks for a foreign table cannot be reached"


class Supervisor:
    """Keeps the troubles of background work by the work's name, each as long as it lasts."""

    def __init__(self, meaning: Callable[[BaseException], Meaning]) -> None:
        self._meaning = meaning
        self._troubles: dict[str, tuple[str, str]] = {}
        """Of each work that waits the kind of its trouble and what a person reads of it."""

    def waiting(self, work: str) -> Step:
        """Return what to do a step of some work in: what the database fails of it is told, and not raised."""
        return Step(self, work)

    def failed(self, work: str, error: BaseException) -> None:
        """Take note that some work waits; told when it begins to, and when the trouble is of another kind."""
        reason = self.reason(error)
        kind = self._meaning(error).counted_as if is_of_database(error) else reason
        if kind != self._troubles.get(work, ("", ""))[0]:
            logger.warning("waiting", extra={"work": work, "error": reason})
        self._troubles[work] = kind, reason

    def done(self, work: str) -> None:
        """Take note that some work goes on."""
        if self._troubles.pop(work, None) is not None:
            logger.info("going on", extra={"work": work})

    def will_pass(self, error: BaseException) -> bool:
        """Say whether an error is the database's and may go away, if only when an operator has been there."""
        classification = self._meaning(error).classification
        return classification == "transient" or (classification != "data" and is_of_database(error))

    def reason(self, error: BaseException) -> str:
        """Return what a person reads of an error."""
        if not is_of_database(error):
            return reason_of(error)
        words, said = WORDS.get(self._meaning(error).counted_as, "the database refuses"), reason_of(error)
        if is_of_no_table(error) and _LEDGERS in said:
            words = NO_LEDGER
        elif is_of_another_server(error):
            words = ANOTHER_SERVER
        return f"{words}: {said}"

    def trouble(self, work: str) -> str | None:
        """Return why a piece of work waits now, None if it does not; safe to call from any thread."""
        found = self._troubles.get(work)
        return None if found is None else found[1]


class Step:
    """A step of background work.

    What the database or the machine may take back, an operator too, is waited out; whatever else goes wrong is raised.
    """

    def __init__(self, supervisor: Supervisor, work: str) -> None:
        self._supervisor, self._work = supervisor, work

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> bool:
        """Say whether what was raised is waited out."""
        if error is None:
            self._supervisor.done(self._work)
        elif isinstance(error, OSError) or (isinstance(error, Exception) and self._supervisor.will_pass(error)):
            self._supervisor.failed(self._work, error)
            return True
        return False
