"""What every test may use: real services on loopback, the installed command, and an honest list of what was skipped.

It also owns which tests are slow and which stay together when several processes share the work.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import ports
import pytest
from certificates import openssl
from dovecot import Dovecot, dovecot_program, running_dovecot
from postgres_server import Postgres, postgres_binaries, running_postgres
from samba import samba_program

ROOT = Path(__file__).resolve().parent.parent
SYSTEM = ROOT / "tests" / "system"
CORPUS = ROOT.parent / "shared" / "corpus"
REQUIRED = os.environ.get("HEADGATE_REQUIRE_SERVICES") == "1"

SERVICES = {
    *(
        "postgres",
        "own_postgres",
        "own_standby",
        "prometheus_binary",
        "alertmanager_binary",
        "promtool",
        "amtool",
        "systemd_analyze",
    ),
    *("compose_spec", "namespaces", "headgate_binary", "corpus", "executors", "make_executors"),
    "bench_packages",
    "dovecot",
}
"""Fixtures that start servers, daemons, workers or other people's programs: a test that has one of them is slow."""
MISSING = " is missing: "


def require_service(name: str, remedy: str) -> None:
    """Skip the test because a service is missing; with HEADGATE_REQUIRE_SERVICES=1 that is a failure."""
    if REQUIRED:
        pytest.fail(f"{name} is missing and HEADGATE_REQUIRE_SERVICES=1: {remedy}")
    pytest.skip(f"{name}{MISSING}{remedy}")


@pytest.fixture(scope="session", autouse=True)
def _english() -> None:
    """Let commands speak English, whatever language this machine does."""
    os.environ["LC_ALL"] = "C.UTF-8"


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Let programs under test be left by Ctrl-C: a shell's job in the background hands down that it is ignored."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# -- what is run, and where ------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these marks, and before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    seconds: dict[str, float] = defaultdict(float)
    for item in items:
        parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        on_a_server = "postgresql" in parameters.values()  # the fixture that starts it is asked for by the parameter
        if SERVICES & {*getattr(item, "fixturenames", ())} or on_a_server or item.get_closest_marker("fault"):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("xdist_group") is None:
            # The small tests of a file go together, those of whole daemons one by one.
            item.add_marker(pytest.mark.xdist_group(item.nodeid if SYSTEM in item.path.parents else item.location[0]))
        deadline = item.get_closest_marker("timeout")
        seconds[item.location[0]] = max(seconds[item.location[0]], deadline.args[0] if deadline else 0)
    # What may take longest begins first, so that no process is left alone with it at the end.
    items.sort(key=lambda item: -seconds[item.location[0]])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out: Counter[str] = Counter()
    for report in terminalreporter.stats.get("skipped", ()):
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if MISSING in reason:
            left_out[reason.removeprefix("Skipped: ")] += 1
    if left_out:
        terminalreporter.section("left out, for want of what is missing here")
        for reason, tests in sorted(left_out.items()):
            terminalreporter.write_line(f"{tests} tests: {reason}")


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
def alertmanager_binary() -> Path:
    return _program("prometheus-alertmanager", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def promtool() -> Path:
    return _program("promtool", "prometheus")


@pytest.fixture(scope="session")
def amtool() -> Path:
    return _program("amtool", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def pgbouncer_binary() -> Path:
    return _program("pgbouncer", "pgbouncer")


@pytest.fixture(scope="session")
def nginx_binary() -> Path:
    return _program("nginx", "nginx-light")


@pytest.fixture
def dovecot() -> Iterator[Dovecot]:
    """A running IMAP server with an empty mailbox, for one test."""
    if dovecot_program() is None:
        require_service("dovecot", "install the system package dovecot-imapd")
    with running_dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def samba() -> None:
    """See that there is an SMB server to start."""
    if samba_program("smbd") is None or samba_program("pdbedit") is None:
        require_service("samba", "install the system package samba")


@pytest.fixture(scope="session")
def systemd_analyze() -> Path:
    return _program("systemd-analyze", "systemd")


@pytest.fixture(scope="session")
def compose_spec() -> Path:
    """The loader of docker compose, as a program of its own."""
    program = ROOT / ".cache" / "go" / "bin" / "compose-spec"
    if not program.exists():
        require_service("compose-spec", "run `make gotools` where Go is present")
    return program


@pytest.fixture(scope="session")
def namespaces() -> list[str]:
    """The start of a command that runs in PID and mount namespaces of its own, where the user may make such."""
    command = ["unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child"]
    if shutil.which("setpriv") is None or subprocess.run([*command, "true"], check=False).returncode:
        require_service("namespaces", "run the tests as root on Linux")
    return command


@pytest.fixture(scope="session")
def bench_packages() -> None:
    """What the benchmarks compare with, and draw by."""
    if any(importlib.util.find_spec(package) is None for package in ("matplotlib", "polars", "psycopg2")):
        require_service("the extra `bench`", "run `make .venv/.bench`")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The real workbooks, which are kept beside the repository and not in it; `.ci/run` says where they must be."""
    if not CORPUS.is_dir():
        pytest.skip(f"the corpus of real workbooks{MISSING}put it into {CORPUS}")
    return CORPUS


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that names a loopback port nobody listens on now."""
    return ports.free_port


@pytest.fixture(scope="session")
def require_openssl() -> None:
    if openssl() is None:
        require_service("openssl", "install the system package openssl")


# -- PostgreSQL ------------------------------------------------------------------------------------------


def _binaries() -> Path:
    binaries = postgres_binaries()
    if binaries is None:
        require_service("postgresql", "install the system package postgresql")
    assert binaries is not None
    return binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server for the whole session."""
    with running_postgres(_binaries()) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A running server for one test, which may stop it and start it again."""
    with running_postgres(_binaries()) as server:
        yield server


@pytest.fixture
def own_standby(own_postgres: Postgres) -> Iterator[Postgres]:
    """A second server that follows the first, and is told of every COMMIT before that is answered."""
    with running_postgres(_binaries(), standby_of=own_postgres) as server:
        own_postgres.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        own_postgres.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def postgres_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database."""
    with _fresh_database(postgres) as url:
        yield url


@pytest.fixture
def latin_database(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database whose encoding lacks most letters."""
    with _fresh_database(postgres, "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0") as url:
        yield url


@contextmanager
def _fresh_database(postgres: Postgres, options: str = "") -> Iterator[str]:
    name = f"test_{uuid4().hex[:12]}"
    postgres.execute(f"CREATE DATABASE {name} {options}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
