"""What goes to a Dask worker and comes back: owns the form of calls and answers, and what makes a worker fit."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import TaskFailedError
from ..executors import serialization
from ..version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..executors.cpu_task import CpuTask
    from ..executors.serialization import TaskResult

RESOURCE: Final = f"headgate-{VERSION}"
"""The places of a Dask worker that runs this version; the scheduler sends our calls to no other worker."""
TOLD: Final = "headgate"
"""What our workers tell of themselves with each heartbeat, among their metrics; see `HeadgatePlugin.told`."""
PLUGIN: Final = "headgate"
TRANSFER_SECONDS: Final = 120.0
"""How long the files of a call may be on their way to its worker and back, beside the call's own deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFile:
    """Stands among the arguments of a call for a file of the shared spool: the worker puts the path of a copy there."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFolder:
    """Stands for a folder that the call fills: the worker puts a path there, its files go into the shared spool."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFiles:
    """Where the files of a `MadeFolder` lie in the shared spool: in `place` of the job, hash and size by name."""

    place: str
    files: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolName:
    """Which spool a call's files lie in: that of this ledger, known by this id."""

    ledger_id: str
    spool_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCall:
    """One call: a task, the spool that its files lie in, and the `topic` under which it is told that it has begun."""

    task: CpuTask
    spool: SpoolName
    topic: str

    def unpacked(self) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return the function and its arguments."""
        function, arguments, named = _loaded(self.task.body)
        return function, arguments, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer to a call that returned: its result, and the files that it made."""

    result: TaskResult
    made: MadeFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The answer to any other; `body` is the error that its caller shall see, as worker processes tell it."""

    body: bytes


def pack(value: ClusterCall | Done) -> bytes:
    """Return the bytes of a call, or of the answer to one that returned."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def pack_error(error: Exception) -> bytes:
    """Return the bytes of the answer to a call that failed.

    The library has errors pickled with their causes and frames, which are of the worker alone: these stay there.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return pickle.dumps(Failed(body=serialization.pack_failure(error)), protocol=pickle.HIGHEST_PROTOCOL)


def unpack_call(body: bytes) -> ClusterCall:
    """Return the call of these bytes; they come from a daemon that the scheduler let in."""
    call: ClusterCall = _loaded(body)
    return call


def _loaded(body: bytes) -> Any:
    return pickle.loads(body)  # noqa: S301  # who may reach the scheduler may run code on its workers


def unpack_answer(body: bytes, name: str) -> Done:
    """Return the answer to a call of this name, without importing what only workers import.

    Raises:
        Exception: what the call has raised.
        TaskFailedError: that, or the answer, cannot be read back.

    """
    try:
        answer: Done | Failed = serialization.load_light(body)
    except Exception as error:
        raise TaskFailedError(f"the answer of the cluster cannot be read back: {error}") from error
    if isinstance(answer, Failed):
        raise serialization.error_of(answer.body, name)
    return answer
