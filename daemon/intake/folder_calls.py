"""Calls into a watched folder, each on an I/O thread: owns that a folder that hangs holds few of them, not all."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any

from ..errors import FolderHangsError, TaskTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..executors.executors import Executors


class _Call:
    """One call; when it returns after it was given up, `late` gets what it returned."""

    def __init__(self, function: Callable[[], Any], late: Callable[[Any], object] | None) -> None:
        self._function, self._late = function, late
        self._lock = threading.Lock()
        self._given_up, self._failed = False, True
        self.begun = self.returned = False
        self.result: Any = None

    def __call__(self) -> Any:
        if not self._begins():
            return None
        try:
            self.result = self._function()
            self._failed = False
        finally:
            with self._lock:
                self.returned = True
                given_up = self._given_up
        if given_up:
            self.undo()
        return self.result

    def _begins(self) -> bool:
        """Note that it begins, unless it has waited for a thread for so long that nobody waits for it."""
        with self._lock:
            self.begun = not self._given_up
            return self.begun

    def give_up(self) -> bool:
        """Wait for it no more; say whether it still runs."""
        with self._lock:
            self._given_up = True
            return self.begun and not self.returned

    def undo(self) -> None:
        """Do away with what it has returned to nobody. Blocking."""
        if self._late is not None and not self._failed:
            self._late(self.result)


class FolderCalls:
    """Runs what blocks in one folder; while a call that was given up has not returned, no other is begun."""

    def __init__(self, executors: Executors) -> None:
        self._executors = executors
        self._out: list[_Call] = []

    @property
    def hangs(self) -> bool:
        """Whether a call that was given up still holds its thread."""
        self._out = [call for call in self._out if not call.returned]
        return bool(self._out)

    async def run(
        self,
        function: Callable[..., Any],
        *args: Any,
        late: Callable[[Any], object] | None = None,
        within_seconds: float | None = None,
    ) -> Any:
        """Run a function on an I/O thread; raises what it raises.

        `late` is given what comes when nobody waits any more. The deadline is that of any I/O, or `within_seconds`.

        Raises:
            FolderHangsError: it, or one before it, has not returned in time.

        """
        if self.hangs:
            raise FolderHangsError
        call = _Call(functools.partial(function, *args), late)
        try:
            async with asyncio.timeout(within_seconds):
                return await self._executors.run_io(call)
        except asyncio.CancelledError:
            call.give_up()
            raise
        except (TaskTimeoutError, TimeoutError) as error:
            if call.give_up():
                self._out.append(call)
            elif isinstance(error, TaskTimeoutError):  # it returned in this very moment
                await self._executors.run_io(call.undo)
            elif call.returned:
                raise  # its own, as a network file system has it
            raise FolderHangsError from error
