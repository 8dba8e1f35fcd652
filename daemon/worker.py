"""What runs inside a CPU worker process: take a task, run it under its limits, send back the answer and its cost."""

from __future__ import annotations

import pickle
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

from .pools import confinement, frames, thrift
from .pools.footprint import Footprint

if TYPE_CHECKING:
    import socket

_JOINED_BYTES: Final = 1 << 16
_KEPT_BYTES: Final = 64 << 20
"""Memory that a worker may keep for its next task beyond what it began with."""


def serve(connection: socket.socket, memory_bytes: int) -> None:
    """Run tasks until the daemon closes the socket."""
    confinement.limit_process(memory_bytes)
    footprint = Footprint()
    stream = connection.makefile("rb")
    resting_bytes = footprint.resident_bytes()
    _send(connection, {"event": "ready"})
    while (task := frames.read(stream)) is not None:
        # From here on the task counts as begun: the daemon gives it to nobody else.
        connection.sendall(frames.SIGN)
        _send(connection, *_run(task, footprint))
        # Only now, for nobody has to wait for it.
        if footprint.resident_bytes() - resting_bytes > _KEPT_BYTES:
            thrift.give_back()


def _send(connection: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    start, rest = frames.pack(header, body)
    if len(rest) <= _JOINED_BYTES:
        connection.sendall(start + rest)  # one call to the kernel, which is what a small answer costs
    else:
        connection.sendall(start)
        connection.sendall(rest)


def _run(task: frames.Frame, footprint: Footprint) -> tuple[dict[str, Any], bytes]:
    footprint.reset_peak()
    cpu_before, started = footprint.cpu_seconds(), time.perf_counter()
    try:
        try:
            confinement.limit_task(task.header["memory_bytes"], task.header["cpu_seconds"])
            header, body = _call(task.body)
        finally:
            confinement.unlimit_memory()
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is for its caller
        header, body = _failure(error)
    header["wall_seconds"] = time.perf_counter() - started
    header["cpu_seconds"] = footprint.cpu_seconds() - cpu_before
    header["peak_rss_bytes"] = footprint.peak_resident_bytes()
    header["rss_bytes"] = footprint.resident_bytes()
    return header, body


def _call(body: bytes) -> tuple[dict[str, Any], bytes]:
    function, args, kwargs = pickle.loads(body)  # noqa: S301 - it comes from the daemon, over a private socket
    value = function(*args, **kwargs)
    try:
        return {"event": "ok"}, pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - any __reduce__ may raise anything
        text = f"the task returned a {type(value).__name__} that cannot be sent back: {error}"
        return {"event": "error", "text": text}, b""


def _failure(error: BaseException) -> tuple[dict[str, Any], bytes]:
    """Send the error itself where that survives pickling both ways, its text in any case."""
    header = {
        "event": "error",
        "text": "".join(traceback.format_exception_only(error)).strip(),
        "traceback": "".join(traceback.format_exception(error)),
        "memory": isinstance(error, MemoryError),
    }
    # SystemExit, KeyboardInterrupt and CancelledError would be taken by the daemon for its own.
    body = _pickled(error) if isinstance(error, Exception) else b""
    return header, body


def _pickled(error: Exception) -> bytes:
    try:
        body = pickle.dumps(error, protocol=pickle.HIGHEST_PROTOCOL)
        again = pickle.loads(body)  # noqa: S301 - our own bytes of a moment ago
    except Exception:  # noqa: BLE001 - an error that cannot be pickled must not hide the error
        return b""
    return body if type(again) is type(error) else b""
