"""The process's own limits: owns how many descriptors the daemon may have; workers have limits of their own."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

DESCRIPTORS: Final = 65_536


def raise_descriptor_limit() -> None:
    """Use as many descriptors as the system lets us, up to `DESCRIPTORS`: the usual 1,024 are for programs of old."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
