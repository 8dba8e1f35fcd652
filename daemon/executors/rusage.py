"""What a worker process measures of itself: CPU time and memory, cheaply, for it happens around every task."""

from __future__ import annotations

import os
import resource
import sys
from typing import Final

RU_MAXRSS_UNIT: Final = 1 if sys.platform == "darwin" else 1024
_RESET_PEAK: Final = b"5"  # of /proc/PID/clear_refs, see proc_pid_clear_refs(5)


class ResourceUsage:
    """The process's own numbers; the files of /proc stay open, for opening them costs more than reading them."""

    def __init__(self) -> None:
        self._clear_refs = _open("/proc/self/clear_refs", os.O_WRONLY)
        self._statm = _open("/proc/self/statm", os.O_RDONLY)

    def reset_peak(self) -> None:
        """Let the peak count from now; where the kernel refuses, it stays that of the process's life."""
        if self._clear_refs is not None:
            os.write(self._clear_refs, _RESET_PEAK)

    def used(self) -> tuple[float, int]:
        """Return the CPU seconds since the process began, and the most memory held since `reset_peak`.

        CPU time is user and system time of all threads. In a process that was forked and never called exec,
        ru_maxrss is the high-water mark of its address space, which is what clear_refs resets (Linux, `getrusage`
        in kernel/sys.c).
        """
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime, used.ru_maxrss * RU_MAXRSS_UNIT

    def resident_bytes(self) -> int:
        """Return the memory held now; 0 where there is no /proc to tell."""
        if self._statm is None:
            return 0
        return int(os.pread(self._statm, 128, 0).split()[1]) * resource.getpagesize()


def _open(path: str, flags: int) -> int | None:
    try:
        return os.open(path, flags)
    except OSError:
        return None
