"""What the tests of the ledger hand in and take: of a submission what differs is told, the content by a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daemon.ledger.jobs import Job, Submission

if TYPE_CHECKING:
    from daemon.ledger.leases import Ledger


def submission(content: str = "a", **changes: Any) -> Submission:
    values: dict[str, Any] = {
        "dataset": "orders",
        "spec_version": 1,
        "sha256": content,
        "size_bytes": 10,
        "file": f"{content}.xlsx",
        "source": "test",
        "spool_key": f"key-{content}",
    }
    return Submission(**values | changes)


async def next_job(ledger: Ledger, **asked: Any) -> Job | None:
    """Return the job that a ledger gives for `Ledger.claim`'s questions."""
    claims = await ledger.claim(**asked)
    return claims[0].job if claims else None
