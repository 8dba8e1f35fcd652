"""Start, drain, force and failure of the real process."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate


def test_an_idle_daemon_stops_at_once(headgate: Headgate) -> None:
    process = headgate.start_ready()
    started = time.monotonic()
    assert headgate.stop(process) == 0
    assert time.monotonic() - started < 20, "idle shutdown hangs"


def test_a_drain_lets_running_jobs_end(headgate: Headgate, orders: Callable[..., Path]) -> None:
    orders(headgate.inbox / "orders.xlsx", 20_000)
    process = headgate.start_ready()
    headgate.until(lambda: any(job["state"] == "running" for job in headgate.jobs()), "the job runs")
    assert headgate.stop(process) == 0
    process = headgate.start_ready()
    assert [job["state"] for job in headgate.jobs()] == ["loaded"]
    assert headgate.scalar("SELECT count(*) FROM orders") == "20000"
    assert headgate.stop(process) == 0


def test_a_second_signal_ends_the_drain_and_gives_the_attempt_back(
    headgate: Headgate, orders: Callable[..., Path]
) -> None:
    orders(headgate.inbox / "orders.xlsx", 60_000)
    process = headgate.start_ready()
    headgate.until(lambda: any(job["state"] == "running" for job in headgate.jobs()), "the job runs")
    process.send_signal(signal.SIGTERM)
    headgate.tells("headgate stopping")  # a second signal that meets the first one pending would be none
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    headgate.assert_nothing_left(process)
    job = "headgate_job" if headgate.database_url.startswith("sqlite") else "headgate.job"
    assert [tuple(map(str, row)) for row in headgate.rows(f"SELECT state, attempt, lost_leases FROM {job}")] == [
        ("queued", "0", "0")
    ]
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    assert headgate.scalar("SELECT count(*) FROM orders") == "60000"
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_end_nothing(
    sqlite_headgate: Headgate, orders: Callable[..., Path], closed: str
) -> None:
    """Sockets had their numbers, at whose end libuv aborts; without standard error there was no start, and no word."""
    orders(sqlite_headgate.inbox / "orders.xlsx", 5)
    process = sqlite_headgate.start_ready("/bin/sh", "-c", f'exec "$@" {closed}', "sh", sqlite_headgate.binary)
    sqlite_headgate.until(lambda: sqlite_headgate.all_loaded(1), "it is loaded", process=process)
    assert sqlite_headgate.stop(process) == 0


def test_a_port_in_use_is_a_clear_error(sqlite_headgate: Headgate) -> None:
    for part in ("api", "exporter"):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            sqlite_headgate.settings[part]["port"] = port
            sqlite_headgate.write_config()
            done = sqlite_headgate.command("run", "-c", sqlite_headgate.config, timeout=30)
        assert done.returncode == 3
        assert f"127.0.0.1:{port}" in done.stderr
        assert f"{part}.port" in done.stderr
        assert "Traceback" not in done.stderr
        sqlite_headgate.settings[part]["port"] = port


def test_an_unreachable_database_is_a_clear_error_without_the_password(
    sqlite_headgate: Headgate, free_port: Callable[[], int]
) -> None:
    secret = sqlite_headgate.folder / "url"
    port = free_port()
    secret.write_text(f"postgresql+asyncpg://someone:s3cret@127.0.0.1:{port}/nowhere\n")
    secret.chmod(0o600)
    sqlite_headgate.settings["database"] = {"url_file": str(secret)}
    sqlite_headgate.write_config()
    done = sqlite_headgate.command("run", "-c", sqlite_headgate.config, timeout=60)
    assert done.returncode == 3
    assert f"127.0.0.1:{port}" in done.stderr
    assert "s3cret" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("place", ["state", "state/spool"])
def test_an_unusable_state_folder_is_a_fault_of_the_configuration(sqlite_headgate: Headgate, place: str) -> None:
    """A file where a folder should be: that stops root as well."""
    blocked = sqlite_headgate.folder / place
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("a file")
    sqlite_headgate.settings["state_dir"] = str(sqlite_headgate.folder / "state")
    sqlite_headgate.write_config()
    for command in ("check", "run"):
        done = sqlite_headgate.command(command, "-c", sqlite_headgate.config, timeout=30)
        assert done.returncode == 2
        assert "state_dir" in done.stderr
        assert str(blocked) in done.stderr
        assert "Traceback" not in done.stderr


def test_a_second_daemon_on_one_sqlite_file_is_refused(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    process = sqlite_headgate.start_ready()
    book = orders(sqlite_headgate.folder / "orders.xlsx", 3)
    spec = sqlite_headgate.folder / "datasets" / "orders.yml"
    done = sqlite_headgate.command("ingest", book, "--dataset", spec, "--database", sqlite_headgate.database_url)
    assert done.returncode == 3
    assert str(process.pid) in done.stderr
    assert "Traceback" not in done.stderr
    assert sqlite_headgate.stop(process) == 0


def test_a_component_that_fails_ends_the_process_with_its_reason(sqlite_headgate: Headgate) -> None:
    """The database is taken away below the running daemon: no retry can help."""
    process = sqlite_headgate.start_ready()
    Path(sqlite_headgate.database_url.partition(":///")[2]).unlink()
    assert process.wait(30) == 3
    assert "failed" in sqlite_headgate.tail()
    sqlite_headgate.assert_nothing_left(process)


def test_a_table_of_the_ledger_that_is_taken_away_is_waited_for(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    """An operator can put right what the database says, and the daemon says it."""
    process = sqlite_headgate.start_ready()
    sqlite_headgate.execute("ALTER TABLE headgate_job RENAME TO headgate_elsewhere")
    sqlite_headgate.until(lambda: "no such table" in sqlite_headgate.tail(), "it is told", process=process)
    sqlite_headgate.execute("ALTER TABLE headgate_elsewhere RENAME TO headgate_job")
    orders(sqlite_headgate.inbox / "orders.xlsx", 5)
    sqlite_headgate.until(lambda: sqlite_headgate.loaded_jobs() == 1, "the file is loaded", process=process)
    assert sqlite_headgate.stop(process) == 0


def test_the_daemon_imports_no_parsing_library(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Asks the running process for its own sys.modules, after it has loaded a workbook."""
    probe = sqlite_headgate.folder / "probe"
    probe.mkdir()
    modules = sqlite_headgate.folder / "modules.txt"
    (probe / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "def tell(*_):\n"
        f"    with open({str(modules) + '.part'!r}, 'w') as f:\n"
        "        f.write('\\n'.join([str(os.getpid()), *sys.modules]))\n"
        f"    os.rename({str(modules) + '.part'!r}, {str(modules)!r})\n"
        "signal.signal(signal.SIGUSR1, tell)\n"
    )
    previous = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(probe)
    try:
        process = sqlite_headgate.start_ready()
    finally:
        if previous is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = previous
    orders(sqlite_headgate.inbox / "orders.xlsx", 50)
    sqlite_headgate.until(lambda: sqlite_headgate.all_finished(1), "the file is loaded", process=process)
    process.send_signal(signal.SIGUSR1)
    sqlite_headgate.until(modules.exists, "the process has told its modules", process=process)
    pid, *names = modules.read_text().splitlines()
    assert int(pid) == process.pid
    assert "daemon.service" in names, "the probe looked at another process"
    heavy = {"pandas", "pyarrow", "openpyxl", "fastexcel", "numpy"}
    assert not heavy & {name.partition(".")[0] for name in names}
    assert sqlite_headgate.stop(process) == 0


def test_workers_carry_no_credentials(headgate: Headgate, orders: Callable[..., Path]) -> None:
    os.environ["HEADGATE_TEST_SECRET"] = "do-not-inherit"  # noqa: S105  # what must not be found
    try:
        orders(headgate.inbox / "orders.xlsx", 40_000)
        process = headgate.start_ready()
        headgate.until(lambda: any(job["state"] == "running" for job in headgate.jobs()), "the job runs")
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        for child in children:
            environ = "\n".join(f"{name}={value}" for name, value in child.environ().items())
            assert "do-not-inherit" not in environ
            assert "postgresql" not in environ
    finally:
        del os.environ["HEADGATE_TEST_SECRET"]
    assert headgate.stop(process) == 0


def test_files_of_a_lost_ledger_are_told_of_once(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    made, told = sqlite_headgate, "files of another ledger are kept"
    process = made.start_ready()
    orders(made.inbox / "orders.xlsx", 20, bad=(3,))
    made.until(lambda: made.all_finished(1), "the file is loaded in part", process=process)
    made.kill(process)
    assert told not in made.log.read_text()
    for file in Path(made.database_url.partition("///")[2]).parent.glob("*.db*"):
        file.unlink()
    for _ in range(2):
        process = made.start_ready()
        assert made.stop(process) == 0
    [line] = [line for line in made.log.read_text().splitlines() if told in line]
    assert "files=1" in line
    assert "reliability.md#a-lost-ledger" in line
