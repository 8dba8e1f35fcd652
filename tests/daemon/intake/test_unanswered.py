"""Files whose entry got no answer: what a job needs stays, the others go when no COMMIT can come any more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from submissions import submission

from daemon.intake import unanswered
from daemon.intake.unanswered import Unanswered
from daemon.ledger.leases import Ledger
from daemon.ledger.queries import JobQueries
from daemon.lifecycle.components import Failures, running
from daemon.lifecycle.signals import StopRequest
from daemon.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from daemon.database.database import Database
    from daemon.pipeline.parts import PipelineParts


def enter(kept: Unanswered, key: str, *, sent: bool) -> None:
    """Lose the answer of an entry, or the connection before its COMMIT."""
    with kept.entering(key) as sending:
        if sent:
            sending()
        raise ConnectionError


async def test_only_what_no_job_needs_is_removed(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Awaitable[object]],
) -> None:
    monkeypatch.setattr(unanswered, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(unanswered, "LATE_SECONDS", 0.3)
    spool = Spool(tmp_path / "spool", "daemon").open()
    async with Ledger(database, lease_seconds=30) as ledger:
        await ledger.open()
        await ledger.register(spool.id)
        parts = SimpleNamespace(
            database=database,
            queries=JobQueries(database),
            spool=spool,
            executors=SimpleNamespace(run_io=asyncio.to_thread),
        )
        kept = Unanswered(cast("PipelineParts", parts))
        for key in ("needed", "nobody's", "refused"):
            spool.source(key).parent.mkdir()
        await ledger.submit(submission(spool_key="needed"))
        for key, sent in (("needed", True), ("nobody's", True), ("refused", False)):
            with pytest.raises(ConnectionError):
                enter(kept, key, sent=sent)
        assert ["refused" in kept, "nobody's" in kept, "needed" in kept] == [False, True, True]
        async with running(kept, "unanswered entries", Failures(StopRequest())):
            await eventually(lambda: "nobody's" not in kept and "needed" not in kept)
    assert not spool.source("nobody's").parent.exists()
    assert spool.source("needed").parent.exists()
    spool.close()
