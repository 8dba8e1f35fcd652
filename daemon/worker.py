"""What runs inside a CPU worker process: take a task, run it under its limits, send back the answer and its cost."""

from __future__ import annotations

import pickle
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import confinement, frames

if TYPE_CHECKING:
    import socket

_PROC = Path("/proc/self")
_RU_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def serve(connection: socket.socket, memory_bytes: int) -> None:
    """Run tasks until the daemon closes the socket."""
    confinement.limit_process(memory_bytes)
    stream = connection.makefile("rb")
    _send(connection, {"event": "ready"})
    while (task := frames.read(stream)) is not None:
        # From here on the task counts as begun: the daemon gives it to nobody else.
        _send(connection, {"event": "accepted"})
        _send(connection, *_run(task))


def _send(connection: socket.socket, header: dict[str, Any], body: bytes = b"") -> None:
    for part in frames.pack(header, body):
        connection.sendall(part)


def _run(task: frames.Frame) -> tuple[dict[str, Any], bytes]:
    _reset_peak()
    cpu_before, started = _cpu_seconds(), time.perf_counter()
    try:
        try:
            confinement.limit_task(task.header["memory_bytes"], task.header["cpu_seconds"])
            header, body = _call(task.body)
        finally:
            confinement.unlimit_task()
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is for its caller
        header, body = _failure(error)
    header["wall_seconds"] = time.perf_counter() - started
    header["cpu_seconds"] = _cpu_seconds() - cpu_before
    header["peak_rss_bytes"] = _peak_resident_bytes()
    header["rss_bytes"] = _resident_bytes()
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


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _reset_peak() -> None:
    try:
        _PROC.joinpath("clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return  # not permitted or no /proc: the peak is then that of the worker's life


def _peak_resident_bytes() -> int:
    try:
        status = _PROC.joinpath("status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RU_MAXRSS_UNIT
    _, _, rest = status.partition("VmHWM:")
    return int(rest.split(maxsplit=1)[0]) * 1024


def _resident_bytes() -> int:
    try:
        pages = _PROC.joinpath("statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0  # unknown: such a worker is recycled by its number of tasks only
    return int(pages) * resource.getpagesize()
