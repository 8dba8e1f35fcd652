"""The memory limit of a real control group, as the kernel holds us to it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

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
