"""Control groups of a test's own: owns where they lie, in either version, and that they are gone afterwards."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

MIB: Final = 1 << 20
ROOT: Final = Path("/sys/fs/cgroup")
CONTROLLERS: Final = ("memory", "cpu", "cpuacct")
"""Hierarchies of version 1 that the daemon measures; version 2 has one for all."""
JOIN: Final = 'for folder in $0; do echo $$ > "$folder/cgroup.procs" || exit; done; exec "$@"'
FIRST: Final = 10_000
"""Of 1,024 in version 1 and 100 in version 2, which is what groups have."""
REMOVE_SECONDS: Final = 10.0
"""What was killed stays in its group until the kernel has done with it."""


class ControlGroup:
    """A group whose limits can be changed while it is in use."""

    def __init__(self) -> None:
        """Make it.

        Raises:
            OSError: this machine does not let us.

        """
        self._name = f"headgate-{uuid4().hex[:8]}"
        self._v1 = (ROOT / "memory").is_dir()
        self._made: list[Path] = []
        try:
            for folder in [ROOT / name for name in CONTROLLERS] if self._v1 else [ROOT]:
                (folder / self._name).mkdir()
                self._made.append(folder / self._name)
            if not self._v1 and not {"memory.max", "cpu.max"} <= {file.name for file in self._made[0].iterdir()}:
                raise OSError("its controllers are given to nobody below the root")
        except OSError:
            self.remove()
            raise

    @property
    def prefix(self) -> list[str]:
        """Words before a command that make it one of the group."""
        return ["/bin/sh", "-c", JOIN, " ".join(map(str, self._made))]

    def limit_memory(self, mebibytes: int) -> None:
        self._file("memory", "memory.limit_in_bytes", "memory.max").write_text(str(mebibytes * MIB))

    def limit_cpu(self, quota_milliseconds: int, period_milliseconds: int) -> None:
        """Let it have so much of each period; up to there it goes before others, so that the limit alone decides."""
        quota, period = quota_milliseconds * 1000, period_milliseconds * 1000
        self._file("cpu", "cpu.shares", "cpu.weight").write_text(str(FIRST))
        if self._v1:
            self._file("cpu", "cpu.cfs_period_us", "").write_text(str(period))
            self._file("cpu", "cpu.cfs_quota_us", "").write_text(str(quota))
        else:
            self._file("", "", "cpu.max").write_text(f"{quota} {period}")

    def remove(self) -> None:
        """Take it away once nobody is in it any more."""
        deadline = time.monotonic() + REMOVE_SECONDS
        while self._made:
            with contextlib.suppress(OSError):
                self._made[-1].rmdir()
                self._made.pop()
                continue
            assert time.monotonic() < deadline, f"somebody is still in {self._made[-1]}"
            time.sleep(0.05)

    def _file(self, controller: str, v1: str, v2: str) -> Path:
        return (ROOT / controller / self._name / v1) if self._v1 else (ROOT / self._name / v2)
