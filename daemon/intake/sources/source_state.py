"""How a source is: told in metrics at every look, in the log when it changes; looks at nothing itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...metrics.source_metrics import SourceMetrics

logger = logging.getLogger(__name__)

_LOOKS: Final = 3
_LOOK_LIMIT_SECONDS: Final = 600.0
"""So many looks may fail to come, and the steps of a look may always be so far apart."""


class SourceState:
    """What was last found of one source."""

    def __init__(self, source: str, metrics: SourceMetrics, *, poll_seconds: float, step_seconds: float) -> None:
        """`step_seconds` is how long one step of a look may take by the source's settings."""
        self._source, self._metrics = source, metrics
        self._said: dict[str, object] = {}
        limit = max(_LOOK_LIMIT_SECONDS, _LOOKS * poll_seconds) + step_seconds
        metrics.configured(source, look_limit_seconds=limit, at=time.time())

    def goes_on(self) -> None:
        """Note that a step was made: a page of its listing has come, or a block of a file."""
        self._metrics.goes_on(self._source, at=time.time())

    def elsewhere(self) -> None:
        """Note that another daemon looks at it; `heard` tells how that goes."""
        self._metrics.elsewhere(self._source, at=time.time())
        if self._is_news("elsewhere", said=True):
            logger.info("another daemon looks at the source", extra={"source": self._source})

    def heard(self, *, readable: bool) -> None:
        """Note how the last look of the other daemons ended."""
        self._metrics.readable(self._source, readable=readable)
        if readable:
            self._is_news("reason", said=None)  # what fails after that is told anew

    def looked(self, listed: int, left: dict[str, str]) -> None:
        """Note a whole look: how many files there are, and those that could not be taken, with the reason."""
        self._metrics.looked(self._source, at=time.time(), listed=listed, waiting=len(left))
        self._is_news("elsewhere", said=False)
        if self._is_news("reason", said=None):
            logger.info("source read", extra={"source": self._source, "files": listed})
        if self._is_news("left", said=frozenset(left.items()) or None):
            file, reason = next(iter(left.items()), (None, None))
            about = {"source": self._source, "files": len(left), "first": file, "reason": reason}
            logger.log(logging.WARNING if left else logging.INFO, "files of the source wait", extra=about)

    def failed(self, kind: str, reason: str) -> None:
        """Note that the storage failed a look."""
        self._metrics.failed(self._source, kind)
        self._metrics.goes_on(self._source, at=time.time())
        self._metrics.readable(self._source, readable=False)
        if self._is_news("reason", said=kind):
            logger.warning("source not read", extra={"source": self._source, "kind": kind, "reason": reason})

    def failed_file(self, kind: str) -> None:
        """Note that the storage failed one file."""
        self._metrics.failed(self._source, kind)

    def waits(self, reason: str) -> None:
        """Note that nothing can be taken for now, which is not the storage's doing."""
        self._metrics.goes_on(self._source, at=time.time())
        if self._is_news("reason", said=reason):
            logger.warning("source waits", extra={"source": self._source, "reason": reason})

    def taken(self, size_bytes: int) -> None:
        """Note that a file became a job."""
        self._metrics.taken(self._source, size_bytes)

    def spent(self, seconds: float) -> None:
        """Note how long a look took."""
        self._metrics.spent(self._source, seconds)

    def removed(self) -> None:
        """Tell of it no more."""
        self._metrics.removed(self._source)

    def _is_news(self, topic: str, *, said: object) -> bool:
        before, self._said[topic] = self._said.get(topic), said
        return said != before
