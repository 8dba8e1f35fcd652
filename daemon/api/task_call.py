"""One call of a registered task, where it runs: finds the function, calls it, writes its result as JSON.

Runs in a worker process for tasks of the CPU pool, in a thread of the daemon for those of the I/O pool.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ingest.errors import told

RESULT_LENGTH_MAX: Final = 16 << 20
"""Characters of a result's JSON: what is larger belongs into a file or a table."""

MESSAGE_LENGTH_MAX: Final = 2000
"""Characters of an error's message that are told."""

ASYNC: Final = "it is an async function; name a plain one that runs it (asyncio.run)"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer:
    """What became of a call: the result as JSON text, or whose fault it is that there is none, and why."""

    text: str = ""
    fault: Literal["", "arguments", "task"] = ""
    error_type: str = ""
    error_message: str = ""


class TaskFaultError(Exception):
    """The application's function failed: for the pool that is a task that failed, also for its counts."""

    def __init__(self, answer: TaskAnswer) -> None:
        super().__init__(answer)
        self.answer = answer


def run_task(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskAnswer:
    """Call "module:function"; raises TaskFaultError, with the answer, where the function is at fault."""
    answer = call_task(target, args, kwargs)
    if answer.fault == "task":
        raise TaskFaultError(answer)
    return answer


def call_task(target: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> TaskAnswer:
    """Call "module:function"; whatever it raises is in the answer, but for MemoryError, which is for the pool."""
    try:
        function = _find(target)
        if (mismatch := _mismatch(function, args, kwargs)) is not None:
            return TaskAnswer(fault="arguments", error_type="TypeError", error_message=mismatch)
        if inspect.iscoroutinefunction(function):
            return TaskAnswer(fault="task", error_type="TypeError", error_message=ASYNC)
        text = json.dumps(function(*args, **kwargs), ensure_ascii=False, allow_nan=False)
        text.encode()
    except MemoryError:
        raise
    except BaseException as error:  # noqa: BLE001  # the module is the application's: all of it is told, `sys.exit()` too
        return TaskAnswer(fault="task", error_type=type(error).__name__, error_message=told(error, MESSAGE_LENGTH_MAX))
    if len(text) > RESULT_LENGTH_MAX:
        message = f"the result has {len(text)} characters of JSON, more than {RESULT_LENGTH_MAX}"
        return TaskAnswer(fault="task", error_type="ValueError", error_message=message)
    return TaskAnswer(text=text)


def missing(target: str) -> str | None:
    """Say why "module:function" cannot be called, if so; imports the module."""
    try:
        found: object = _find(target)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the module is the application's: it may raise anything
        return f"{type(error).__name__}: {told(error)}"
    if not callable(found):
        return f"{type(found).__name__} is no function"
    return ASYNC if inspect.iscoroutinefunction(found) else None


def _find(target: str) -> Callable[..., Any]:
    module, _, path = target.partition(":")
    found: Any = importlib.import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    function: Callable[..., Any] = found
    return function


def _mismatch(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """Say in which way a function does not take these arguments, if so."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        return str(error)
    except ValueError:  # some functions written in C have no signature, and check their arguments themselves
        return None
    return None
