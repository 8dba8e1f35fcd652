"""Watched folders that hang: they are told as that, and the others go on."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from folder_intake import DEADLINE_SECONDS, Intake, jobs_are, running, until

from daemon.errors import StartupError
from daemon.intake import folder_scanner
from daemon.intake.folder_files import list_files
from daemon.intake.folder_start import begin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    Eventually = Callable[..., Awaitable[object]]


@dataclass(frozen=True)
class Mount:
    """A folder on a mount that answers or not; counts the calls that hang."""

    folder: Path
    away: threading.Event
    back: threading.Event
    hung: list[str]

    def reach(self, folder: Path, what: str) -> None:
        if folder.is_relative_to(self.folder) and self.away.is_set():
            self.hung.append(what)
            self.back.wait(20)


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mount]:
    folder = tmp_path / "mount"
    folder.mkdir()
    mount = Mount(folder, threading.Event(), threading.Event(), [])

    def listed(folder: Path, **how: Any) -> Any:
        mount.reach(folder, "list")
        return list_files(folder, **how)

    monkeypatch.setattr(folder_scanner, "list_files", listed)
    monkeypatch.setattr(folder_scanner, "ALONE_SECONDS", 0.05, raising=False)
    yield mount
    mount.back.set()


async def test_a_folder_that_hangs_is_told_and_the_others_go_on(
    intake: Intake, mount: Mount, eventually: Eventually
) -> None:
    mount.away.set()
    async with running(intake.scanner(mount.folder, intake.inbox)) as task:
        (intake.inbox / "a.csv").write_text("sku\nA\n")
        await until(jobs_are(intake, 1))
        await eventually(lambda: intake.measured("readable", mount.folder) == 0)
        assert intake.measured("readable") == 1
        (intake.inbox / "b.csv").write_text("sku\nB\n")
        await until(jobs_are(intake, 2))
        await asyncio.sleep(2 * DEADLINE_SECONDS)
        assert mount.hung == ["list"], "no second call is begun"
        (mount.folder / "c.csv").write_text("sku\nC\n")
        mount.away.clear()
        mount.back.set()
        await until(jobs_are(intake, 3))
        assert intake.measured("readable", mount.folder) == 1
        assert not task.done()


async def test_a_folder_that_hangs_at_the_start_is_watched_when_it_is_back(
    intake: Intake, mount: Mount, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    def begun(folder: Any) -> Any:
        mount.reach(folder.path, "begin")
        return begin(folder)

    monkeypatch.setattr(folder_scanner, "begin", begun)
    monkeypatch.setattr(folder_scanner, "START_SECONDS", 0.5)
    mount.away.set()
    real = mount.folder / "real"
    real.mkdir()
    (mount.folder / "link").symlink_to(real)
    async with running(intake.scanner(mount.folder / "link", intake.inbox)):
        assert intake.measured("readable", mount.folder / "link") == 0
        (intake.inbox / "a.csv").write_text("sku\nA\n")
        await until(jobs_are(intake, 1))
        (real / "c.csv").write_text("sku\nC\n")
        mount.away.clear()
        mount.back.set()
        await until(jobs_are(intake, 2))
        assert mount.hung == ["begin"]
        await eventually(lambda: intake.measured("readable", mount.folder / "link") == 1)
    [taken] = await intake.queries.taken([str(real / "c.csv")])
    assert taken.state == "queued", "the ledger knows it by where it is behind the link"


async def test_a_folder_that_is_not_there_at_the_start_is_an_error(intake: Intake) -> None:
    with pytest.raises(StartupError, match="cannot be read"):
        async with intake.scanner(intake.inbox / "gone"):
            pass


async def test_a_large_file_is_copied_by_steps_and_one_that_hangs_is_told(
    intake: Intake, mount: Mount, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    spool, sticks = intake.parts.spool, threading.Event()
    copying = spool.copying

    def slow(descriptor: int, max_bytes: int) -> Iterator[Any]:
        for received in copying(descriptor, max_bytes):
            if sticks.is_set():
                mount.hung.append("read")
                mount.back.wait(20)
            time.sleep(0.12)
            yield received

    monkeypatch.setattr(spool, "copying", slow)
    (mount.folder / "large.csv").write_bytes(b"sku\n" + b"ABCDEFG\n" * (1 << 18))
    async with running(intake.scanner(mount.folder, intake.inbox)) as task:
        await until(jobs_are(intake, 1))  # eight pieces and more, each of a third of the deadline
        sticks.set()
        (mount.folder / "other.csv").write_bytes(b"sku\nA\n")
        await eventually(lambda: intake.measured("unreadable_files", mount.folder) == 1)
        assert intake.measured("readable", mount.folder) == 0
        sticks.clear()
        (intake.inbox / "b.csv").write_text("sku\nB\n")
        await until(jobs_are(intake, 2))
        await asyncio.sleep(2 * DEADLINE_SECONDS)
        assert mount.hung == ["read"]
        mount.back.set()
        await until(jobs_are(intake, 3))
        await eventually(lambda: intake.measured("unreadable_files", mount.folder) == 0)
        assert not task.done()
    assert len(list(spool.source("any").parent.parent.iterdir())) == 3, "what came late is not kept"
