"""Calls into a folder that hang: no second one is begun, what comes late is undone, and an error of its own stays."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from no_threads import no_threads

from daemon.errors import FolderHangsError
from daemon.executors.folder_calls import AT_ONCE, FolderCalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator


@pytest.fixture
def calls() -> FolderCalls:
    executors: Any = SimpleNamespace(limits=SimpleNamespace(task_timeout_seconds=0.2))
    return FolderCalls(executors)


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


async def test_a_call_that_gets_no_thread_says_so_and_the_next_is_begun(calls: FolderCalls) -> None:
    """It said so in an error that ended the daemon."""
    for _ in range(AT_ONCE + 1):
        with no_threads(), pytest.raises(OSError, match="no thread can be started"):
            await calls.run(str, 1)
    assert await calls.run(str, 1) == "1"


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


async def test_folders_that_hang_hold_up_no_other_however_many_they_are(back: threading.Event) -> None:
    executors: Any = SimpleNamespace(limits=SimpleNamespace(task_timeout_seconds=60.0))
    many = [asyncio.ensure_future(FolderCalls(executors).run(back.wait, 20)) for _ in range(30)]
    assert await FolderCalls(executors).run(max, 1, 2) == 2
    assert not any(call.done() for call in many)
    back.set()
    assert await asyncio.gather(*many) == [True] * 30


async def test_few_calls_are_in_one_folder_at_once(calls: FolderCalls) -> None:
    here, most = [0], [0]
    lock = threading.Lock()

    def stay() -> None:
        with lock:
            here[0] += 1
            most[0] = max(most[0], here[0])
        threading.Event().wait(0.02)
        with lock:
            here[0] -= 1

    await asyncio.gather(*(calls.run(stay) for _ in range(20)))
    assert 1 <= most[0] <= AT_ONCE
