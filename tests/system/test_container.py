"""What image and manifests ask of the daemon, without an engine: PID 1, no privileges, a read-only root."""

from __future__ import annotations

import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Headgate

ROOT = Path(__file__).resolve().parents[2]
CONTAINED = """
mount --bind "$1" /mnt
mount --bind "$3" /media
mount -t tmpfs -o mode=1777 tmpfs /tmp
mkdir -p "$3" # it may lie below /tmp
mount --bind /media "$3"
mount -o remount,bind,ro /
exec setpriv --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$2" run -c /mnt/headgate.yml
"""


@pytest.fixture
def contained(sqlite_headgate: Headgate, namespaces: list[str]) -> Iterator[psutil.Process]:
    """The daemon as a container's only process; its folder is the only place that it can write."""
    headgate, folder = sqlite_headgate, sqlite_headgate.folder
    headgate.settings["database"]["url"] = "sqlite+aiosqlite:////mnt/target.db"
    headgate.write_config()
    with headgate.log.open("ab") as log:
        process = subprocess.Popen(
            [*namespaces, "sh", "-euc", CONTAINED, "sh", folder, headgate.binary, ROOT], stdout=log, stderr=log
        )
    headgate.processes.append(process)
    headgate.until(headgate.ready, "the daemon is ready", process=process)
    (daemon,) = psutil.Process(process.pid).children()
    yield daemon
    if process.poll() is None:
        process.kill()
        process.wait(10)


def status(process: psutil.Process) -> dict[str, str]:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\t(.*)$", text, flags=re.MULTILINE))


def test_it_loads_workbooks_and_stops(
    contained: psutil.Process, sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    found = status(contained)
    assert found["NSpid"].split()[-1] == "1"
    assert {found[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {"0" * 16}
    assert found["NoNewPrivs"] == "1"
    orders(sqlite_headgate.inbox / "orders.xlsx", 25)
    (unshare,) = sqlite_headgate.processes
    sqlite_headgate.until(lambda: sqlite_headgate.loaded_jobs() == 1, "the file is loaded", process=unshare)
    assert sqlite_headgate.scalar("SELECT count(*) FROM orders") == "25"
    contained.send_signal(signal.SIGTERM)
    assert unshare.wait(60) == 0, sqlite_headgate.tail()


def test_a_worker_that_dies_leaves_no_zombie_to_pid_1(
    contained: psutil.Process, sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    """The end of the fork server makes its workers children of PID 1, which must reap them."""
    orders(sqlite_headgate.inbox / "orders-1.xlsx", 25)
    (unshare,) = sqlite_headgate.processes
    sqlite_headgate.until(lambda: sqlite_headgate.loaded_jobs() == 1, "the first file is loaded", process=unshare)
    for child in contained.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # workers end with their fork server
            child.kill()
    orders(sqlite_headgate.inbox / "orders-2.xlsx", 25, start=100)
    sqlite_headgate.until(lambda: sqlite_headgate.loaded_jobs() == 2, "the second file is loaded", process=unshare)

    def no_zombie() -> bool:
        with suppress(psutil.NoSuchProcess):  # reaped just now: looked at again
            return all(child.status() != psutil.STATUS_ZOMBIE for child in contained.children(recursive=True))
        return False

    sqlite_headgate.until(no_zombie, "no zombie is left", process=unshare)
