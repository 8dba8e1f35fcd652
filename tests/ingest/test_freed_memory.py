"""Memory that a parse frees: the next array of its size gets the same pages."""

from __future__ import annotations

import ctypes
import resource
import subprocess
import sys

import pytest

FAULTS = """
import resource
import numpy as np
from ingest.freed_memory import keep_freed_memory
keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(1 << 18) for _ in range(16)]
    del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(*(faults() for _ in range(3)))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library keeps what it likes")
def test_what_is_freed_is_not_mapped_anew() -> None:
    told = subprocess.run([sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True, timeout=60)
    first, *others = map(int, told.stdout.split())
    pages = (16 * 8 << 18) // resource.getpagesize()
    assert first > pages / 2
    assert max(others) < pages / 10
