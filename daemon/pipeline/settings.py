"""What the pipeline is held to, as one frozen value that a reload replaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from .retry_policy import RetryPolicy

if TYPE_CHECKING:
    from ..config.settings import Settings

LOOK_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimits:
    """How long and how much is kept; `jobs_seconds` 0 keeps jobs for ever."""

    rejects_seconds: float
    files_seconds: float
    files_bytes: int
    jobs_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the limits of a configuration."""
        retention = settings.retention
        return cls(
            rejects_seconds=settings.ledger.rejects_seconds,
            files_seconds=retention.files_seconds,
            files_bytes=retention.files_mb << 20,
            jobs_seconds=retention.jobs_seconds,
        )

    @property
    def look_seconds(self) -> float:
        """How often it is looked: as often as the shortest time passes, but every ten minutes at least."""
        times = [self.rejects_seconds, self.files_seconds, *([self.jobs_seconds] if self.jobs_seconds else [])]
        return min(LOOK_SECONDS, *times)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """How often the ledger is asked, how often an attempt is repeated, what is kept."""

    retry: RetryPolicy
    retention: RetentionLimits
    poll_seconds: float
    beat_seconds: float
    drain_seconds: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what a configuration says."""
        ledger = settings.ledger
        return cls(
            retry=RetryPolicy.of(ledger),
            retention=RetentionLimits.of(settings),
            poll_seconds=ledger.poll_seconds,
            beat_seconds=ledger.beat_seconds,
            drain_seconds=settings.shutdown.drain_seconds,
        )
