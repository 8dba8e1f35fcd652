"""The memory limit of a real control group, as the kernel holds us to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import pytest

if TYPE_CHECKING:
    from .conftest import Headgate

MIB = 1 << 20
ROOT = Path("/sys/fs/cgroup")


@pytest.fixture
def limited() -> Iterator[Callable[[int], Path]]:
    """Make a control group with a memory limit in MiB, where this machine lets us."""
    made: list[Path] = []

    def make(mebibytes: int) -> Path:
        v1 = ROOT / "memory"
        group = (v1 if v1.is_dir() else ROOT) / f"headgate-{uuid4().hex[:8]}"
        try:
            group.mkdir()
            made.append(group)
            (group / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")).write_text(str(mebibytes * MIB))
        except OSError as error:
            pytest.skip(f"no control group can be made here: {error}")
        return group

    yield make
    for group in made:
        group.rmdir()


HOARD = """\
def hoard(frame):
    held = []
    while True:
        held.append(b"x" * (1 << 20))
"""


@pytest.mark.fault
def test_a_worker_that_the_kernel_kills_for_memory_says_so(
    limited: Callable[[int], Path],
    sqlite_headgate: Headgate,
    orders: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The group has less than was there for the sizing at the start, as where others use it, too."""
    headgate, group = sqlite_headgate, limited(2048)
    application = headgate.folder / "application"
    application.mkdir()
    (application / "hoarding.py").write_text(HOARD, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(application))
    dataset = headgate.folder / "datasets" / "orders.yml"
    sound = dataset.read_text(encoding="utf-8")
    dataset.write_text(sound.replace("dataset: orders", "dataset: orders\ntransform: hoarding:hoard"), encoding="utf-8")
    headgate.settings["executors"] = {"cpu_workers": 1, "worker_memory_mb": 1024}
    headgate.settings["ledger"] |= {"max_crashes": 1}  # each kill is a risk for the daemon, in the same group
    headgate.write_config()
    monkeypatch.setattr(headgate, "prefix", ["/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group)])
    process = headgate.start_ready()
    _hold(group, psutil.Process(process.pid).memory_info().rss // MIB + 300)
    orders(headgate.inbox / "orders.xlsx", 20)
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    (job,) = headgate.jobs()
    assert (job["state"], job["crashes"]) == ("dead", 1)
    assert "file.worker_crash: the worker died while it ran" in job["reason"]
    assert "the kernel killed it for memory when it held" in job["reason"]
    assert "raise the memory limit of the control group" in job["reason"]
    assert headgate.ready()
    assert headgate.stop(process) == 0


def _hold(group: Path, mebibytes: int) -> None:
    """Lower the limit of a group that is in use."""
    v1, v2 = group / "memory.limit_in_bytes", group / "memory.max"
    (v1 if v1.exists() else v2).write_text(str(mebibytes * MIB))


def _check(binary: Path, group: Path, folder: Path, configuration: str = "") -> subprocess.CompletedProcess[str]:
    config = folder / "headgate.yml"
    config.write_text(configuration, encoding="utf-8")
    inside = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    return subprocess.run(
        ["/bin/sh", "-c", inside, group, binary, "check", "-c", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_divides_the_limit_over_the_workers(
    limited: Callable[[int], Path], headgate_binary: Path, tmp_path: Path
) -> None:
    done = _check(headgate_binary, limited(1024), tmp_path, "executors: {cpu_workers: 2}\n")
    assert done.returncode == 0, done.stderr
    assert "memory limit: 1024 MiB (cgroup v" in done.stdout
    assert "memory of a worker: 448 MiB (automatic, (the memory limit of 1024 MiB" in done.stdout


def test_check_refuses_what_cannot_fit(limited: Callable[[int], Path], headgate_binary: Path, tmp_path: Path) -> None:
    done = _check(headgate_binary, limited(768), tmp_path, "executors:\n  cpu_workers: 4\n")
    assert done.returncode == 2
    assert "headgate.yml:2: executors.cpu_workers: the memory limit of 768 MiB" in done.stderr
    assert "set executors.cpu_workers to at most 2" in done.stderr
