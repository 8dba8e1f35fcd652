"""Watched folders of a running daemon that cannot be read, are replaced, unmounted: measured, told once, and mended."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import NO_OVERRIDE

if TYPE_CHECKING:
    from .conftest import Headgate

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount, and give capabilities away")


def watched(headgate: Headgate, **folder: object) -> Headgate:
    headgate.prefix = NO_OVERRIDE if os.geteuid() == 0 else []
    headgate.settings["intake"] = {
        "folders": [{"path": "inbox", "settle_seconds": 0.3, **folder}],
        "scan_seconds": 0.1,
        "rescan_seconds": 1,
    }
    headgate.write_config()
    return headgate


def measured(headgate: Headgate) -> dict[str, float]:
    """The numbers of the one folder, by their names."""
    return {
        sample.name.removeprefix("headgate_folder_"): sample.value
        for sample in headgate.samples()
        if "folder" in sample.labels
    }


def told(headgate: Headgate, event: str) -> list[str]:
    return [line for line in headgate.log.read_text(encoding="utf-8").splitlines() if event in line]


def looked_at(headgate: Headgate, process: subprocess.Popen[bytes]) -> None:
    """Wait for a look: the daemon is ready before its first one."""
    begun = measured(headgate)["last_look_timestamp_seconds"]
    headgate.until(
        lambda: measured(headgate)["last_look_timestamp_seconds"] > begun, "it was looked at", process=process
    )


@AS_ROOT
@pytest.mark.parametrize("taken", ["stay", "move"])
def test_files_that_cannot_be_read_are_counted_and_told_of_once(
    sqlite_headgate: Headgate, orders: Callable[..., Path], taken: str
) -> None:
    headgate = watched(sqlite_headgate, taken=taken)
    inbox = headgate.inbox
    for number in range(300):
        (inbox / f"note-{number}.csv").write_bytes(b"%d\n" % number)
        (inbox / f"note-{number}.csv").chmod(0)
    odd = Path(os.fsdecode(os.fsencode(inbox) + b"/orders-\xff.xlsx"))
    orders(inbox / "orders-1.xlsx", 5, start=100).rename(odd)
    odd.chmod(0)
    locked = inbox / os.fsdecode(b"caf\xe9")
    locked.mkdir()
    orders(locked / "orders-2.xlsx", 5)
    locked.chmod(0)
    (inbox / "orders-3.xlsx.part").write_bytes(b"")
    process = headgate.start_ready()
    headgate.until(lambda: measured(headgate)["unreadable_files"] == 302, "all are counted", process=process)
    orders(inbox / "orders-4.xlsx", 5, start=200)
    headgate.until(lambda: headgate.all_finished(1), "what can be read is taken", process=process)
    before = measured(headgate)
    headgate.until(
        lambda: measured(headgate)["last_look_timestamp_seconds"] > before["last_look_timestamp_seconds"] + 1,
        "it was looked at ten times more",
        process=process,
    )
    lines = told(headgate, "files not read")
    assert 1 <= len(lines) <= 3, "one line for all of them, and one more where a look came between"
    assert "Permission denied" in lines[-1]
    assert not told(headgate, "Traceback")
    # The remedy of the runbook.
    for path in inbox.glob("note-*"):
        path.chmod(0o644)
    odd.chmod(0o644)
    locked.chmod(0o755)
    headgate.until(lambda: headgate.all_finished(303), "all are taken", process=process)
    headgate.until(lambda: measured(headgate)["unreadable_files"] == 0, "nothing is left lying", process=process)
    assert headgate.rows("SELECT count(*) FROM orders") == [(15,)]
    assert headgate.stop(process) == 0


@AS_ROOT
def test_files_that_cannot_be_moved_are_counted(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = watched(sqlite_headgate, taken="move")
    below = headgate.inbox / "shop"
    below.mkdir()
    orders(below / "orders-1.xlsx", 5)
    below.chmod(0o555)
    process = headgate.start_ready()
    headgate.until(lambda: measured(headgate)["unreadable_files"] == 1, "it is counted", process=process)
    assert headgate.loaded_jobs() == 1
    below.chmod(0o755)
    moved = headgate.inbox / "done" / "shop" / "orders-1.xlsx"
    headgate.until(moved.exists, "it is moved", process=process)
    headgate.until(lambda: measured(headgate)["unreadable_files"] == 0, "nothing is left lying", process=process)
    headgate.until(lambda: len(told(headgate, "files not moved")) > 1, "it is told that it is over", process=process)
    first, *rest = told(headgate, "files not moved")
    assert "Permission denied" in first
    assert len(rest) == 1
    assert headgate.stop(process) == 0


def test_a_folder_that_is_gone_comes_back(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = watched(sqlite_headgate)
    process = headgate.start_ready()
    looked_at(headgate, process)
    assert measured(headgate)["readable"] == 1
    headgate.inbox.rename(headgate.folder / "old")
    headgate.until(lambda: measured(headgate)["readable"] == 0, "it is missed", process=process)
    seen = measured(headgate)["last_look_timestamp_seconds"]
    headgate.until(
        lambda: measured(headgate)["last_look_timestamp_seconds"] > seen + 1, "it is looked for", process=process
    )
    assert len(told(headgate, "folder not read")) == 1
    headgate.inbox.mkdir()
    orders(headgate.inbox / "orders-1.xlsx", 5)
    headgate.until(lambda: headgate.all_finished(1), "its files are taken", process=process)
    now = measured(headgate)
    assert (now["readable"], now["mounted"], now["replaced_total"]) == (1, 1, 1)
    assert len(told(headgate, "folder read again")) == 1
    assert headgate.stop(process) == 0


def test_a_folder_that_becomes_a_link_or_a_file_is_told_of(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    """The daemon ended; a folder that moves to a larger disk leaves a link in its place."""
    headgate = watched(sqlite_headgate)
    process = headgate.start_ready()
    looked_at(headgate, process)
    headgate.inbox.rename(headgate.folder / "larger")
    headgate.inbox.symlink_to(headgate.folder / "larger")
    headgate.until(lambda: measured(headgate)["readable"] == 0, "it is missed", process=process)
    headgate.until(lambda: bool(told(headgate, "folder not read")), "it is said", process=process)
    assert "restart Headgate to follow it" in told(headgate, "folder not read")[-1]
    headgate.inbox.unlink()
    headgate.inbox.write_bytes(b"x")
    headgate.until(lambda: "Not a directory" in told(headgate, "folder not read")[-1], "so is this", process=process)
    headgate.inbox.unlink()
    (headgate.folder / "larger").rename(headgate.inbox)
    orders(headgate.inbox / "orders-1.xlsx", 5)
    headgate.until(lambda: headgate.all_finished(1), "its files are taken", process=process)
    assert headgate.stop(process) == 0


@AS_ROOT
def test_a_mount_is_noticed_and_watched(
    sqlite_headgate: Headgate, orders: Callable[..., Path], mount: Callable[[Path], None]
) -> None:
    headgate = watched(sqlite_headgate)
    mount(headgate.inbox)
    process = headgate.start_ready()
    looked_at(headgate, process)
    assert measured(headgate)["mounted"] == 1
    subprocess.run(["umount", "--lazy", headgate.inbox], check=True, timeout=20)  # a look may have it open
    headgate.until(lambda: measured(headgate)["mounted"] == 0, "the empty folder below is told", process=process)
    assert measured(headgate)["readable"] == 1
    mount(headgate.inbox)
    headgate.until(lambda: measured(headgate)["mounted"] == 1, "it is mounted again", process=process)
    # Only a watch that was set anew tells of a rename in time: without one the file would wait to settle.
    orders(headgate.folder / "orders-1.xlsx", 5).chmod(0o644)
    subprocess.run(["cp", headgate.folder / "orders-1.xlsx", headgate.inbox / "orders-1.xlsx.part"], check=True)
    (headgate.inbox / "orders-1.xlsx.part").rename(headgate.inbox / "orders-1.xlsx")
    headgate.until(lambda: headgate.all_finished(1), "its files are taken", process=process)
    assert measured(headgate)["replaced_total"] == 2
    assert len(told(headgate, "folder replaced")) == 2
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("taken", ["stay", "move"])
def test_names_that_are_no_text_hold_nobody_up(
    sqlite_headgate: Headgate, orders: Callable[..., Path], taken: str
) -> None:
    """A name that is not UTF-8 ended the watch with a traceback."""
    headgate = watched(sqlite_headgate, taken=taken, recursive=True)
    inbox = os.fsencode(headgate.inbox)
    process = headgate.start_ready()
    rejected = (b"\xff.csv", b"\xb6\xa9\xb5\xa5.csv", b"line\nbreak\xfe.csv", b"line\nbreak.csv", b"back\\new.csv")
    for name in rejected:
        Path(os.fsdecode(inbox + b"/" + name)).write_bytes(b"a,b\n1,%s\n" % name[:1])
    below = Path(os.fsdecode(inbox + b"/\xe9t\xe9"))
    below.mkdir()
    orders(headgate.folder / "orders-1.xlsx", 5).rename(below / os.fsdecode(b"orders-\xff.xlsx"))
    headgate.until(lambda: headgate.all_finished(6), "each reaches an end", process=process)
    orders(headgate.inbox / "orders-2.xlsx", 5, start=100)
    headgate.until(lambda: headgate.all_finished(7), "the watch goes on", process=process)
    assert sorted(job["state"] for job in headgate.jobs()) == ["loaded", "loaded", *["rejected"] * 5]
    assert headgate.rows("SELECT count(*) FROM orders") == [(10,)]
    before = measured(headgate)
    headgate.until(
        lambda: measured(headgate)["last_look_timestamp_seconds"] > before["last_look_timestamp_seconds"] + 1,
        "it was looked at ten times more",
        process=process,
    )
    assert measured(headgate)["unreadable_files"] == 0
    assert len(headgate.jobs()) == 7
    assert len(told(headgate, "job queued")) == 2
    assert not told(headgate, "Traceback")
    if taken == "move":
        moved = [name for _, _, names in os.walk(inbox + b"/rejected") for name in names]
        assert sum(name.endswith(b".reason.txt") for name in moved) == 5
        assert set(rejected) <= set(moved)
    assert headgate.stop(process) == 0


@AS_ROOT
@pytest.mark.parametrize("limit", ["max_inotify_instances", "max_inotify_watches"])
def test_a_machine_without_notifications_is_told_of_once(
    sqlite_headgate: Headgate, orders: Callable[..., Path], limit: str
) -> None:
    """There was a line a second; the limits are those of a user namespace of the daemon's own."""
    headgate = watched(sqlite_headgate)
    own_limit = f'echo 0 >/proc/sys/user/{limit} && exec "$@"'
    headgate.prefix = ["unshare", "--user", "--map-root-user", "sh", "-c", own_limit, "sh"]
    if subprocess.run([*headgate.prefix, "true"], check=False, capture_output=True, timeout=20).returncode:
        pytest.skip("there are no user namespaces here")
    process = headgate.start_ready()
    for number in range(3):
        orders(headgate.inbox / f"orders-{number}.xlsx", 5, start=number * 100)
        headgate.until(partial(headgate.all_finished, number + 1), "it is found", process=process)
    before = measured(headgate)
    headgate.until(
        lambda: measured(headgate)["last_look_timestamp_seconds"] > before["last_look_timestamp_seconds"] + 1,
        "it was looked at ten times more",
        process=process,
    )
    assert len(told(headgate, "folders not watched")) == 1
    assert not told(headgate, "Traceback")
    assert headgate.stop(process) == 0
