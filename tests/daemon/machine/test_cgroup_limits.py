"""A real control group that runs into its limits: throttling and the kernel's own kill are seen."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.machine import resources
from daemon.machine.cgroup import CgroupTree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/sys/fs/cgroup")
GROUP = f"headgate-test-{os.getpid()}"
JOIN = """
import os, sys
for path in sys.argv[1:]:
    with open(path, "w") as file:
        file.write(str(os.getpid()))
"""
BURN = "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"
HOARD = "held = []\nfor _ in range(200): held.append(b'x' * (1 << 20))\n"


@contextmanager
def group(*controllers: str) -> Iterator[tuple[CgroupTree, list[Path]]]:
    """Make a group below the mount, of whichever version is there; skip the test where that is not allowed."""
    unified = (ROOT / "cgroup.controllers").exists()
    folders = [ROOT / GROUP] if unified else [ROOT / name / GROUP for name in controllers]
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(folders):
            folder.mkdir()
            made.append(folder)
    except OSError as error:
        for folder in made:
            folder.rmdir()
        pytest.skip(f"control groups cannot be made here: {error.strerror}")
    membership = Path(os.environ.get("TMPDIR", "/tmp")) / f"{GROUP}.membership"  # noqa: S108  # removed below
    lines = ["0::/" + GROUP] if unified else [f"{n}:{name}:/{GROUP}" for n, name in enumerate(controllers, 1)]
    membership.write_text("\n".join(lines) + "\n")
    try:
        yield CgroupTree(root=ROOT, membership=membership), made
    finally:
        membership.unlink()
        for folder in made:
            folder.rmdir()


def limit(folders: list[Path], **limits: str) -> None:
    for name, value in limits.items():
        candidates = [folder / name.replace("__", ".") for folder in folders]
        file = next((candidate for candidate in candidates if candidate.exists()), None)
        if file is not None:
            file.write_text(value)


def run(folders: list[Path], work: str) -> int:
    arguments = [str(folder / "cgroup.procs") for folder in folders]
    return subprocess.run([sys.executable, "-c", JOIN + work, *arguments], timeout=60, check=False).returncode


def test_a_process_that_the_kernel_kills_for_its_memory_is_counted() -> None:
    with group("memory") as (tree, folders):
        limit(folders, memory__max="50000000", memory__swap__max="0", memory__limit_in_bytes="50000000")
        cgroup = resources.find_cgroup(tree)
        before = resources.memory_use(cgroup)
        if before.limit_bytes > 50_000_000:
            pytest.skip("the memory controller is not delegated here")
        assert (before.scope, before.events["oom_kill"]) == ("cgroup", 0)
        assert run(folders, HOARD) == -9
        after = resources.memory_use(cgroup)
        assert after.events["oom_kill"] == resources.memory_kills(cgroup) == 1
        assert resources.memory_limit(cgroup) == before.limit_bytes
        assert after.events["max"] > 0


@pytest.mark.slow
def test_a_process_that_its_quota_holds_back_is_seen() -> None:
    with group("cpu", "cpuacct") as (tree, folders):
        limit(folders, cpu__max="10000 100000", cpu__cfs_quota_us="10000")
        cgroup = resources.find_cgroup(tree)
        before = resources.cpu_use(cgroup)
        assert before.scope == "cgroup"
        assert run(folders, BURN) == 0
        after = resources.cpu_use(cgroup)
        if after.periods_total == before.periods_total:
            pytest.skip("the CPU controller is not delegated here")
        assert after.seconds_total - before.seconds_total >= 0.5
        assert after.throttled_periods_total > before.throttled_periods_total
        assert after.throttled_seconds_total - before.throttled_seconds_total > 0.5
