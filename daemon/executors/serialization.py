"""How a task is packed for a worker process and its answer unpacked, without importing what workers import."""

from __future__ import annotations

import io
import json
import pickle
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import TaskFailedError, TaskNotPicklableError
from . import framing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .framing import Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """What a task returned and what it cost. CPU seconds are user and system time of all its threads."""

    value: Any
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int


def name_of(function: Callable[..., Any]) -> str:
    """Name a function in messages the way a person would look for it."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None)}.{name}"


def pack_task(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
    """Pickle a call; TaskNotPicklableError says what is wrong before anything is queued."""
    name = name_of(function)
    if getattr(function, "__module__", None) == "__main__":
        raise TaskNotPicklableError(f"{name} cannot be sent to a worker: move it from the script to a module")
    try:
        return pickle.dumps((function, args, dict(kwargs)), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise _not_picklable(function, name, error) from error


def _not_picklable(function: Callable[..., Any], name: str, error: Exception) -> TaskNotPicklableError:
    """Say whether it was the function or its arguments."""
    try:
        pickle.dumps(function, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception as own:  # noqa: BLE001  # pickling may raise anything
        advice = "use a function at the top level of a module"
        return TaskNotPicklableError(f"{name} cannot be sent to a worker ({own}): {advice}")
    return TaskNotPicklableError(f"the arguments of {name} cannot be sent to a worker: {error}")


def unpack(answer: Frame, name: str) -> TaskResult:
    """Return the result, or raise the task's own error; TaskFailedError when that cannot be carried over."""
    if answer.kind != framing.DONE:
        raise error_of(answer.body, name)
    try:
        value = load_light(answer.body)
    except Exception as error:
        raise TaskFailedError(f"{name} returned what cannot be read back: {error}") from error
    wall_seconds, cpu_seconds, peak_bytes, _ = answer.numbers
    return TaskResult(value=value, wall_seconds=wall_seconds, cpu_seconds=cpu_seconds, peak_rss_bytes=int(peak_bytes))


def pack_error(*, text: str, trace: str = "", memory: bool = False, pickled: bytes = b"") -> bytes:
    """Return the body of a failed answer: what went wrong as a line of JSON, then the error itself, if it can be."""
    told = json.dumps({"text": text, "traceback": trace, "memory": memory})
    return told.encode() + b"\n" + pickled


def pack_failure(error: BaseException, *, trace: str = "") -> bytes:
    """Return the body of the answer of a task that raised: the error itself goes along where it survives pickling."""
    return pack_error(
        text="".join(traceback.format_exception_only(error)).strip(),
        trace=trace,
        memory=isinstance(error, MemoryError),
        # SystemExit, KeyboardInterrupt and CancelledError would be taken by the daemon for its own.
        pickled=_pickled(error) if isinstance(error, Exception) else b"",
    )


def _pickled(error: Exception) -> bytes:
    try:
        body = pickle.dumps(error, protocol=pickle.HIGHEST_PROTOCOL)
        again = pickle.loads(body)  # noqa: S301  # our own bytes of a moment ago
    except Exception:  # noqa: BLE001  # an error that cannot be pickled must not hide the error
        return b""
    return body if type(again) is type(error) else b""


def out_of_memory(answer: Frame) -> bool:
    """Say whether the task failed for want of memory."""
    return answer.kind == framing.FAILED and bool(json.loads(answer.body.partition(b"\n")[0])["memory"])


def error_of(body: bytes, name: str) -> Exception:
    """Return the error of a failed answer; TaskFailedError when it cannot be carried over."""
    line, _, pickled = body.partition(b"\n")
    told = json.loads(line)
    error: Exception | None = None
    if pickled:
        try:
            loaded = load_light(pickled)
        except Exception:  # noqa: BLE001  # an error that cannot be read back is told by its text
            loaded = None
        error = loaded if isinstance(loaded, Exception) else None
    if error is None:
        # What a library raises for want of memory may be known to workers alone.
        error = MemoryError(told["text"]) if told["memory"] else TaskFailedError(f"{name} failed: {told['text']}")
    if trace := told["traceback"]:
        error.add_note(f"In the worker process:\n{trace}")
    return error


class _LightUnpickler(pickle.Unpickler):
    """Reads answers without importing packages that the daemon must not carry, such as pyarrow."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.partition(".")[0]
        if package not in sys.modules and package not in sys.stdlib_module_names:
            raise pickle.UnpicklingError(f"it needs {module}, which only workers import")
        return super().find_class(module, name)


def load_light(body: bytes) -> Any:
    """Unpickle an answer; raises UnpicklingError where that would import what only workers import."""
    return _LightUnpickler(io.BytesIO(body)).load()
