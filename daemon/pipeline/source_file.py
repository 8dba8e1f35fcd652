"""The bytes of a job, here or fetched from where another daemon has put them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.messages import say

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.messages import Message

    from ..executors.executors import Executors
    from ..ledger.jobs import Job
    from ..spool.spool import Spool


def where_else(spool: Spool, job: Job) -> Message | None:
    """Say that the file of a job lies in another spool than this; None if it lies here, or is kept no more."""
    if job.spool_key is None or job.spool_id == spool.id:
        return None
    return say("the file of job {job} lies in another daemon's spool; ask that daemon, or submit it again", job=job.id)


async def source_of(executors: Executors, spool: Spool, job: Job, key: str) -> Path:
    """Return where the file of a job lies in the spool, fetched if another daemon has received it.

    Raises:
        SpoolAwayError, SpoolFullError: the shared spool does not give it now; there is no room for it.

    """
    if spool.shared is None:
        return spool.source(key)
    brought: Path = await executors.run_io(spool.bring, key, sha256=job.sha256, size_bytes=job.size_bytes)
    return brought
