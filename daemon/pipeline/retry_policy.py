"""When a failed attempt is repeated and when a job is given up: owns the policy, knows no jobs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from ..config.settings import LedgerSettings

DOUBLED_MAX: Final = 64
"""How often a pause is doubled at most: beyond every bound, and an outage of days would leave the range of floats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often an attempt is repeated, and after what pause (exponential, full jitter)."""

    max_attempts: int
    max_crashes: int
    max_lost_leases: int
    backoff_seconds: float
    backoff_max_seconds: float

    @classmethod
    def of(cls, ledger: LedgerSettings) -> Self:
        """Return the policy that the settings ask for."""
        return cls(
            max_attempts=ledger.max_attempts,
            max_crashes=ledger.max_crashes,
            max_lost_leases=ledger.max_lost_leases,
            backoff_seconds=ledger.backoff_seconds,
            backoff_max_seconds=ledger.backoff_max_seconds,
        )

    def delay_seconds(self, attempt: int) -> float:
        """Return a random pause up to the exponential bound: "full jitter" of the AWS Architecture Blog, 2015."""
        bound = min(self.backoff_max_seconds, self.backoff_seconds * 2 ** min(max(0, attempt - 1), DOUBLED_MAX))
        return random.uniform(0, bound)  # noqa: S311  # spreads load, guards nothing
