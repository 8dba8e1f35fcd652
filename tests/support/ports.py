"""Ports for servers of tests: owns which loopback port is given to whom on this machine, and the wait for a server."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

# Below the ports that kernels give to whoever connects (32768 on Linux, 49152 on macOS): no client takes one meanwhile.
PORTS: Final = range(20_000, 32_000)
LAST: Final = Path(tempfile.gettempdir()) / f"headgate-test-ports-{os.getuid()}"


def free_port() -> int:
    """Return a loopback port that nobody listens on now, and that no other test has been given lately.

    A port that the kernel names is free again as soon as the probe is closed: two processes that asked one after the
    other could be given the same, and so could a client of anything else.

    Raises:
        OSError: every one of them is taken.

    """
    with LAST.open("a+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or PORTS.start)
        for step in range(1, len(PORTS) + 1):
            port = PORTS[(last - PORTS.start + step) % len(PORTS)]
            if _is_free(port):
                file.truncate(0)
                file.write(str(port))
                return port
    raise OSError(f"no port of {PORTS.start} to {PORTS.stop - 1} is free")


def until_listened(port: int, server: subprocess.Popen[bytes], log: Path, *, seconds: float = 20) -> None:
    """Wait until a server that was started listens on its port.

    Raises:
        RuntimeError: it has ended, or does not listen in time; the end of its log says why.

    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(log.read_text(errors="replace")[-2000:] if log.exists() else f"{server.args!r} did not start")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
