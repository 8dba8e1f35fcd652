"""The bytes of a job, here or fetched from where another daemon has put them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..executors.executors import Executors
    from ..ledger.jobs import Job
    from ..spool.spool import Spool


async def source_of(executors: Executors, spool: Spool, job: Job, key: str) -> Path:
    """Return where the file of a job lies in the spool, fetched if another daemon has received it.

    Raises:
        SpoolAwayError, SpoolFullError: the shared spool does not give it now; there is no room for it.

    """
    if spool.shared is None:
        return spool.source(key)
    brought: Path = await executors.run_io(spool.bring, key, sha256=job.sha256, size_bytes=job.size_bytes)
    return brought
