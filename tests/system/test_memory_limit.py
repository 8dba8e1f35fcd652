"""The memory limit of a real control group, as the kernel holds us to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from control_groups import MIB

if TYPE_CHECKING:
    from control_groups import ControlGroup

    from .conftest import Headgate

HOARD = """\
def hoard(frame):
    held = []
    while True:
        held.append(b"x" * (1 << 20))
"""


@pytest.mark.fault
def test_a_worker_that_the_kernel_kills_for_memory_says_so(
    control_group: ControlGroup,
    sqlite_headgate: Headgate,
    orders: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The group has less than was there for the sizing at the start, as where others use it, too."""
    headgate, group = sqlite_headgate, control_group
    group.limit_memory(2048)
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
    headgate.prefix = group.prefix
    process = headgate.start_ready()
    group.limit_memory(psutil.Process(process.pid).memory_info().rss // MIB + 300)
    orders(headgate.inbox / "orders.xlsx", 20)
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    (job,) = headgate.jobs()
    assert (job["state"], job["crashes"]) == ("dead", 1)
    assert "file.worker_crash: the worker died while it ran" in job["reason"]
    assert "the kernel killed it for memory when it held" in job["reason"]
    assert "raise the memory limit of the control group" in job["reason"]
    assert headgate.ready()
    assert headgate.stop(process) == 0


def _check(
    binary: Path, group: ControlGroup, folder: Path, configuration: str = ""
) -> subprocess.CompletedProcess[str]:
    config = folder / "headgate.yml"
    config.write_text(configuration, encoding="utf-8")
    return subprocess.run(
        [*group.prefix, binary, "check", "-c", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_divides_the_limit_over_the_workers(
    control_group: ControlGroup, headgate_binary: Path, tmp_path: Path
) -> None:
    control_group.limit_memory(1024)
    done = _check(headgate_binary, control_group, tmp_path, "executors: {cpu_workers: 2}\n")
    assert done.returncode == 0, done.stderr
    assert "memory limit: 1024 MiB (cgroup v" in done.stdout
    assert "memory of a worker: 448 MiB (automatic, (the memory limit of 1024 MiB" in done.stdout


def test_check_refuses_what_cannot_fit(control_group: ControlGroup, headgate_binary: Path, tmp_path: Path) -> None:
    control_group.limit_memory(768)
    done = _check(headgate_binary, control_group, tmp_path, "executors:\n  cpu_workers: 4\n")
    assert done.returncode == 2
    assert "headgate.yml:2: executors.cpu_workers: the memory limit of 768 MiB" in done.stderr
    assert "set executors.cpu_workers to at most 2" in done.stderr
