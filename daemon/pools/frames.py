"""How daemon and worker talk over their socket: one JSON header and one opaque body a frame; knows no meaning."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = struct.Struct("!IQ")  # bytes of header, bytes of body
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would build one anew for every frame

SIGN = _PREFIX.pack(0, 0)
"""A frame without header and body: says that something has happened, at the least cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message: a small header of plain values and a body that only its receiver understands."""

    header: dict[str, Any]
    body: bytes = b""


def pack(header: dict[str, Any], body: bytes = b"") -> tuple[bytes, bytes]:
    """Return the two buffers to write, so that a large body is never copied to be joined."""
    text = _ENCODE(header).encode()
    return _PREFIX.pack(len(text), len(body)) + text, body


def read(stream: BinaryIO) -> Frame | None:
    """Block until one whole frame is there; None at the end of the stream, also in the middle of a frame."""
    prefix = stream.read(_PREFIX.size)
    if len(prefix) < _PREFIX.size:
        return None
    header_size, body_size = _PREFIX.unpack(prefix)
    header = stream.read(header_size)
    body = stream.read(body_size)
    if len(header) < header_size or len(body) < body_size:
        return None
    return Frame(header=json.loads(header) if header else {}, body=body)


class FrameBuffer:
    """Puts frames together from whatever pieces arrive."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add what has arrived and yield every frame that is whole by now."""
        self._received += data
        while len(self._received) >= _PREFIX.size:
            header_size, body_size = _PREFIX.unpack_from(self._received)
            body_at = _PREFIX.size + header_size
            end = body_at + body_size
            if len(self._received) < end:
                return
            with memoryview(self._received) as view:
                text = str(view[_PREFIX.size : body_at], "utf-8")
                body = bytes(view[body_at:end])
            del self._received[:end]
            yield Frame(header=json.loads(text) if text else {}, body=body)
