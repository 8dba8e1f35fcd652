"""A disk that is full, whoever writes to it: no file is to blame, each job waits with its reason, all heals alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api
from msoffcrypto.format.ooxml import OOXMLFile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from small_disk import SmallDisk

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS = 12, 300
ATTEMPTS = 2
EXCELS_OWN = "VelvetSweatshop"
"""The password of a workbook that is protected from changes only."""
TARGET = """CREATE TABLE orders (order_no text PRIMARY KEY USING INDEX TABLESPACE small, buyer text, quantity bigint,
price numeric(12,2)) TABLESPACE small"""


def begin(headgate: Headgate, orders: Callable[..., Path], **environ: str) -> subprocess.Popen[bytes]:
    """Load a first file, with attempts that would soon be spent."""
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "max_attempts": ATTEMPTS}
    headgate.write_config()
    headgate.more_environ |= environ
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-0.xlsx", ROWS)
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    return process


def send(headgate: Headgate, orders: Callable[..., Path], *, protected: bool = False) -> None:
    for number in range(1, FILES + 1):
        path = headgate.inbox / f"orders-{number}.xlsx"
        plain = orders(headgate.folder / path.name, ROWS, start=number * ROWS)
        if protected:
            locked = plain.with_suffix(".locked")
            with plain.open("rb") as source, locked.open("wb") as target:
                OOXMLFile(source).encrypt(EXCELS_OWN, target)
            plain = locked
        plain.rename(path)


def assert_waits(headgate: Headgate, words: str, reason: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until every attempt of one job would have been spent many times, and see what is told meanwhile."""

    def retries() -> float:
        return headgate.metric("headgate_ingest_retries_total", reason=reason)

    headgate.until(lambda: retries() >= 4 * ATTEMPTS, "jobs are put back", process=process, problem=retries)
    assert {job["state"] for job in headgate.jobs()} <= {"loaded", "queued", "running"}

    def told() -> bool:
        """Say whether a job has the reason: one that is tried at the moment has none."""
        reasons = [str(job["reason"]) for job in headgate.jobs()]
        return any(reason.startswith("waits:") and words in reason for reason in reasons)

    headgate.until(told, "a job says what it waits for", process=process, problem=headgate.jobs)
    headgate.until(lambda: headgate.metric("headgate_waiting_jobs") >= 1, "the metric has moved", process=process)


def assert_tried_in_vain(headgate: Headgate, process: subprocess.Popen[bytes]) -> None:
    """Wait until the database, the ledger in it, was found full more often than a job has attempts."""

    def errors() -> float:
        return headgate.metric("headgate_db_errors_total", **{"class": "resources"})

    headgate.until(lambda: errors() >= 4 * ATTEMPTS, "the database is tried", process=process, problem=errors)
    headgate.until(lambda: "has no room" in headgate.why_not_ready(), "readiness says why", process=process)
    assert headgate.metric("headgate_db_up") == 0
    assert headgate.log.read_text().count("waiting work=") < 10, "said when it begins, not each time"


def assert_heals(headgate: Headgate, files: int, process: subprocess.Popen[bytes]) -> None:
    headgate.until(lambda: headgate.all_loaded(files), "all is loaded once there is room", process=process)
    wanted = f"{files * ROWS}/{files * ROWS}"
    assert headgate.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == wanted
    assert {job["attempt"] for job in headgate.jobs()} == {1}, "what is nobody's fault spends no attempt"
    headgate.until(lambda: headgate.metric("headgate_waiting_jobs") == 0, "nothing waits", process=process)
    assert headgate.stop(process) == 0


@pytest.fixture
def tablespace(own_postgres: Any, small_disk: Callable[[Path, int], SmallDisk]) -> SmallDisk:
    """A tablespace of 24 MB named `small` on a server of its own."""
    disk = small_disk(own_postgres.folder / "small", 24)
    own_postgres.add_tablespace("small", disk.folder)
    return disk


def test_a_full_tablespace_of_the_table_is_waited_for(
    tablespace: SmallDisk,
    own_postgres: Any,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    own_postgres.execute(TARGET)
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    process = begin(headgate, orders)
    tablespace.fill()
    send(headgate, orders)
    assert_waits(headgate, "No space left on device", "database_full", process)
    assert headgate.metric("headgate_db_errors_total", **{"class": "resources"}) > 0
    assert headgate.ready(), "the ledger has room: other datasets are loaded"
    tablespace.clear()
    assert_heals(headgate, 1 + FILES, process)


def test_a_full_tablespace_of_the_whole_database_is_waited_for(
    tablespace: SmallDisk,
    own_postgres: Any,
    tmp_path: Path,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    """The ledger is full, too: what cannot be noted there stays in its folder."""
    own_postgres.execute("CREATE DATABASE work TABLESPACE small")
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url("work"))
    process = begin(headgate, orders)
    tablespace.fill()
    send(headgate, orders)
    assert_tried_in_vain(headgate, process)
    assert headgate.loaded_jobs() < 1 + FILES
    tablespace.clear()
    assert_heals(headgate, 1 + FILES, process)


def test_a_full_folder_for_temporary_files_is_waited_for(
    sqlite_headgate: Headgate, small_disk: Callable[[Path, int], SmallDisk], orders: Callable[..., Path]
) -> None:
    """Workbooks that Excel protects from changes are decrypted into it."""
    headgate = sqlite_headgate
    disk = small_disk(headgate.folder / "tmp", 4)
    process = begin(headgate, orders, TMPDIR=str(disk.folder))
    disk.fill(but_bytes=4096)
    send(headgate, orders, protected=True)
    assert_waits(headgate, "No space left on device", "disk_full", process)
    disk.clear()
    assert_heals(headgate, 1 + FILES, process)


def test_a_full_spool_is_waited_for(
    sqlite_headgate: Headgate, small_disk: Callable[[Path, int], SmallDisk], orders: Callable[..., Path]
) -> None:
    """There is room for a file, and none for what a worker makes of it; then for no file."""
    headgate = sqlite_headgate
    disk = small_disk(headgate.folder / "var", 8)
    headgate.settings["intake"] |= {"min_free_mb": 0}
    process = begin(headgate, orders)
    disk.fill(but_bytes=24 << 10)
    send(headgate, orders)
    assert_waits(headgate, "No space left on device", "disk_full", process)
    disk.fill()
    assert Api(headgate.api_url, headgate.token).submit(b"order_no\n").status == 507
    assert headgate.ready()
    disk.clear()
    assert_heals(headgate, 1 + FILES, process)


def test_a_spool_that_turns_read_only_is_waited_for(
    sqlite_headgate: Headgate, read_only: Callable[[Path], AbstractContextManager[None]], orders: Callable[..., Path]
) -> None:
    """As a disk's that fails: it is told as the spool's, neither as the watched folder's nor as a defect."""
    headgate = sqlite_headgate
    process = begin(headgate, orders)
    with read_only(headgate.folder / "var" / "spool"):
        send(headgate, orders)
        headgate.until(lambda: "cannot be" in headgate.why_not_ready(), "readiness says why", process=process)
        answers = [Api(headgate.api_url, headgate.token).submit(b"order_no\n") for _ in range(5)]
        assert {answer.status for answer in answers} == {503}
        headgate.tells("intake stopped reason=the spool cannot be written: Read-only file system")
        told = headgate.log.read_text()
        assert "files not read" not in told
        assert "Traceback" not in told
        assert told.count("request failed") == 1
    assert_heals(headgate, 1 + FILES, process)


def test_a_full_disk_of_an_sqlite_file_is_waited_for_and_poisons_nothing(
    sqlite_headgate: Headgate, small_disk: Callable[[Path, int], SmallDisk], orders: Callable[..., Path]
) -> None:
    """Its first load makes the table, and fails behind that: what was made is gone with it, and nobody relies on it."""
    headgate = sqlite_headgate
    disk = small_disk(headgate.folder / "data", 16)
    headgate.database_url = f"sqlite+aiosqlite:///{disk.folder / 'target.db'}"
    headgate.settings["database"]["url"] = headgate.database_url
    headgate.settings["ledger"] |= {"beat_seconds": 0.5, "max_attempts": ATTEMPTS}
    headgate.write_config()
    process = headgate.start_ready()
    disk.fill(but_bytes=256 << 10)
    orders(headgate.inbox / "orders-0.xlsx", 20_000)
    headgate.tells("job waits job=1 reason=waits: the database has no room")
    assert_tried_in_vain(headgate, process)
    assert headgate.scalar("SELECT count(*) FROM sqlite_master WHERE name = 'orders'") == "0", "it was undone"
    disk.clear()
    headgate.until(lambda: headgate.all_loaded(1), "the first file is loaded", process=process)
    send(headgate, orders)
    headgate.until(lambda: headgate.all_loaded(1 + FILES), "those behind it, too", process=process)
    assert {job["attempt"] for job in headgate.jobs()} == {1}
    assert headgate.stop(process) == 0
