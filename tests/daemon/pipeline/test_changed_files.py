"""A folder that hangs while a load asks after a file in it: the load is put back, and no second look is begun."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from submissions import next_job, submission

from daemon.errors import FolderHangsError
from daemon.ledger.jobs import Job, Origin
from daemon.machine.file_identity import is_changed, stamp_of
from daemon.pipeline import changed_files
from daemon.pipeline.changed_files import ChangedFiles
from daemon.pipeline.waits import Waits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.ledger.leases import Ledger


def origin_of(path: Path) -> Origin:
    return Origin(path=str(path), stamp=str(stamp_of(path.lstat())))


async def job_of(ledger: Ledger, path: Path) -> Job:
    await ledger.submit(submission(path.name, origin=origin_of(path)))
    job = await next_job(ledger, datasets=["orders"])
    assert job is not None
    return job


async def test_a_folder_that_hangs_is_waited_for_once(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Callable[..., Any]
) -> None:
    back, looks = threading.Event(), list[str]()

    def look(path: str, stamp: str) -> bool:
        looks.append(path)
        back.wait(20)
        return is_changed(path, stamp)

    files = ChangedFiles(SimpleNamespace())  # type: ignore[arg-type]
    monkeypatch.setattr(changed_files, "is_changed", look)
    (tmp_path / "a.csv").write_text("1")
    job = await job_of(ledger, tmp_path / "a.csv")
    monkeypatch.setattr(changed_files, "LOOK_SECONDS", 0.1)
    for _ in range(3):
        with pytest.raises(FolderHangsError) as caught:
            await files.is_changed(job)
    assert len(looks) == 1, "one thread at the most goes where one hangs"
    wait = Waits(ledger.context.database).of(caught.value)
    assert wait is not None, "the circumstances' fault, which spends no attempt"
    assert wait.words.startswith("waits: ")
    back.set()
    await eventually(lambda: not any(calls.hangs for calls in files._hanging.values()))
    monkeypatch.undo()
    assert await files.is_changed(job) is False
    (tmp_path / "a.csv").write_text("22")
    assert await files.is_changed(job) is True
    assert await files.is_changed(job.evolve(origin=None)) is False
    assert not files._hanging, "nothing is kept of folders that answer"
