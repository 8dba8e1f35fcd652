"""What runs inside a CPU worker process: take a task, run it under its limits, send back the answer and its cost."""

from __future__ import annotations

import pickle
import time
import traceback
from typing import TYPE_CHECKING, Final

from .pools import answers, confinement, frames, thrift
from .pools.footprint import Footprint

if TYPE_CHECKING:
    import socket

_JOINED_BYTES: Final = 1 << 16
_KEPT_BYTES: Final = 64 << 20
"""Memory that a worker may keep for its next task beyond what it began with."""


def serve(connection: socket.socket, memory_bytes: int) -> None:
    """Run tasks until the daemon closes the socket."""
    limits = confinement.limit_process(memory_bytes)
    footprint = Footprint()
    stream = connection.makefile("rb")
    resting_bytes = footprint.resident_bytes()
    _send(connection, frames.Frame(frames.READY))
    begun = b"".join(frames.pack(frames.Frame(frames.BEGUN)))
    while (task := frames.read(stream)) is not None:
        connection.sendall(begun)
        _send(connection, _run(task, footprint, limits))
        # Only now, for nobody has to wait for it.
        if footprint.resident_bytes() - resting_bytes > _KEPT_BYTES:
            thrift.give_back()


def _send(connection: socket.socket, frame: frames.Frame) -> None:
    start, rest = frames.pack(frame)
    if len(rest) <= _JOINED_BYTES:
        connection.sendall(start + rest)  # one call to the kernel, which is what a small answer costs
    else:
        connection.sendall(start)
        connection.sendall(rest)


def _run(task: frames.Frame, footprint: Footprint, limits: confinement.TaskLimits) -> frames.Frame:
    footprint.reset_peak()
    (cpu_before, _), started = footprint.used(), time.perf_counter()
    memory_bytes, cpu_seconds, *_ = task.numbers
    try:
        limits.lower(memory_bytes=int(memory_bytes), cpu_seconds=cpu_before + cpu_seconds)
        try:
            kind, body = frames.DONE, _call(task.body)
        finally:
            limits.raise_memory()
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is for its caller
        kind, body = frames.FAILED, _failure(error)
    seconds = time.perf_counter() - started
    cpu_after, peak = footprint.used()
    return frames.Frame(kind, body, (seconds, cpu_after - cpu_before, peak, footprint.resident_bytes()))


class _CannotBeSentError(Exception):
    """The task's result cannot be pickled."""


def _call(body: bytes) -> bytes:
    function, args, kwargs = pickle.loads(body)  # noqa: S301 - it comes from the daemon, over a private socket
    value = function(*args, **kwargs)
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except Exception as error:
        text = f"the task returned a {type(value).__name__} that cannot be sent back: {error}"
        raise _CannotBeSentError(text) from error


def _failure(error: BaseException) -> bytes:
    """Return the text of an error, and the error itself where that survives pickling both ways."""
    if isinstance(error, _CannotBeSentError):
        return answers.pack_error(text=str(error))
    return answers.pack_error(
        text="".join(traceback.format_exception_only(error)).strip(),
        trace="".join(traceback.format_exception(error)),
        memory=isinstance(error, MemoryError),
        # SystemExit, KeyboardInterrupt and CancelledError would be taken by the daemon for its own.
        pickled=_pickled(error) if isinstance(error, Exception) else b"",
    )


def _pickled(error: Exception) -> bytes:
    try:
        body = pickle.dumps(error, protocol=pickle.HIGHEST_PROTOCOL)
        again = pickle.loads(body)  # noqa: S301 - our own bytes of a moment ago
    except Exception:  # noqa: BLE001 - an error that cannot be pickled must not hide the error
        return b""
    return body if type(again) is type(error) else b""
