"""A task for a worker process, ready to be sent: owns what a caller's wishes come to under the limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from . import serialization

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config.executor_limits import ExecutorLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuTask:
    """A task ready to be sent; `body` is the function with its arguments, packed."""

    name: str
    kind: str
    foreign: bool
    """Whether its code is the application's: no worker that has run such a task runs one of Headgate's own."""
    lane: str
    body: bytes
    timeout_seconds: float
    memory_bytes: int

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        limits: ExecutorLimits,
        *,
        timeout: float | None,
        kind: str,
        lane: str | None,
        memory_bytes: int | None,
        own: bool | None,
    ) -> Self:
        """Return the task of a call with the wishes of `Executors.submit_cpu`; raises TaskNotPicklableError."""
        return cls(
            name=serialization.name_of(function),
            kind=kind,
            foreign=kind == "task" if own is None else not own,
            lane=lane or kind,
            body=serialization.pack_task(function, args, kwargs),
            timeout_seconds=limits.task_timeout_seconds if timeout is None else timeout,
            memory_bytes=min(memory_bytes or limits.worker_memory_bytes, limits.worker_memory_bytes),
        )
