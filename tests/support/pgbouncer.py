"""A pgbouncer for tests, in front of a PostgreSQL server of theirs: on a free loopback port, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ports import free_port, until_listened

CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={server} user=headgate
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {connections}
query_wait_timeout = {waits}
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


class PgBouncer:
    """A pooler that lets so many connections through at once."""

    def __init__(self, folder: Path, *, server: int, port: int, mode: str, connections: int, waits: int = 5) -> None:
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        text = CONFIGURATION.format(
            server=server, port=port, mode=mode, connections=connections, folder=folder, waits=waits
        )
        (folder / "pgbouncer.ini").write_text(text)

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://headgate@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        # It refuses to run as root; the package of PostgreSQL brings a user.
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        identity: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid}
        if user is not None:
            os.chown(self._folder, user.pw_uid, user.pw_gid)
        self._process = subprocess.Popen(
            [str(shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"), "-q", str(self._folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            **identity,
        )
        until_listened(self.port, self._process, self._folder / "pgbouncer.log")

    def stop(self) -> None:
        """End it at once, with every connection through it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(20)
            self._process = None


@contextmanager
def running_pgbouncer(server: int, mode: str, *, connections: int = 2, waits_seconds: int = 5) -> Iterator[PgBouncer]:
    """Yield a running pooler in front of the server on that port; so long it lets a statement wait for a connection."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-pgbouncer-"))
    place = {"server": server, "port": free_port()}
    pooler = PgBouncer(folder, **place, mode=mode, connections=connections, waits=waits_seconds)
    try:
        pooler.start()
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(folder, ignore_errors=True)
