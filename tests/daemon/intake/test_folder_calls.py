"""Calls into a folder that hang: no second one is begun, what comes late is undone, and an error of its own stays."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from daemon.errors import FolderHangsError, TaskTimeoutError
from daemon.intake.folder_calls import FolderCalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from daemon.executors.executors import Executors


class InThreads:
    async def run_io(self, function: Callable[..., Any], *args: Any) -> Any:
        done, _ = await asyncio.wait({call := asyncio.ensure_future(asyncio.to_thread(function, *args))}, timeout=0.2)
        if not done:
            raise TaskTimeoutError
        return call.result()


@pytest.fixture
def calls() -> FolderCalls:
    return FolderCalls(cast("Executors", InThreads()))


@pytest.fixture
def back() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("within_seconds", [None, 0.05])
async def test_no_call_is_begun_while_one_hangs(
    calls: FolderCalls, back: threading.Event, eventually: Callable[..., Awaitable[object]], within_seconds: float
) -> None:
    late: list[bool] = []
    with pytest.raises(FolderHangsError):
        await calls.run(back.wait, 20, late=late.append, within_seconds=within_seconds)
    begun: list[int] = []
    with pytest.raises(FolderHangsError):
        await calls.run(begun.append, 1)
    assert calls.hangs
    back.set()
    await eventually(lambda: not calls.hangs)
    await eventually(lambda: late == [True])
    await calls.run(begun.append, 2)
    assert begun == [2]


async def test_an_error_of_the_call_is_passed_on(calls: FolderCalls) -> None:
    def timed_out() -> None:
        raise TimeoutError(110, "Connection timed out")  # as a network file system has it

    with pytest.raises(TimeoutError):
        await calls.run(timed_out)
    assert not calls.hangs
    assert await calls.run(max, 1, 2) == 2


async def test_what_a_call_gives_after_its_end_is_undone_and_an_error_is_nothing(
    calls: FolderCalls, back: threading.Event, eventually: Callable[..., Awaitable[object]]
) -> None:
    late: list[object] = []
    call = asyncio.ensure_future(calls.run(back.wait, 20, late=late.append))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    back.set()
    await eventually(lambda: late == [True])

    def failing() -> None:
        threading.Event().wait(0.4)
        raise OSError

    with pytest.raises(FolderHangsError):
        await calls.run(failing, late=late.append)
    await eventually(lambda: not calls.hangs)
    assert late == [True]
