"""The metrics of a spool that is shared: whether it answers, and what was asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..spool.shared import OPERATIONS
from .definitions import Definitions, Measured, counter, define, gauge

if TYPE_CHECKING:
    from ..spool.shared import SharedSpool

DEFINITIONS: Final[Definitions] = define(
    gauge("spool_shared_up", "1 if the shared spool did what was last asked of it."),
    counter("spool_shared_operations_total", "What was asked of the shared spool, and was done.", operation=OPERATIONS),
    counter(
        "spool_shared_failures_total", "What was asked of the shared spool, and was not done.", operation=OPERATIONS
    ),
    counter("spool_shared_seconds_total", "Time that the shared spool was waited for.", operation=OPERATIONS),
)


def spool_metrics(shared: SharedSpool) -> Measured:
    """Return what the shared spool was asked so far; a look comes every 15 seconds."""
    counts = shared.counts()
    return {
        "spool_shared_up": {(): shared.trouble is None},
        "spool_shared_operations_total": {(name,): one.done for name, one in counts.items()},
        "spool_shared_failures_total": {(name,): one.failed for name, one in counts.items()},
        "spool_shared_seconds_total": {(name,): one.seconds for name, one in counts.items()},
    }
