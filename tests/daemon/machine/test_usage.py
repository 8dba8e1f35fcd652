"""Use in percent, measured over a window that says something."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from daemon.machine import usage
from daemon.machine.usage import UsageMeter


@pytest.mark.slow
async def test_a_window_is_neither_too_short_nor_too_long() -> None:
    meter = UsageMeter()
    first = await meter.measure()
    at_once = await meter.measure()
    await asyncio.sleep(1)
    later = await meter.measure()
    assert usage.WINDOW_SECONDS <= first.window_seconds < 10
    assert usage.WINDOW_SECONDS <= at_once.window_seconds < 10
    assert later.window_seconds >= 1, "since it was last asked"
    for one in (first, at_once, later):
        assert 0 <= one.cpu_percent <= 100
        assert 0 < one.memory_percent <= 100
        assert one.threads >= one.processes > 0


@pytest.mark.slow
async def test_work_is_seen() -> None:
    meter = UsageMeter()
    cores = len(os.sched_getaffinity(0))
    burn = "import time\nend = time.monotonic() + 20\nwhile time.monotonic() < end: pass"
    burning = [await asyncio.create_subprocess_exec(sys.executable, "-c", burn) for _ in range(cores)]
    try:
        await asyncio.sleep(0.5)
        await meter.measure()
        await asyncio.sleep(1)
        seen = await meter.measure()
    finally:
        for child in burning:
            child.kill()
            await child.wait()
    assert seen.cpu_percent > 30
