"""The end of a job is told here and nowhere else: counted, logged, and to whoever waits for it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..ledger.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..ledger.jobs import Job
    from ..metrics.job_metrics import Metrics

logger = logging.getLogger(__name__)


class JobEnds:
    """Tells the one outcome of each job, whoever brought it about: a run, a duplicate's entry, a person, a reaper."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._expected: dict[int, asyncio.Event] = {}
        self._followers: list[Callable[[], None]] = []

    def follow(self, told: Callable[[], None]) -> None:
        """Have something called at each end that is told here."""
        self._followers.append(told)

    @contextmanager
    def expected(self, job_id: int) -> Iterator[asyncio.Event]:
        """Give an event that is set when the end of this job is told here; nothing is left of it afterwards."""
        told = self._expected.setdefault(job_id, asyncio.Event())
        try:
            yield told
        finally:
            if self._expected.get(job_id) is told:
                del self._expected[job_id]

    def tell(self, job: Job, outcome: Outcome) -> None:
        """Count and log the one outcome of a job, and tell those who wait for it or follow."""
        if (expected := self._expected.pop(job.id, None)) is not None:
            expected.set()
        for follower in self._followers:
            follower()
        rows = asdict(outcome.rows)
        if outcome.would_be is not None:
            self._metrics.job_checked(dataset=job.dataset, would_be=outcome.would_be, rows=rows)
        elif not job.check_only:
            self._metrics.job_finished(
                dataset=job.dataset,
                outcome=outcome.state,
                rows=rows,
                codes=outcome.codes,
                size_bytes=job.size_bytes,
                stage_seconds=outcome.seconds,
            )
        logger.info(
            "job finished",
            extra={
                "job": job.id,
                "state": outcome.state,
                "would_be": outcome.would_be,
                "dataset": job.dataset,
                "file": job.file,
                "attempt": job.attempt,
                "first_job": job.first_job if outcome.first_job is None else outcome.first_job,
                "reason": outcome.reason,
                **{f"rows_{name}": count for name, count in rows.items()},
            },
        )

    def tell_given_up(self, job: Job) -> None:
        """Tell of a job that was given up because the daemons that held it died."""
        outcome = Outcome(state=job.state, would_be=job.would_be, reason=job.reason, codes={"load.retry_exhausted": 1})
        self.tell(job, outcome)
