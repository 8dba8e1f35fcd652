"""How daemon and worker talk over their socket: a kind, four numbers and one opaque body a frame; knows no meaning."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

Numbers = tuple[float, float, float, float]

_PREFIX: Final = struct.Struct("!BQ4d")  # kind, bytes of body, numbers
_NO_NUMBERS: Final[Numbers] = (0.0, 0.0, 0.0, 0.0)

READY: Final = 1
"""The worker can take tasks."""
TASK: Final = 2
"""Numbers: the most memory in bytes, the most CPU time in seconds."""
BEGUN: Final = 3
"""The worker has taken the task: it must be given to nobody else."""
DONE: Final = 4
"""Body: the result. Numbers: seconds, CPU seconds, most memory in bytes, memory now."""
FAILED: Final = 5
"""Body: what went wrong. Numbers as in DONE."""
FOREIGN_TASK: Final = 6
"""A task whose code is not Headgate's own. Numbers as in TASK."""
CHANGED: Final = 7
"""Comes before an answer. Body: what of its process the task has left changed."""


class Frame(NamedTuple):
    """One message; what numbers and body mean depends on the kind."""

    kind: int
    body: bytes = b""
    numbers: Numbers = _NO_NUMBERS


def pack(frame: Frame) -> tuple[bytes, bytes]:
    """Return the two buffers to write, so that a large body is never copied to be joined."""
    kind, body, numbers = frame
    return _PREFIX.pack(kind, len(body), *numbers), body


def read(stream: BinaryIO) -> Frame | None:
    """Block until one whole frame is there; None at the end of the stream, also in the middle of a frame."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    kind, size, *numbers = _PREFIX.unpack(prefix)
    body = stream.read(size)
    return None if len(body) < size else Frame(kind, body, tuple(numbers))


class FrameBuffer:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add what has arrived and yield every frame that is whole by now."""
        self._received += data
        while len(self._received) >= _PREFIX.size:
            kind, size, *numbers = _PREFIX.unpack_from(self._received)
            end = _PREFIX.size + size
            if len(self._received) < end:
                return
            with memoryview(self._received) as view:
                body = bytes(view[_PREFIX.size : end])
            del self._received[:end]
            yield Frame(kind, body, tuple(numbers))
