"""Many connections at once, and how many of them a server keeps."""

from __future__ import annotations

import asyncio
import contextlib
import socket

PATIENCE_SECONDS, LOOK_SECONDS = 30.0, 0.1


def burst(port: int, count: int, *, head: bytes = b"") -> list[socket.socket]:
    """Connect so often without letting the caller's loop run, and send the beginning of a request."""
    connections = [socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) for _ in range(count)]
    for connection in connections:
        connection.settimeout(0.0)
        with contextlib.suppress(ConnectionError):  # the server has ended it already
            connection.sendall(head)
    return connections


async def left_open(connections: list[socket.socket], at_most: int) -> int:
    """Return how many are open, once these are not more than `at_most` or patience has ended."""
    for _ in range(round(PATIENCE_SECONDS / LOOK_SECONDS)):
        if sum(map(_is_open, connections)) <= at_most:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return sum(map(_is_open, connections))


def _is_open(connection: socket.socket) -> bool:
    try:
        connection.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    return False
