"""A zip of workbooks in a watched folder or a source: one job for each file in it, or none at all."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from zips import zipped

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from storage_servers import Place

    from .conftest import Headgate

ROWS = 20


def put(folder: Path, name: str, content: bytes) -> None:
    """Write a file that appears whole, by rename."""
    part = folder / f".{name}.part"
    part.write_bytes(content)
    part.rename(folder / name)


@pytest.fixture
def book(tmp_path: Path, orders: Callable[..., Path]) -> Callable[..., bytes]:
    def book(start: int, bad: tuple[int, ...] = ()) -> bytes:
        return orders(tmp_path / "book.xlsx", ROWS, start=start * ROWS, bad=bad).read_bytes()

    return book


def states(headgate: Headgate) -> dict[str, str]:
    return {job["file"]: job["state"] for job in headgate.jobs()}


def until_loaded(headgate: Headgate, count: int, process: subprocess.Popen[bytes]) -> None:
    headgate.until(lambda: headgate.loaded_jobs() >= count, "some are loaded", process=process)


def test_each_file_is_a_job_and_is_told_of(headgate: Headgate, book: Callable[..., bytes]) -> None:
    headgate.settings["intake"]["folders"] = [{"path": "inbox", "settle_seconds": 0.3, "taken": "move"}]
    headgate.write_config()
    process = headgate.start_ready()
    put(
        headgate.inbox,
        "may.zip",
        zipped(**{"orders-1.xlsx": book(1), "北/orders-2.xlsx": book(2, bad=(3,)), "readme.txt": b"hello"}),
    )
    headgate.until(lambda: headgate.all_finished(3), "each file has its end", process=process)
    found = states(headgate)
    assert found == {
        "may.zip/orders-1.xlsx": "loaded",
        "may.zip/北/orders-2.xlsx": "partial",
        "may.zip/readme.txt": "rejected",
    }
    rejected = headgate.inbox / "rejected" / "may.zip.files"
    headgate.until((headgate.inbox / "done" / "may.zip").exists, "the archive is moved")
    headgate.until((rejected / "北" / "orders-2.rejects.xlsx").exists, "the rejected row is handed back")
    headgate.until((rejected / "readme.reason.txt").exists, "it is told why")
    assert headgate.scalar("SELECT count(*) FROM orders") == str(2 * ROWS - 1)
    assert headgate.stop(process) == 0


def test_an_archive_that_stays_is_taken_once(headgate: Headgate, book: Callable[..., bytes]) -> None:
    process = headgate.start_ready()
    books = [book(number) for number in range(3)]
    put(headgate.inbox, "may.zip", zipped(**{f"orders-{number}.xlsx": content for number, content in enumerate(books)}))
    headgate.until(lambda: headgate.all_loaded(3), "all are loaded", process=process)
    assert headgate.stop(process) == 0
    process = headgate.start_ready()
    put(headgate.inbox, "orders-9.xlsx", book(9))
    headgate.until(lambda: headgate.all_loaded(4), "the next one is taken", process=process)
    assert len(headgate.jobs()) == 4
    put(headgate.inbox, "may.zip", zipped(**{"orders-0.xlsx": books[0], "orders-4.xlsx": book(4)}))
    headgate.until(lambda: headgate.all_finished(6), "the new one is taken", process=process)
    # The first file is not what was loaded last, so it is loaded again.
    assert headgate.scalar("SELECT count(*) FROM orders") == str(5 * ROWS)
    assert headgate.stop(process) == 0


def test_an_archive_with_a_damaged_file_is_no_job_but_one(
    sqlite_headgate: Headgate, book: Callable[..., bytes]
) -> None:
    gate = sqlite_headgate
    process = gate.start_ready()
    whole = bytearray(zipped(**{"orders-1.xlsx": book(1), "orders-2.xlsx": book(2)}))
    second = whole.index(b"PK\x03\x04", 100)
    whole[second + 500] ^= 0xFF
    put(gate.inbox, "may.zip", bytes(whole))
    gate.until(lambda: gate.all_finished(1), "it has its end", process=process)
    [job] = gate.jobs()
    assert (job["file"], job["state"]) == ("may.zip", "rejected")
    assert "orders-2.xlsx" in job["reason"]
    assert gate.stop(process) == 0


def test_an_archive_that_is_put_back_is_tried_anew(headgate: Headgate, book: Callable[..., bytes]) -> None:
    headgate.add_without_key()
    headgate.settings["intake"]["folders"] = [{"path": "inbox", "settle_seconds": 0.3, "taken": "move"}]
    headgate.write_config()
    spec = headgate.folder / "datasets" / "orders.yml"
    done, rejected = headgate.inbox / "done" / "may.zip", headgate.inbox / "rejected" / "may.zip.files"
    process = headgate.start_ready()
    put(
        headgate.inbox,
        "may.zip",
        zipped(**{"orders-1.xlsx": book(1), "orders-2.xlsx": book(2, bad=tuple(range(ROWS - 1)))}),
    )
    headgate.until((rejected / "orders-2.rejects.xlsx").exists, "one is rejected", process=process)
    headgate.until(done.exists, "the archive is moved", process=process)
    assert headgate.stop(process) == 0
    strict = spec.read_text(encoding="utf-8")
    spec.write_text(strict.replace("max_rows: 10, max_percent: 50", "max_rows: 100, max_percent: 100"))
    process = headgate.start_ready()
    done.rename(headgate.inbox / "may.zip")
    headgate.until(lambda: headgate.all_finished(4), "it is tried anew", process=process)
    headgate.until((rejected / "orders-2.4.rejects.xlsx").exists, "its row is handed back", process=process)
    headgate.until(done.exists, "the archive is moved", process=process)
    ends = [job["state"] for job in sorted(headgate.jobs(), key=lambda job: job["id"])]
    assert ends == ["loaded", "rejected", "duplicate", "partial"]
    # Of the one that was loaded before nothing is told: it lies in done/ as before.
    assert {path.name for path in rejected.iterdir()} == {"orders-2.rejects.xlsx", "orders-2.4.rejects.xlsx"}
    assert headgate.scalar("SELECT count(*) FROM orders") == str(ROWS + 1)
    assert headgate.stop(process) == 0


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_kills_within_an_archive_lose_and_double_nothing(headgate: Headgate, book: Callable[..., bytes]) -> None:
    headgate.add_without_key()
    headgate.settings["ledger"]["max_lost_leases"] = 1000
    headgate.settings["intake"]["folders"] = [{"path": "inbox", "settle_seconds": 0.3, "taken": "move"}]
    headgate.write_config()
    files, chance = 40, random.Random(7)
    put(headgate.inbox, "all.zip", zipped(**{f"orders-{number}.xlsx": book(number) for number in range(files)}))
    for _ in range(5):
        goal = min(files - 1, headgate.loaded_jobs() + chance.randrange(1, 8))
        process = headgate.start()
        until_loaded(headgate, goal, process)
        headgate.kill(process)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.loaded_jobs() == files, "all are loaded", process=process)
    headgate.until((headgate.inbox / "done" / "all.zip").exists, "the archive is moved", process=process)
    assert [job["state"] for job in headgate.jobs()] == ["loaded"] * files
    # Put back, it is opened a second time: each file has one more job, also where a kill comes between them.
    table = "headgate_job" if headgate.database_url.startswith("sqlite") else "headgate.job"
    headgate.until(lambda: headgate.scalar(f"SELECT count(*) FROM {table} WHERE owed") == "0", "all is told")
    (headgate.inbox / "done" / "all.zip").rename(headgate.inbox / "all.zip")
    headgate.until(lambda: len(headgate.jobs()) > files, "it is opened again", process=process)
    headgate.kill(process)
    process = headgate.start_ready()
    headgate.until((headgate.inbox / "done" / "all.zip").exists, "it is moved again", process=process)
    assert sorted(job["state"] for job in headgate.jobs()) == ["duplicate"] * files + ["loaded"] * files
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert headgate.stop(process) == 0


def test_archives_of_a_source_are_opened_once(sqlite_headgate: Headgate, s3: Place, book: Callable[..., bytes]) -> None:
    gate = sqlite_headgate
    s3.put("may.zip", zipped(**{"orders-1.xlsx": book(1), "orders-2.xlsx": book(2)}))
    gate.settings["intake"] = {
        "sources": [
            {
                "name": "shop",
                "url": s3.url,
                "options": s3.options,
                "credentials_file": str(s3.credentials_file),
                "poll_seconds": 0.5,
            }
        ]
    }
    gate.write_config()
    process = gate.start_ready()
    gate.until(lambda: gate.all_loaded(2), "both are loaded", process=process)
    assert set(states(gate)) == {"may.zip/orders-1.xlsx", "may.zip/orders-2.xlsx"}
    s3.put("orders-3.xlsx", book(3))
    gate.until(lambda: gate.all_loaded(3), "the next one is taken", process=process)
    assert len(gate.jobs()) == 3
    assert gate.stop(process) == 0
