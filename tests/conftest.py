"""What every test may use: real services on loopback, the installed command, and an honest list of what was skipped."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
REQUIRED = os.environ.get("HEADGATE_REQUIRE_SERVICES") == "1"

_missing: dict[str, str] = {}


def require_service(name: str, remedy: str) -> None:
    """Skip the test because a service is missing; with HEADGATE_REQUIRE_SERVICES=1 that is a failure."""
    _missing[name] = remedy
    if REQUIRED:
        pytest.fail(f"{name} is missing and HEADGATE_REQUIRE_SERVICES=1: {remedy}")
    pytest.skip(f"{name} is missing: {remedy}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _missing:
        terminalreporter.section("services that were missing")
        for name, remedy in sorted(_missing.items()):
            terminalreporter.write_line(f"{name}: {remedy}")


# -- programs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def headgate_binary() -> Path:
    """The console script of the environment that runs the tests."""
    binary = Path(sys.executable).parent / "headgate"
    assert binary.exists(), "the project is not installed here: run `make test`"
    return binary


def _program(name: str, package: str) -> Path:
    found = shutil.which(name)
    if found is None:
        require_service(name, f"install the system package {package}")
    return Path(str(found))


@pytest.fixture(scope="session")
def prometheus_binary() -> Path:
    return _program("prometheus", "prometheus")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return _program("promtool", "prometheus")


@pytest.fixture(scope="session")
def amtool() -> Path:
    return _program("amtool", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real workbooks, which is kept beside the repository and not in it."""
    if not CORPUS.is_dir():
        require_service("corpus", f"put the workbooks into {CORPUS}")
    return CORPUS


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Return a function that names a loopback port nobody listens on now."""

    def choose() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return choose


# -- PostgreSQL ------------------------------------------------------------------------------------------


class Postgres:
    """A PostgreSQL server of our own: a free loopback port, a temporary folder, gone at the end."""

    def __init__(self, binaries: Path, folder: Path, port: int) -> None:
        self._binaries, self._folder, self.port = binaries, folder, port
        self._data = folder / "data"
        # initdb and postgres refuse to run as root; Debian's package brings the user.
        self._user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None

    def create(self) -> None:
        if self._user is not None:
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "headgate", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")

    def start(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self._folder} -c max_connections=200"
        log = str(self._folder / "server.log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-t", "60", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", "60", "-m", mode, "stop")

    def restart_immediate(self) -> None:
        """Stop as a crash does, then start."""
        self.stop("immediate")
        self.start()

    def kill(self) -> None:
        """End the server at once, if it runs, and see that it has gone."""
        try:
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGQUIT)
        except (FileNotFoundError, ProcessLookupError):
            return
        deadline = time.monotonic() + 30
        while (self._data / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://headgate@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        subprocess.run(
            ["psql", "-XqAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "headgate", "postgres", "-c", statement],
            check=True,
            capture_output=True,
            timeout=60,
        )

    def _run(self, program: str, *arguments: str) -> None:
        identity = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid}
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            # pg_ctl's server inherits what it is given: a pipe would never end.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            cwd=self._folder,
            timeout=120,
            check=False,
            **identity,
        )
        if done.returncode:
            log = self._folder / "server.log"
            tail = log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
            raise RuntimeError(f"{program} ended with {done.returncode}: {tail}")


def _postgres_binaries() -> Path | None:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def _running_postgres() -> Iterator[Postgres]:
    binaries = _postgres_binaries()
    if binaries is None:
        require_service("postgresql", "install the system package postgresql")
    assert binaries is not None
    # Not pytest's folder: that one is closed to other users, and the server runs as one.
    folder = Path(tempfile.mkdtemp(prefix="headgate-postgres-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server = Postgres(binaries, folder, port)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server for the whole session."""
    with _running_postgres() as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A running server for one test, which may stop it and start it again."""
    with _running_postgres() as server:
        yield server


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database."""
    name = f"test_{uuid4().hex[:12]}"
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
