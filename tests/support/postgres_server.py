"""A PostgreSQL server for tests and benchmarks: on a free loopback port, in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ports import free_port


class Postgres:
    """A PostgreSQL server of our own: a free loopback port, a temporary folder, gone at the end."""

    def __init__(self, binaries: Path, folder: Path, port: int, *, durable: bool) -> None:
        self._binaries, self.folder, self.port, self._durable = binaries, folder, port, durable
        self._data = folder / "data"
        # initdb and postgres refuse to run as root; Debian's package brings the user.
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None

    def create(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "headgate", "--auth=trust", "-EUTF8", "--locale=C.UTF-8", "-N")

    def create_as_standby(self, primary: Postgres) -> None:
        """Become a copy of another server that follows it and is read-only until it is promoted."""
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        place = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "headgate")
        self._run("pg_basebackup", "-D", str(self._data), *place, "-X", "stream", "-c", "fast", "-R")

    def promote(self) -> None:
        """End the following of another server."""
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "promote")

    def start(self, *, max_connections: int = 200) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        options += f" -c max_connections={max_connections}"
        if not self._durable:
            options += " -c fsync=off -c full_page_writes=off"
        log = str(self.folder / "server.log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-m", mode, "stop")

    def restart_immediate(self) -> None:
        """Stop as a crash does, then start."""
        self.stop("immediate")
        self.start()

    @property
    def pid(self) -> int:
        """The number of the server's first process, whose children all others are."""
        return int((self._data / "postmaster.pid").read_text().splitlines()[0])

    def kill(self) -> None:
        """End the server at once, if it runs, and see that it has gone."""
        try:
            os.kill(self.pid, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError):
            return
        deadline = time.monotonic() + 30
        while (self._data / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def require_passwords(self, role: str) -> None:
        """Let a role in by its password only."""
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"host all {role} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self.execute("SELECT pg_reload_conf()")

    def add_tablespace(self, name: str, folder: Path) -> None:
        """Let tables be made in a folder, which the server's user comes to own."""
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self.execute(f"CREATE TABLESPACE {name} LOCATION '{folder}'")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://headgate@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        subprocess.run(
            [
                psql_program(),
                "-XqAt",
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "headgate",
                "postgres",
                "-c",
                statement,
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            # pg_ctl's server inherits what it is given: a pipe would never end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            timeout=120,
            check=False,
            user=self._user and self._user.pw_uid,
            group=self._user and self._user.pw_gid,
        )
        if done.returncode:
            log = self.folder / "server.log"
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
            raise RuntimeError(f"{program} ended with {done.returncode}: {tail}")


def postgres_binaries() -> Path | None:
    """Return the folder of the server's programs, the newest version's; None where there are none."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@cache
def psql_program() -> str:
    """Return the client itself: what Debian has on PATH is a script that looks for it, and takes four times as long."""
    binaries = postgres_binaries()
    return str((binaries and shutil.which("psql", path=binaries)) or "psql")


@contextmanager
def running_postgres(
    binaries: Path, *, durable: bool = False, standby_of: Postgres | None = None
) -> Iterator[Postgres]:
    """Yield a running server; one that is not `durable` survives the death of its processes, but not of the machine."""
    # Not pytest's folder: that one is closed to other users, and the server runs as one.
    folder = Path(tempfile.mkdtemp(prefix="headgate-postgres-"))
    server = Postgres(binaries, folder, free_port(), durable=durable)
    try:
        if standby_of is None:
            server.create()
        else:
            server.create_as_standby(standby_of)
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked_table(url: str, table: str) -> Iterator[None]:
    """Hold a table as a migration by hand would, until left; who meets a deadlock on several tables tries again."""
    while True:
        psql = subprocess.Popen(
            [psql_program(), url.replace("+asyncpg", ""), "-XqAt", "-v", "ON_ERROR_STOP=1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert psql.stdin is not None
        assert psql.stdout is not None
        try:
            psql.stdin.write(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
            psql.stdin.flush()
            if psql.stdout.readline() == "locked\n":
                yield
                return
        finally:
            psql.stdin.close()
            psql.wait(30)
