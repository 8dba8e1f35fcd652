"""What becomes of memory that a parse lets go of: kept for the next array; knows no arrays."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""Parameters of mallopt(3), as glibc's malloc.h numbers them."""
_LARGEST_KEPT: Final = 32 << 20
_MOST_KEPT: Final = 64 << 20


@cache
def keep_freed_memory() -> None:
    """Let the process keep up to 64 MiB at the end of each heap; where the C library has no such setting, do nothing.

    glibc hands an array that is larger than any before it, and the end of a heap beyond twice that size, back to the
    system as soon as they are freed, and what comes next is mapped page by page: up to a tenth of the time of a parse,
    which goes through many arrays of some hundred kB. These limits are the ones that glibc comes to by itself in a
    process that has freed an array of just under 32 MiB (M_MMAP_THRESHOLD in mallopt(3)). They cost some MiB at the
    peak, for what is free between two arrays stays; what a large file leaves, a worker gives back at rest.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        mallopt(_TRIM_THRESHOLD, _MOST_KEPT)
