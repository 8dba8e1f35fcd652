"""Alerts on workers, disks and what surrounds the daemon: their causes are made, their runbooks followed."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
from certificates import Authority
from daemon_processes import FORK_SERVER, named

from .conftest import add_to_dataset, give_application

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from small_disk import SmallDisk

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)

EXPLODE = """
import os

def explode(frame):
    os.abort()
"""
MB = 1 << 20


def test_fork_servers_that_die(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    with called("HeadgateForkServerReplaced") as operator:
        for number in range(4):
            orders(gate.inbox / f"orders-{number}.xlsx", 5, start=10 * number)
            gate.until(partial(gate.all_loaded, number + 1), "it is loaded", process=operator.process)
            for server in named(FORK_SERVER, operator.process.pid):
                server.kill()
        operator.is_called()
        operator.reads("Search the log for `fork server replaced`: `died` or `hung`")
        gate.tells("fork server replaced")
        gate.tells("died")
        operator.reads("The alert ends by itself")
        operator.is_done()


def test_workers_that_crash(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Three files break the reader, each twice: they are given up, and the sender is asked."""
    gate = sqlite_headgate
    give_application(gate, EXPLODE)
    add_to_dataset(gate, "transform: application:explode")
    with called("HeadgateWorkerCrashLoop", factor=10) as operator:
        for number in range(3):
            orders(gate.inbox / f"orders-{number}.xlsx", 5, start=10 * number)
        operator.is_called()
        gate.until(lambda: gate.all_finished(3), "all are given up", process=operator.process)
        assert "orders-2.xlsx" in operator.runs("headgate jobs --state dead")
        operator.reads("`crash`: the log names the file of each; a file is given up after two")
        gate.tells("file.worker_crash")
        operator.reads("The alert ends by itself")
        operator.is_done()


@pytest.mark.parametrize("how", ["mounted again", "restarted"])
def test_a_spool_that_is_gone(called: Called, sqlite_headgate: Headgate, how: str) -> None:
    gate = sqlite_headgate
    spool, elsewhere = gate.folder / "var" / "spool", gate.folder / "elsewhere"
    with called("HeadgateNotReady") as operator:
        spool.rename(elsewhere)
        operator.is_called()
        status, words = operator.asks("curl ADDRESS/-/ready")
        assert status == 503
        assert "spool" in words
        if how == "mounted again":
            operator.reads("A spool that is gone: mount it again")
            elsewhere.rename(spool)
        else:
            operator.restarts("restart the daemon to make a new one")
        operator.is_done()


def test_a_disk_of_the_spool_that_fills(
    called: Called, sqlite_headgate: Headgate, small_disk: Callable[[Path, int], SmallDisk]
) -> None:
    gate = sqlite_headgate
    disk = small_disk(gate.folder / "var", 32)
    gate.settings["intake"]["min_free_mb"] = 4
    gate.write_config()
    with called("HeadgateDiskSpoolLow") as operator:
        disk.fill(but_bytes=2 * MB)
        operator.is_called("critical")
        operator.reads("`du -sh STATE_DIR/spool`")
        spooled = sum(path.stat().st_size for path in (disk.folder / "spool").rglob("*") if path.is_file())
        assert spooled < MB
        operator.reads("The spool is small: something else fills the disk")
        disk.clear()
        operator.is_done()


@pytest.mark.usefixtures("require_openssl")
def test_a_certificate_that_ends_soon(called: Called, sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    (gate.folder / "authority").mkdir()
    authority = Authority(gate.folder / "authority")
    shown = authority.issue_begun("shown", days_ago=27, days=3)
    gate.settings["api"] |= {"tls_certificate_file": str(shown.certificate), "tls_key_file": str(shown.key)}
    gate.write_config()
    with called("HeadgateCertificateEnds") as operator:
        operator.is_called()
        operator.reads("write certificate and key over the old files: both servers follow their files")
        renewed = authority.issue("renewed", "IP:127.0.0.1", days=90)
        shutil.copyfile(renewed.key, shown.key)
        shutil.copyfile(renewed.certificate, shown.certificate)
        operator.is_done()
