"""Watched folders of a running daemon: what is taken, when it is whole, and where it goes."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import psutil
import pytest

if TYPE_CHECKING:
    from .conftest import Headgate


def moving(headgate: Headgate, **intake: object) -> Headgate:
    folder = {"path": "inbox", "taken": "move", "settle_seconds": 0.3}
    headgate.settings["intake"] = {"folders": [folder], "scan_seconds": 0.1, **intake}
    headgate.write_config()
    return headgate


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_taken_files_move_to_where_their_jobs_end(headgate: Headgate, orders: Callable[..., Path]) -> None:
    inbox = moving(headgate, max_file_mb=1).inbox
    (inbox / "shop").mkdir()
    (inbox / "orders-huge.xlsx").write_bytes(bytes(2 << 20))
    orders(inbox / "orders-good.xlsx", 5)
    orders(inbox / "shop" / "orders-good.xlsx", 5, start=100)
    orders(inbox / "orders-some.xlsx", 5, start=200, bad=(1,))
    (inbox / "orders-text.xlsx").write_bytes(b"no workbook")
    orders(inbox / "unknown.xlsx", 5, start=300)
    process = headgate.start_ready()
    expected = {
        "done/orders-good.xlsx",
        "done/shop/orders-good.xlsx",
        "rejected/orders-some.xlsx",
        "rejected/orders-some.rejects.xlsx",
        "rejected/orders-text.xlsx",
        "rejected/orders-text.reason.txt",
        "rejected/orders-huge.xlsx",
        "rejected/orders-huge.reason.txt",
        "rejected/unknown.xlsx",
        "rejected/unknown.reason.txt",
    }
    headgate.until(lambda: tree(inbox) == expected, "the files are where they belong", process=process)
    sheet = openpyxl.load_workbook(inbox / "rejected" / "orders-some.rejects.xlsx").worksheets[0]
    assert any("many" in str(cell) for row in sheet.iter_rows(values_only=True) for cell in row)
    assert "no dataset" in (inbox / "rejected" / "unknown.reason.txt").read_text()
    orders(inbox / "orders-good.xlsx", 6, start=400)
    done = inbox / "done"
    headgate.until(lambda: len(list(done.glob("orders-good*.xlsx"))) == 2, "the next of that name", process=process)
    assert headgate.stop(process) == 0


def test_files_that_stay_are_taken_once(headgate: Headgate, orders: Callable[..., Path]) -> None:
    orders(headgate.inbox / "orders-1.xlsx", 5)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    assert headgate.stop(process) == 0
    orders(headgate.inbox / "orders-2.xlsx", 5, start=100)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(2), "the second job has ended", process=process)
    copied = headgate.inbox / ".copied.part"
    shutil.copy2(headgate.inbox / "orders-1.xlsx", copied)
    copied.rename(headgate.inbox / "orders-1.xlsx")  # the same file under another inode, as from a backup
    orders(headgate.inbox / "orders-2.xlsx", 6, start=200)
    headgate.until(lambda: headgate.all_finished(3), "the changed file is taken", process=process)
    time.sleep(1.0)
    assert [job["state"] for job in headgate.jobs()] == ["loaded"] * 3
    assert tree(headgate.inbox) == {"orders-1.xlsx", "orders-2.xlsx"}
    assert headgate.stop(process) == 0


def test_a_file_is_moved_by_the_next_daemon(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    orders(headgate.inbox / "orders-1.xlsx", 5)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    headgate.kill(process)
    process = moving(headgate).start_ready()
    headgate.until(lambda: tree(headgate.inbox) == {"done/orders-1.xlsx"}, "it is moved", process=process)
    assert len(headgate.jobs()) == 1
    assert headgate.stop(process) == 0


def test_a_slow_writer_is_waited_for(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    whole = orders(headgate.folder / "whole.xlsx", 50).read_bytes()
    process = headgate.start_ready()
    with (headgate.inbox / "orders-slow.xlsx").open("wb", buffering=0) as writer:
        for start in range(0, len(whole), len(whole) // 3):
            writer.write(whole[start : start + len(whole) // 3])
            time.sleep(0.6)  # six scans see no change
        assert headgate.jobs() == []
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    assert [job["state"] for job in headgate.jobs()] == ["loaded"]
    assert headgate.stop(process) == 0


def test_links_pipes_and_what_lies_outside_are_left_alone(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    headgate = moving(sqlite_headgate)
    outside = headgate.folder / "outside"
    outside.mkdir()
    secret = orders(outside / "orders-secret.xlsx", 5)
    (headgate.inbox / "orders-link.xlsx").symlink_to(secret)
    (headgate.inbox / "linked").symlink_to(outside)
    (headgate.inbox / "rejected").symlink_to(outside)
    os.mkfifo(headgate.inbox / "orders-pipe.xlsx")
    odd = os.fsencode(headgate.inbox) + b"/orders-\xff\n.xlsx"
    orders(headgate.inbox / "orders-good.xlsx", 5, start=100).rename(os.fsdecode(odd))
    (headgate.inbox / "orders-bad.xlsx").write_bytes(b"no workbook")
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(2), "the jobs have ended", process=process)
    headgate.until((headgate.inbox / "done").exists, "the good file is moved", process=process)
    time.sleep(0.5)
    assert {job["file"] for job in headgate.jobs()} == {"orders-bad.xlsx", "orders-\\udcff\\n.xlsx"}
    assert [path.name for path in outside.iterdir()] == ["orders-secret.xlsx"]
    assert (headgate.inbox / "orders-bad.xlsx").exists()
    assert headgate.stop(process) == 0


def test_lost_notifications_are_made_up_for(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = moving(sqlite_headgate, rescan_seconds=1)
    book = orders(headgate.folder / "book.xlsx", 5)
    process = headgate.start_ready()
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    process.send_signal(signal.SIGSTOP)
    try:
        for number in range(limit // 4 + 1):  # each makes four events or more: create, open, close, delete
            noise = headgate.inbox / f"{number}.tmp"
            noise.touch()
            noise.unlink()
        book.rename(headgate.inbox / "orders-1.xlsx")
    finally:
        process.send_signal(signal.SIGCONT)
    headgate.until(lambda: tree(headgate.inbox) == {"done/orders-1.xlsx"}, "the rescan finds it", process=process)
    assert headgate.stop(process) == 0


@pytest.mark.timeout(600)
def test_ten_thousand_files_dropped_at_once(sqlite_headgate: Headgate) -> None:
    headgate = moving(sqlite_headgate)
    drop = headgate.folder / "drop"
    drop.mkdir()
    for number in range(10_000):
        (drop / f"note-{number:05}.xlsx").write_bytes(b"%d" % number)
    process = headgate.start_ready()
    before = psutil.Process(process.pid).memory_info().rss
    drop.rename(headgate.inbox / "drop")
    count = "SELECT count(*) FROM headgate_job WHERE state = 'rejected'"
    headgate.until(lambda: headgate.scalar(count) == "10000", "all are taken", seconds=500, process=process)
    assert psutil.Process(process.pid).memory_info().rss - before < 100 << 20
    assert headgate.scalar("SELECT count(DISTINCT sha256) FROM headgate_job") == "10000"
    process.kill()
    process.wait(10)
