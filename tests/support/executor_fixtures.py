"""Executors to test, and the tasks that real worker processes run for them."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from daemon.config.executor_limits import ExecutorLimits
from daemon.executors.executors import Executors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import ModuleType

HANG_SECONDS = 30.0
SETTINGS: dict[str, Any] = {
    "cpu_workers": 2,
    "io_workers": 2,
    "queue_limit": 100,
    "queue_timeout_seconds": 30.0,
    "task_timeout_seconds": 60.0,
    "worker_memory_bytes": 2 * 1024**3,
    "worker_cpu_seconds": 60.0,
    "recycle_tasks": 10_000,
    "recycle_bytes": 1024**3,
    "idle_seconds": 60.0,
    "start_timeout_seconds": 30.0,
}


def build(**changes: Any) -> Executors:
    """Make executors with some settings changed; of the others, workers preload as little as they can."""
    parts: dict[str, Any] = {"preload": ("json",)}
    parts |= {name: changes.pop(name) for name in ("preload", "environ") if name in changes}
    return Executors(ExecutorLimits(**(SETTINGS | changes)), **parts)


@pytest.fixture(autouse=True)
def task_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where modules for workers are found, by the test and by its workers."""
    folder = Path(__file__).parent / "tasks"
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def tasks(task_folder: Path) -> Iterator[ModuleType]:
    del task_folder
    yield importlib.import_module("executor_tasks")
    sys.modules.pop("executor_tasks")


@pytest.fixture
def make_executors() -> Callable[..., Executors]:
    return build


@pytest.fixture
async def executors(make_executors: Callable[..., Executors]) -> AsyncIterator[Executors]:
    async with make_executors() as executors:
        yield executors


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait until a condition holds; the limit only guards against a hang."""

    async def wait(condition: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + HANG_SECONDS
        while not (result := condition()):
            assert time.monotonic() < give_up, "the condition never held"
            await asyncio.sleep(0.01)
        return result

    return wait
