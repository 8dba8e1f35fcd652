"""A process that gets no thread: stands for a machine with as many of them as there may be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TOO_LARGE: Final = 1 << 46
"""Bytes of a stack that no address space has room for: the system says EAGAIN, as where the limit is reached."""


@contextmanager
def no_threads() -> Iterator[None]:
    """Let every start of a thread fail while inside; those that are there go on."""
    before = threading.stack_size(TOO_LARGE)
    try:
        yield
    finally:
        threading.stack_size(before)
