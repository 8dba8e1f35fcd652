"""Alerts on CPU and memory: their causes are made in a control group of the test's own, their runbooks followed."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psutil
import pytest
from control_groups import MIB

from .conftest import add_to_dataset, give_application
from .test_workers import HASTE, callers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from control_groups import ControlGroup

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)

SPIN: Final = "while True: pass"
TAKE: Final = "import time; held = [b'x' * (700 << 20)]; time.sleep(600)"
TAKE_MORE: Final = """
import time

held = [b"x" * (700 << 20)]
while True:
    held.append(b"x" * (1 << 20))
    time.sleep(0.2)
"""
WORK: Final = """
import time

def work():
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
"""
HOARD: Final = """
def hoard(frame):
    held = []
    while True:
        held.append(b"x" * (1 << 20))
"""


@pytest.fixture
def gate(control_group: ControlGroup, sqlite_headgate: Headgate) -> Headgate:
    """A daemon in a control group whose limits, as they are now, are wide."""
    control_group.limit_memory(2048)
    sqlite_headgate.prefix = control_group.prefix
    sqlite_headgate.settings["executors"] = {"cpu_workers": 1, "worker_memory_mb": 1024}
    sqlite_headgate.write_config()
    return sqlite_headgate


@contextmanager
def beside(group: ControlGroup, code: str) -> Iterator[Callable[[], None]]:
    """Run another program in the group; what is yielded ends it, and the end of the test does so, too."""
    process = subprocess.Popen([*group.prefix, sys.executable, "-c", code])

    def end() -> None:
        process.kill()
        process.wait(20)

    try:
        yield end
    finally:
        end()


def test_a_cpu_that_is_busy(control_group: ControlGroup, called: Called, gate: Headgate) -> None:
    control_group.limit_cpu(400, 400)
    gate.settings["resources"] = {"cpu_threshold": 15}
    gate.write_config()
    with called("HeadgateCpuHigh") as operator, beside(control_group, SPIN) as end:
        operator.is_called()
        operator.reads("Another group, or none of them: it is not Headgate; `top` shows what it is")
        end()
        operator.is_done()


@pytest.mark.usefixtures("gate")
def test_a_main_loop_that_lags(control_group: ControlGroup, called: Called) -> None:
    """Others use up the group's time at once, and the daemon stands still for the rest of each period."""
    with called("HeadgateLoopLagHigh") as operator, beside(control_group, SPIN) as end:
        control_group.limit_cpu(120, 400)
        operator.is_called()
        operator.reads("The machine is out of CPU: see [HeadgateCpuHigh](#headgatecpuhigh)")
        end()
        operator.is_done()


def test_workers_that_the_quota_holds_back(control_group: ControlGroup, called: Called, gate: Headgate) -> None:
    control_group.limit_cpu(250, 400)
    give_application(gate, WORK)
    gate.settings["executors"]["cpu_workers"] = 2
    gate.settings["tasks"] = {"work": "application:work"}
    gate.write_config()
    with called("HeadgateCpuThrottled", factor=HASTE) as operator, callers(gate, "work", 16):
        operator.is_called()
        operator.reads("Raise the CPU limit of the container")
        control_group.limit_cpu(1600, 400)
        operator.is_done()


def test_memory_that_another_program_takes(control_group: ControlGroup, called: Called, gate: Headgate) -> None:
    gate.settings["resources"] = {"memory_threshold": 30}
    gate.write_config()
    with called("HeadgateMemoryHigh") as operator, beside(control_group, TAKE) as end:
        operator.is_called()
        operator.reads("Another group, or none of them: it is not Headgate; `top` shows what it is")
        end()
        operator.is_done()


def test_memory_that_will_be_gone_within_the_hour(control_group: ControlGroup, called: Called, gate: Headgate) -> None:
    gate.settings["resources"] = {"memory_threshold": 30}
    gate.write_config()
    with called("HeadgateMemoryNearLimit") as operator, beside(control_group, TAKE_MORE):
        operator.is_called()
        operator.reads("or a larger limit")
        control_group.limit_memory(16 * 1024)
        operator.is_done()


def test_a_worker_that_the_kernel_kills(
    control_group: ControlGroup, called: Called, gate: Headgate, orders: Callable[..., Path]
) -> None:
    """With a limit of its own that it meets first, the file's error is told and nobody is killed."""
    give_application(gate, HOARD)
    add_to_dataset(gate, "transform: application:hoard")
    gate.settings["ledger"] |= {"max_crashes": 1}  # each kill is a risk for the daemon, in the same group
    gate.write_config()
    with called("HeadgateOutOfMemoryKill") as operator:
        control_group.limit_memory(psutil.Process(operator.process.pid).memory_info().rss // MIB + 500)
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.is_called()
        gate.until(lambda: gate.all_finished(1), "the job is given up", process=operator.process)
        operator.reads("lower `executors.worker_memory_mb` so that the worker meets its own limit first")
        gate.settings["executors"]["worker_memory_mb"] = 320
        gate.write_config()
        operator.reloads()
        gate.tells("configuration taken")
        operator.runs("headgate retry ID", ID=1)
        gate.until(lambda: gate.all_finished(1), "it is tried again", process=operator.process)
        (job,) = gate.jobs()
        assert "the kernel killed it" not in job["reason"]
        operator.is_done()
