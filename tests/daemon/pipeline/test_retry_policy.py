"""Pauses between attempts: they grow up to their bound, however long an outage takes."""

from __future__ import annotations

from daemon.pipeline.retry_policy import RetryPolicy

POLICY = RetryPolicy(max_attempts=5, max_crashes=2, max_lost_leases=3, backoff_seconds=0.5, backoff_max_seconds=60)


def test_pauses_double_up_to_their_bound() -> None:
    longest = [max(POLICY.delay_seconds(attempt) for _ in range(300)) for attempt in (1, 2, 3, 20)]
    assert all(found <= bound for found, bound in zip(longest, (0.5, 1, 2, 60), strict=True))
    assert longest == sorted(longest)


def test_an_outage_of_days_has_a_pause() -> None:
    assert 0 <= POLICY.delay_seconds(100_000) <= 60
