"""What runs inside a CPU worker process: take a task, run it under its limits, send back the answer and its cost."""

from __future__ import annotations

import gc
import pickle
import select
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from . import framing, memory_release, sandbox, serialization
from .process_state import changes, process_state
from .rusage import ResourceUsage

if TYPE_CHECKING:
    import socket

_JOINED_BYTES: Final = 1 << 16
_KEPT_BYTES: Final = 64 << 20
"""Memory that a worker may keep at rest beyond what it began with."""
_REST_SECONDS: Final = 5.0
"""For so long it keeps all of it: to give memory back and to map it anew takes a tenth to a fifth of a parse's time,
which is lost between the files of a busy hour."""


def serve(connection: socket.socket, memory_bytes: int) -> None:
    """Run tasks until the daemon closes the socket."""
    sandbox.heed_signals_in_children()
    limits = sandbox.limit_process(memory_bytes)
    usage = ResourceUsage()
    stream = connection.makefile("rb")
    resting_bytes = usage.resident_bytes()
    _send(connection, framing.Frame(framing.READY))
    begun = b"".join(framing.pack(framing.Frame(framing.BEGUN)))
    state: dict[str, Any] = {}
    while (task := framing.read(stream)) is not None:
        connection.sendall(begun)
        foreign = task.kind == framing.FOREIGN_TASK
        # Between two of them nobody changes anything: what the one before has left is what this one finds.
        before = state or (process_state() if foreign else {})
        answer = _run(task, usage, limits)
        state = process_state() if foreign else {}
        if changed := changes(before, state):
            _send(connection, framing.Frame(framing.CHANGED, changed.encode()))
        _send(connection, answer)
        if usage.resident_bytes() - resting_bytes > _KEPT_BYTES:
            # What leads to itself is no task's any more, and would count in the next one's limit.
            gc.collect()
            if not _comes_soon(connection):
                memory_release.give_back()


def _comes_soon(connection: socket.socket) -> bool:
    """Say whether the next task, or the end of them, comes before the worker is at rest.

    The daemon sends a task only after the answer to the one before: none of it stands in a buffer.
    """
    waiting = select.poll()
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(_REST_SECONDS * 1000))


def _send(connection: socket.socket, frame: framing.Frame) -> None:
    start, rest = framing.pack(frame)
    if len(rest) <= _JOINED_BYTES:
        connection.sendall(start + rest)  # one call to the kernel, which is what a small answer costs
    else:
        connection.sendall(start)
        connection.sendall(rest)


def _run(task: framing.Frame, usage: ResourceUsage, limits: sandbox.TaskLimits) -> framing.Frame:
    usage.reset_peak()
    (cpu_before, _), started = usage.used(), time.perf_counter()
    memory_bytes, cpu_seconds, *_ = task.numbers
    try:
        limits.lower(memory_bytes=int(memory_bytes), cpu_seconds=cpu_before + cpu_seconds)
        try:
            kind, body = framing.DONE, _call(task.body)
        finally:
            limits.raise_memory()
    except BaseException as error:  # noqa: BLE001  # whatever a task raises is for its caller
        kind, body = framing.FAILED, _failure(error)
    seconds = time.perf_counter() - started
    cpu_after, peak = usage.used()
    return framing.Frame(kind, body, (seconds, cpu_after - cpu_before, peak, usage.resident_bytes()))


class _CannotBeSentError(Exception):
    """The task's result cannot be pickled."""


def _call(body: bytes) -> bytes:
    function, args, kwargs = pickle.loads(body)  # noqa: S301  # it comes from the daemon, over a private socket
    value = function(*args, **kwargs)
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except Exception as error:
        text = f"the task returned a {type(value).__name__} that cannot be sent back: {error}"
        raise _CannotBeSentError(text) from error


def _failure(error: BaseException) -> bytes:
    if isinstance(error, _CannotBeSentError):
        return serialization.pack_error(text=str(error))
    return serialization.pack_failure(error, trace="".join(traceback.format_exception(error)))
