"""The pool of I/O threads, with the queue, deadlines and counters of the CPU pool; a thread cannot be killed."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import queue
from typing import TYPE_CHECKING, Any

from ..errors import PoolClosedError, TaskFailedError, TaskTimeoutError
from .awake_timeout import awake_timeout
from .serialization import name_of
from .threads import begin_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config.executor_limits import ExecutorLimits
    from .fair_limiter import FairLimiter
    from .stats import Recorder

_log = logging.getLogger(__name__)


class _IoThread:
    """One thread that takes one call at a time.

    It is a daemon thread, which those of ThreadPoolExecutor are not: a call that never returns must not keep
    the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = begin_thread(name, self._work)

    def post(self, call: Callable[[], None]) -> None:
        self._calls.put(call)

    def stop(self) -> None:
        """End the thread, which must be idle."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # an idle thread must keep nothing of its last task alive


class ThreadPool:
    """Runs calls in a bounded number of threads; a call past its deadline keeps its thread until it returns."""

    def __init__(self, *, limiter: FairLimiter, recorder: Recorder, limits: ExecutorLimits) -> None:
        self._limiter = limiter
        self._recorder = recorder
        self._idle: list[_IoThread] = []
        self._running: set[asyncio.Future[Any]] = set()
        self._workers_max = limits.io_workers
        self._started = self._threads = 0
        self._closed = False

    async def run(self, call: Callable[[], Any], *, kind: str, lane: str, timeout_seconds: float) -> Any:
        """Run one call in a thread, within the caller's context; its own errors come back as they are."""
        with self._recorder.track(kind) as ticket:
            await self._limiter.enter(lane)
            ticket.started()
            try:
                outcome = self._start(call)
            except OSError:
                self._limiter.leave()
                raise
            try:
                async with awake_timeout(timeout_seconds):
                    return await outcome
            except TimeoutError:
                if not outcome.cancelled():
                    raise  # the call's own
                name = name_of(call.func if isinstance(call, functools.partial) else call)
                raise TaskTimeoutError(
                    f"{name} passed its deadline of {timeout_seconds:g} s; its thread is busy until it returns"
                ) from None

    def apply(self, limits: ExecutorLimits) -> None:
        """Go on under other limits; threads beyond the new number end when they are idle."""
        self._recorder.resize(workers_max=limits.io_workers, queue_limit=limits.queue_limit)
        self._limiter.resize(
            places=limits.io_workers,
            queue_limit=limits.queue_limit,
            queue_timeout_seconds=limits.queue_timeout_seconds,
        )
        self._workers_max = limits.io_workers
        while self._idle and self._threads > self._workers_max:
            self._stop(self._idle.pop())

    async def drain(self) -> None:
        """Take nothing more and wait until everything taken is done."""
        self._limiter.close()
        await self._limiter.wait_until_empty()

    async def close(self, timeout_seconds: float) -> None:
        """Drain for at most so long, then give up what still runs and end the threads."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.drain()
        except TimeoutError:
            _log.warning("calls abandoned at shutdown", extra={"calls": self._recorder.snapshot().workers_busy})
        finally:
            self._limiter.dismiss()
            self._closed = True
            for outcome in list(self._running):
                if not outcome.done():
                    outcome.set_exception(PoolClosedError("The pool has shut down and given up the call."))
            while self._idle:
                self._stop(self._idle.pop())

    def _start(self, call: Callable[[], Any]) -> asyncio.Future[Any]:
        thread = self._idle.pop() if self._idle else self._new_thread()
        self._recorder.idle(len(self._idle))
        place = self._recorder.busy()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[Any] = loop.create_future()
        self._running.add(outcome)
        outcome.add_done_callback(self._running.discard)
        context = contextvars.copy_context()

        def work() -> None:
            value, error = outcome_of(context, call)
            # The loop may have been closed while an abandoned call went on.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._finish, thread, place, outcome, value, error)

        thread.post(work)
        return outcome

    def _finish(
        self,
        thread: _IoThread,
        place: int,
        outcome: asyncio.Future[Any],
        value: Any,
        error: Exception | None,
    ) -> None:
        if self._closed or self._threads > self._workers_max:
            self._stop(thread)
        else:
            self._idle.append(thread)
            self._recorder.idle(len(self._idle))
        self._recorder.free(place)
        if not outcome.done():
            if error is None:
                outcome.set_result(value)
            else:
                outcome.set_exception(error)
        self._limiter.leave()

    def _new_thread(self) -> _IoThread:
        thread = _IoThread(f"headgate-io-{self._started + 1}")
        self._started += 1
        self._threads += 1
        return thread

    def _stop(self, thread: _IoThread) -> None:
        thread.stop()
        self._threads -= 1
        self._recorder.idle(len(self._idle))


def outcome_of(context: contextvars.Context, call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Run a call on this thread; return what it returned, or what its caller is to be told that it raised."""
    try:
        return context.run(call), None
    except StopIteration as error:
        return None, TaskFailedError(f"{name_of(call)} raised StopIteration: {error}")
    except Exception as error:  # noqa: BLE001  # it belongs to the caller
        return None, error
    except BaseException as error:  # noqa: BLE001  # the daemon would take it for its own end
        return None, TaskFailedError(f"{name_of(call)} raised {type(error).__name__}: {error}")
