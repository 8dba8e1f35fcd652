"""What goes to a Dask worker and comes back: owns the form of calls and answers, and what makes a worker fit."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..errors import TaskFailedError, first_line
from ..executors import serialization
from ..version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..executors.serialization import TaskResult

RESOURCE: Final = f"headgate-{VERSION}"
"""The places of a Dask worker that runs this version; the scheduler sends our calls to no other worker."""
TOLD: Final = "headgate"
"""What our workers tell of themselves with each heartbeat, among their metrics; see `told`."""
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
    """One call; `body` is the function with its arguments, packed. `topic` is where it is told that it has begun."""

    name: str
    kind: str
    lane: str
    own: bool
    body: bytes
    timeout_seconds: float
    memory_bytes: int
    spool: SpoolName
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The answer to a call that returned: its result, and the files that it made."""

    result: TaskResult
    made: MadeFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The answer to any other: the error that its caller shall see."""

    error: Exception


def pack(value: ClusterCall | Done) -> bytes:
    """Return the bytes of a call, or of the answer to one that returned."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


def pack_error(error: Exception) -> bytes:
    """Return the bytes of the answer to a call that failed; an error that cannot be sent is told by its text.

    The library has errors pickled with their causes and frames, which are of the worker alone.
    """
    error.__traceback__ = error.__cause__ = error.__context__ = None
    try:
        return pickle.dumps(Failed(error=error), protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # noqa: BLE001  # pickling may raise anything
        return pickle.dumps(Failed(error=TaskFailedError(first_line(error))))


def unpack_call(body: bytes) -> ClusterCall:
    """Return the call of these bytes; they come from a daemon that the scheduler let in."""
    call: ClusterCall = pickle.loads(body)  # noqa: S301  # who may reach the scheduler may run code on its workers
    return call


def unpack_answer(body: bytes) -> Done:
    """Return the answer of these bytes, without importing what only workers import; raises the error that it tells.

    Raises:
        TaskFailedError: it cannot be read back.

    """
    try:
        answer: Done | Failed = serialization.load_light(body)
    except Exception as error:
        raise TaskFailedError(f"the answer of the cluster cannot be read back: {error}") from error
    if isinstance(answer, Failed):
        raise answer.error
    return answer


def told(*, places: int, busy: int, worker_memory_bytes: int) -> dict[str, Any]:
    """Return what a worker tells of itself."""
    return {"version": VERSION, "places": places, "busy": busy, "worker_memory_bytes": worker_memory_bytes}
