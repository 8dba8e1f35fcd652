"""Sources of a running daemon: what is taken from a bucket, a share or a server's folder, once, and what goes wrong."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from silent_proxy import threaded_proxy
from storage_servers import PLACES, Place, credentials, through

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate

ROWS = 50


@pytest.fixture
def workbook(tmp_path: Path, orders: Callable[..., Path]) -> Callable[[int], bytes]:
    """Make the content of a workbook whose orders begin with a number."""

    def make(start: int) -> bytes:
        return orders(tmp_path / "made.xlsx", ROWS, start=start).read_bytes()

    return make


def watch(headgate: Headgate, place: Place, **more: Any) -> None:
    source = {
        "name": "shop",
        "url": place.url,
        "options": place.options,
        "poll_seconds": 0.3,
        "settle_seconds": 0.2,
        "timeout_seconds": 8,
        **({} if place.credentials_file is None else {"credentials_file": str(place.credentials_file)}),
        **more,
    }
    headgate.settings["intake"] = {"sources": [source]}
    headgate.write_config()


def metric(headgate: Headgate, name: str, **labels: str) -> float:
    return headgate.metric(f"headgate_source_{name}", source="shop", **labels)


def test_files_are_taken_once_and_again_when_they_change(
    sqlite_headgate: Headgate, place: Place, workbook: Callable[[int], bytes]
) -> None:
    gate = sqlite_headgate
    watch(gate, place)
    place.put("orders.xlsx", workbook(0))
    place.put("2026/orders, more.xlsx", workbook(1000))
    place.put("~$orders.xlsx", b"an office program's own")
    process = gate.start_ready()
    gate.until(lambda: gate.all_loaded(2), "both are loaded", process=process)
    place.put("orders.xlsx", workbook(2000))
    gate.until(lambda: gate.all_loaded(3), "the new content is loaded", process=process)
    assert gate.scalar("SELECT count(*) FROM orders") == str(3 * ROWS)
    assert {(job["file"], job["source"]) for job in gate.jobs()} == {
        ("orders.xlsx", "source"),
        ("2026/orders, more.xlsx", "source"),
    }
    assert gate.stop(process) == 0
    process = gate.start_ready()
    gate.until(lambda: metric(gate, "last_success_timestamp_seconds") > 0, "it was looked at", process=process)
    assert len(gate.jobs()) == 3
    assert metric(gate, "listed_files") == 3
    assert metric(gate, "taken_total") == 0
    assert place.names() == {"orders.xlsx", "2026/orders, more.xlsx", "~$orders.xlsx"}


def test_taken_files_are_removed(sqlite_headgate: Headgate, place: Place, workbook: Callable[[int], bytes]) -> None:
    watch(sqlite_headgate, place, after="delete", glob="*.xlsx")
    place.put("deep/orders.xlsx", workbook(0))
    place.put("orders.txt", b"left alone")
    process = sqlite_headgate.start_ready()
    sqlite_headgate.until(lambda: sqlite_headgate.all_loaded(1), "it is loaded", process=process)
    sqlite_headgate.until(lambda: place.names() == {"orders.txt"}, "it is removed", process=process)


def test_taken_files_are_moved(sqlite_headgate: Headgate, place: Place, workbook: Callable[[int], bytes]) -> None:
    """One of the same name lies beside the first."""
    watch(sqlite_headgate, place, after=f"move:{place.url}/done")
    place.put("orders.xlsx", workbook(0))
    process = sqlite_headgate.start_ready()
    sqlite_headgate.until(lambda: place.names() == {"done/orders.xlsx"}, "it is moved", process=process)
    place.put("orders.xlsx", workbook(1000))
    sqlite_headgate.until(lambda: sqlite_headgate.all_loaded(2), "both are loaded", process=process)
    number = max(job["id"] for job in sqlite_headgate.jobs())
    both = {"done/orders.xlsx", f"done/orders ({number}).xlsx"}
    sqlite_headgate.until(lambda: place.names() == both, "both are moved", process=process)
    assert len(sqlite_headgate.jobs()) == 2


def test_a_file_that_no_dataset_takes_is_a_rejected_job(sqlite_headgate: Headgate, tmp_path: Path) -> None:
    with PLACES["file"](tmp_path) as place:
        watch(sqlite_headgate, place)
        place.put("something.xlsx", b"?")
        process = sqlite_headgate.start_ready()
        sqlite_headgate.until(lambda: sqlite_headgate.all_finished(1), "it has ended", process=process)
        assert [job["state"] for job in sqlite_headgate.jobs()] == ["rejected"]


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_kills_lose_and_double_nothing(headgate: Headgate, tmp_path: Path, workbook: Callable[[int], bytes]) -> None:
    """The table has no key: a file that was entered twice shows as doubled rows."""
    headgate.add_without_key()
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    files = 40
    with PLACES["file"](tmp_path) as place:
        watch(headgate, place, after="delete", settle_seconds=0)
        headgate.settings["ledger"]["max_lost_leases"] = 1000
        headgate.settings["ledger"] |= {"lease_seconds": 2, "beat_seconds": 0.5}
        headgate.write_config()
        for number in range(files):
            place.put(f"orders-{number}.xlsx", workbook(number * ROWS))
        for _ in range(8):
            process = headgate.start()
            headgate.until(headgate.ready, "it takes files", process=process)
            time.sleep(chance.uniform(0.0, 0.4))
            headgate.kill(process)
        process = headgate.start_ready()
        headgate.until(lambda: not place.names(), "every file is taken", seconds=120, process=process)
        headgate.until(lambda: headgate.all_loaded(files), "every file is loaded", seconds=120, process=process)
        assert len(headgate.jobs()) == files, f"seed {seed}"
        assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS), f"seed {seed}"


@pytest.mark.fault
def test_two_daemons_take_each_object_once(
    tmp_path: Path,
    postgres_database: str,
    s3: Place,
    headgate_at: Callable[[Path, str], Headgate],
    workbook: Callable[[int], bytes],
) -> None:
    """The other one goes on when the one that looks at the source is killed."""
    pair = [headgate_at(tmp_path / name, postgres_database) for name in ("one", "two")]
    for made in pair:
        watch(made, s3)
        made.settings["intake"]["sources"][0]["timeout_seconds"] = 2
        made.settings["ledger"] |= {"lease_seconds": 2, "beat_seconds": 0.5}
        made.write_config()
    for number in range(12):
        s3.put(f"orders-{number}.xlsx", workbook(number * ROWS))
    processes = [made.start() for made in pair]
    for made, process in zip(pair, processes, strict=True):
        made.until(made.ready, "both are ready", process=process)
    pair[0].until(lambda: pair[0].all_loaded(12), "every file is loaded", seconds=120)
    assert len(pair[0].jobs()) == 12
    looking = next(index for index in (0, 1) if metric(pair[index], "taken_total") > 0)
    idle = pair[1 - looking]
    assert metric(idle, "taken_total") == 0
    pair[looking].kill(processes[looking])
    s3.put("orders-last.xlsx", workbook(9999))
    idle.until(lambda: metric(idle, "taken_total") == 1, "the other one takes what comes", seconds=90)
    idle.until(lambda: idle.all_loaded(13), "it is loaded")
    assert len(idle.jobs()) == 13
    processes[1 - looking].send_signal(signal.SIGTERM)
    assert processes[1 - looking].wait(40) == 0


@pytest.mark.fault
def test_an_outage_is_told_and_passes(sqlite_headgate: Headgate, s3: Place, workbook: Callable[[int], bytes]) -> None:
    gate = sqlite_headgate
    with threaded_proxy(s3.port) as proxy:
        watch(gate, through(s3, proxy.port), timeout_seconds=4)
        process = gate.start_ready()
        gate.until(lambda: metric(gate, "last_success_timestamp_seconds") > 0, "it was looked at", process=process)
        proxy.lead_to(1)
        gate.until(lambda: metric(gate, "readable") == 0, "the outage is told", process=process)
        assert metric(gate, "errors_total", kind="unreachable") > 0
        gate.tells("source not read")
        assert gate.ready()
        s3.put("orders.xlsx", workbook(0))
        proxy.lead_to(s3.port)
        gate.until(lambda: gate.all_loaded(1), "it goes on", process=process)
        gate.until(lambda: metric(gate, "readable") == 1, "that is told, too", process=process)
        gate.tells("source read")


def test_credentials_that_are_corrected_are_taken_over(
    sqlite_headgate: Headgate, tmp_path: Path, workbook: Callable[[int], bytes]
) -> None:
    gate = sqlite_headgate
    with PLACES["sftp"](tmp_path) as place:
        place.put("orders.xlsx", workbook(0))
        right = place.credentials_file
        assert right is not None
        text = right.read_text()
        wrong = credentials(tmp_path, "changing", username="shop", password="not this")  # noqa: S106
        watch(gate, replace(place, credentials_file=wrong))
        process = gate.start_ready()
        gate.until(lambda: metric(gate, "errors_total", kind="refused") > 0, "it is refused", process=process)
        wrong.write_text(text)
        process.send_signal(signal.SIGHUP)
        gate.until(lambda: gate.all_loaded(1), "it is loaded", process=process)
        gate.settings["intake"]["sources"] = []
        gate.write_config()
        process.send_signal(signal.SIGHUP)
        gone = {one.labels["source"] for one in gate.samples() if one.name == "headgate_source_readable"}
        assert gone <= {"shop"}
        gate.until(
            lambda: not [one for one in gate.samples() if one.labels.get("source") == "shop"],
            "a source that is no more has no series",
            process=process,
        )
        assert "not this" not in gate.log.read_text()


def test_ten_thousand_files_of_which_few_are_wanted(
    sqlite_headgate: Headgate, tmp_path: Path, workbook: Callable[[int], bytes]
) -> None:
    gate = sqlite_headgate
    with PLACES["file"](tmp_path) as place:
        for number in range(10_000):
            place.put(f"{number % 50}/{number}.txt", b"x")
        place.put("17/orders.xlsx", workbook(0))
        watch(gate, place, glob=["**/*.xlsx"])
        process = gate.start_ready()
        gate.until(lambda: gate.all_loaded(1), "it is loaded", process=process)
        gate.until(lambda: metric(gate, "listed_files") == 10_001, "all are listed", process=process)


def test_check_lists_each_source_once(sqlite_headgate: Headgate, s3: Place) -> None:
    gate = sqlite_headgate
    s3.put("orders.xlsx", b"x")
    s3.put("a.txt", b"x")
    watch(gate, s3, glob="*.xlsx")
    done = gate.command("check", "-c", gate.config, "--connect")
    assert done.returncode == 0, done.stderr
    assert "source shop: can be listed; of 2 files 1 are to be taken" in done.stdout
    watch(gate, replace(s3, url="s3://nothing-here"))
    done = gate.command("check", "-c", gate.config, "--connect")
    assert done.returncode == 2
    assert "Error: source shop: s3://nothing-here is not there" in done.stderr
