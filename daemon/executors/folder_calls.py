"""Calls into a watched folder, each on a thread of its own: owns that a folder that hangs holds up nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from typing import TYPE_CHECKING, Any, Final

from ..errors import FolderHangsError
from .awake_timeout import awake_timeout
from .thread_pool import outcome_of
from .threads import begin_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from .executors import Executors

AT_ONCE: Final = 4
"""Calls into one folder beside each other."""


class FolderCalls:
    """Runs what blocks in one folder; while a call that was given up has not returned, no other is begun.

    On threads of its own: those of the executors are few, and all folders of a server that is away hang together.
    """

    def __init__(self, executors: Executors) -> None:
        self._executors = executors
        self._places = asyncio.Semaphore(AT_ONCE)
        self._given_up: list[_Call] = []

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up still holds its thread."""
        self._given_up = [call for call in self._given_up if not call.returned]
        return bool(self._given_up)

    async def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        late: Callable[[Any], object] | None = None,
        within_seconds: float | None = None,
    ) -> Any:
        """Run a function on a thread; raises what it raises.

        `late` is given, on a thread too, what comes when nobody waits any more. The deadline is that of any I/O, or
        `within_seconds`.

        Raises:
            FolderHangsError: it, or one before it, has not returned in time.

        """
        async with self._places:
            if self.hangs:
                raise FolderHangsError
            call = _Call(functools.partial(function, *args), late)
            outcome = call.begin()
            try:
                async with awake_timeout(within_seconds or self._executors.limits.task_timeout_seconds):
                    return await outcome
            except TimeoutError as error:
                if not outcome.cancelled():
                    raise  # the call's own, as a network file system has it
                self._given_up.append(call)
                raise FolderHangsError from error


class _Call:
    """One call on a daemon thread, which keeps no process from ending."""

    def __init__(self, function: Callable[[], Any], late: Callable[[Any], object] | None) -> None:
        self._function, self._late = function, late
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Any] = self._loop.create_future()
        self.returned = False

    def begin(self) -> asyncio.Future[Any]:
        """Start the thread; the future gets what comes of it, unless it was cancelled by then."""
        context = contextvars.copy_context()
        begin_thread("headgate-folder", self._work, context)
        return self._outcome

    def _work(self, context: contextvars.Context) -> None:
        result, error = outcome_of(context, self._function)
        self.returned = True
        with contextlib.suppress(RuntimeError):  # the loop may have been closed while an abandoned call went on
            self._loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: Exception | None) -> None:
        if self._outcome.done():
            if error is None and self._late is not None:
                begin_thread("headgate-folder", self._late, result)
        elif error is None:
            self._outcome.set_result(result)
        else:
            self._outcome.set_exception(error)
