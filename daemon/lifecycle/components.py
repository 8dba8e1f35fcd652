"""Parts of the daemon with a task of their own: how one is run, closed and waited for, and what its crash means."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, Self

from ..errors import HeadgateError

if TYPE_CHECKING:
    from types import TracebackType

    from .signals import StopRequest

logger = logging.getLogger(__name__)

JOIN_SECONDS: Final = 5.0
"""How long a component's task may take to end after its close; then it is cancelled."""


class ComponentFailedError(HeadgateError):
    """A part of the daemon ended by itself; the process ends with it."""


class Component(Protocol):
    """A part with a task of its own: closing it makes `run` return."""

    async def run(self) -> None:
        """Work until closed."""

    async def __aenter__(self) -> object:
        """Open."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """Close."""


class UntilClosed:
    """The life of a component that looks at something now and then: closing it ends its pause."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look no more; what is under way is finished by `run`."""
        self._closing.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until it is closed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


class Failures:
    """Where a component's crash is noted, so that the one who waits ends the process with its reason."""

    def __init__(self, stop: StopRequest) -> None:
        self._stop = stop
        self.first: ComponentFailedError | None = None

    def note(self, task: asyncio.Task[None]) -> None:
        """Note the end of a component's task; an end without an error is what closing brings about."""
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if self.first is None:
            self.first = ComponentFailedError(f"{task.get_name()} failed: {type(error).__name__}: {error}")
            self.first.__cause__ = error
        self._stop.begin()


@asynccontextmanager
async def running(component: Component, name: str, failures: Failures) -> AsyncIterator[None]:
    """Run a component's task while inside; leaving closes the component first and then waits for the task."""
    task: asyncio.Task[None] | None = None
    try:
        async with component:
            task = asyncio.create_task(component.run(), name=name)
            task.add_done_callback(failures.note)
            yield
    finally:
        if task is not None:
            _, pending = await asyncio.wait({task}, timeout=JOIN_SECONDS)
            for late in pending:
                logger.warning("component slow to end", extra={"component": name})
                late.cancel()
                await asyncio.wait({late}, timeout=JOIN_SECONDS)
