"""Gives memory back that a process has used once and does not need now; knows nothing of what it was used for."""

from __future__ import annotations

import ctypes
import gc
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SMAPS: Final = Path("/proc/self/smaps")


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector away while modules are imported, and from them for ever: nearly all of it stays.

    To look at it takes a tenth of the time of importing, and as much again with the first full collection; and it
    touches every object, which then is no longer shared with children.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def give_back() -> None:
    """Give back what a large task has left free: allocators keep it for the next one, which may never come."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    _trim()


def settle() -> None:
    """Give back what starting has left: free heap, and the pages of libraries that only importing touched.

    What lives by then stays for good, so the collector does not look at it any more: all of it in each full turn would
    hold the loop up for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    _trim()
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None)
        for start, size in _clean_mappings():
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.MADV_DONTNEED)


def _trim() -> None:
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
    if trim is not None:
        trim(0)


def _clean_mappings() -> Iterator[tuple[int, int]]:
    """Yield address and size of the mappings whose every page is the same in a file: it can be read again any time."""
    start = size = 0
    from_file = False
    try:
        lines = _SMAPS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        first, *rest = line.split(maxsplit=5)
        if not first.endswith(":"):
            begin, _, end = first.partition("-")
            start, size = int(begin, 16), int(end, 16) - int(begin, 16)
            from_file = rest[0] in {"r-xp", "r--p"} and rest[-1].startswith("/")
        elif from_file and first == "Anonymous:" and rest[0] == "0":
            yield start, size
