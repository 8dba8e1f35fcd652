"""One step of a backfill that the database may fail: owns that it is waited out, and that the tally says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..database.supervisor import Supervisor
    from .tally import Tally

WORK: Final = "backfill"
"""The name of the work that waits when the database is away."""


class Step:
    """A step that the database may fail: that is waited out, and the tally says so."""

    def __init__(self, supervisor: Supervisor, tally: Tally, changed: Callable[[], None]) -> None:
        self._supervisor, self._tally, self._changed = supervisor, tally, changed
        self._step = supervisor.waiting(WORK)

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Say whether what was raised is waited out."""
        waited_out = self._step.__exit__(kind, error, trace)
        if self._supervisor.trouble(WORK) != self._tally.waits_for:
            self._tally.waits_for = self._supervisor.trouble(WORK)
            self._changed()
        return waited_out
