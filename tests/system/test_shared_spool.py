"""Two machines, one spool in S3: what one daemon has accepted the other loads, also when the first is lost."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from silent_proxy import threaded_proxy

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from storage_servers import Place

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS, LOSSES = 12, 100, 12
LAST_ROWS = 20_000
"""Of a file that is not loaded before its daemon is killed."""


@pytest.fixture
def pair(
    tmp_path: Path, s3: Place, postgres_database: str, headgate_at: Callable[[Path, str], Headgate]
) -> list[Headgate]:
    """Two daemons that share a ledger and a spool, and no folder."""
    made = [headgate_at(tmp_path / name, postgres_database) for name in ("one", "two")]
    for one in made:
        one.add_without_key()
        one.settings["intake"] = {"folders": []}
        one.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": 3}
        one.settings["spool"] = {
            "url": s3.url,
            "options": s3.options,
            "credentials_file": str(s3.credentials_file),
            "timeout_seconds": 5,
        }
        one.write_config()
    return made


def submit(headgate: Headgate, file: Path) -> tuple[int, dict[str, Any]]:
    """Hand a file in over HTTP; return the status and the answer."""
    request = urllib.request.Request(  # noqa: S310  # loopback only
        f"{headgate.api_url}/jobs?name={file.name}",
        data=file.read_bytes(),
        headers={"Authorization": f"Bearer {headgate.token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # loopback only
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def stop_all(pair: list[Headgate], processes: list[subprocess.Popen[bytes]]) -> None:
    for one, process in zip(pair, processes, strict=True):
        assert one.stop(process) == 0


def left_in(s3: Place) -> set[str]:
    return {name for name in s3.names() if "/jobs/" in name}


def needed_by(headgate: Headgate, s3: Place) -> set[str]:
    """Return what lies in the spool for jobs that are to be loaded yet."""
    keys = {key for (key,) in headgate.rows("SELECT spool_key FROM headgate.job WHERE spool_key IS NOT NULL")}
    return {name for name in left_in(s3) if name.partition("/jobs/")[2].partition("/")[0] in keys}


def test_files_of_a_lost_machine_are_loaded_by_another(
    tmp_path: Path, pair: list[Headgate], s3: Place, orders: Callable[..., Path]
) -> None:
    """Nothing of the first is left but what it had acknowledged, and the other had not seen anything of it before."""
    lost, heir = pair
    first, second = lost.start_ready(), heir.start_ready()
    second.send_signal(signal.SIGSTOP)
    for number in range(FILES):
        rows = ROWS if number < FILES - 1 else LAST_ROWS
        status, answer = submit(lost, orders(tmp_path / f"orders-{number}.xlsx", rows, start=number * ROWS))
        assert status == 201, answer
    lost.kill(first)
    shutil.rmtree(lost.folder / "var")
    needed = needed_by(heir, s3)
    assert needed, "nothing is left to be loaded by the other"
    # What the lost one had loaded and not yet removed goes when it has been nobody's for an hour.
    unremoved = left_in(s3) - needed
    second.send_signal(signal.SIGCONT)
    heir.until(lambda: heir.all_loaded(FILES), "every acknowledged file is loaded", seconds=90, process=second)
    found = heir.rows("SELECT count(*), count(DISTINCT order_no) FROM orders")
    assert found == [(str((FILES - 1) * ROWS + LAST_ROWS),) * 2]
    heir.until(lambda: left_in(s3) <= unremoved, "the spool is empty again", problem=lambda: left_in(s3) - unremoved)
    assert heir.stop(second) == 0


def test_rejected_rows_are_handed_back_by_any_daemon(
    tmp_path: Path, pair: list[Headgate], s3: Place, orders: Callable[..., Path]
) -> None:
    processes = [one.start_ready() for one in pair]
    status, job = submit(pair[0], orders(tmp_path / "orders.xlsx", 20, bad=(3, 5)))
    assert status == 201, job
    pair[0].until(lambda: pair[0].all_finished(1), "the file is loaded", process=processes[0])
    for one in pair:
        back = one.folder / "back.csv"
        done = one.command("rejects", job["id"], "-o", back, "-c", one.config)
        assert done.returncode == 0, done.stderr
        assert len(back.read_text(encoding="utf-8-sig").splitlines()) == 3, "the titles and two rows"
    assert {name.rpartition("/")[2] for name in left_in(s3)} == {"source", "rejects.jsonl"}
    stop_all(pair, processes)


def test_a_spool_that_is_silent_is_waited_for(
    tmp_path: Path, pair: list[Headgate], s3: Place, orders: Callable[..., Path]
) -> None:
    """Nothing is acknowledged meanwhile, and a job whose file lies only there spends no attempt."""
    lost, heir = pair
    with threaded_proxy(s3.port) as proxy:
        heir.settings["spool"] |= {
            "options": s3.options | {"endpoint_url": f"http://127.0.0.1:{proxy.port}"},
            "timeout_seconds": 2,
        }
        heir.settings["ledger"] |= {"max_attempts": 1, "max_lost_leases": 100}
        heir.write_config()
        first, second = lost.start_ready(), heir.start_ready()
        second.send_signal(signal.SIGSTOP)
        for number in range(FILES):
            rows = ROWS if number < FILES - 1 else LAST_ROWS
            assert submit(lost, orders(tmp_path / f"orders-{number}.xlsx", rows, start=number * ROWS))[0] == 201
        lost.kill(first)
        assert lost.loaded_jobs() < FILES, "nothing is left to be loaded by the other"
        proxy.silence(new_ones_too=True)
        second.send_signal(signal.SIGCONT)
        heir.until(lambda: heir.metric("headgate_ingest_retries_total", reason="spool_away") > 0, "a job waits")
        status, answer = submit(heir, orders(tmp_path / "orders-late.xlsx", ROWS, start=FILES * ROWS + LAST_ROWS))
        assert status == 503, answer
        assert "shared spool" in answer["detail"]
        heir.until(lambda: "shared spool" in heir.why_not_ready(), "it says why it is not ready")
        proxy.speak()
        heir.until(heir.ready, "it is ready again", process=second)
        assert submit(heir, tmp_path / "orders-late.xlsx")[0] == 201
        heir.until(lambda: heir.all_loaded(FILES + 1), "every file is loaded", seconds=90, process=second)
        assert heir.scalar("SELECT count(*) FROM orders") == str(FILES * ROWS + LAST_ROWS)
        assert heir.stop(second) == 0


@pytest.mark.timeout(600)
def test_machines_are_lost_at_random_moments(tmp_path: Path, pair: list[Headgate], orders: Callable[..., Path]) -> None:
    """Each time one of the two is killed and its disk is gone; without a key a second load shows as doubled rows."""
    for one in pair:
        one.settings["ledger"] |= {"max_lost_leases": 1000}
        one.write_config()
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    processes = [one.start_ready() for one in pair]
    for number in range(LOSSES):
        lost = number % 2
        book = orders(tmp_path / f"orders-{number}.xlsx", ROWS * 20, start=number * ROWS * 20)
        status, answer = submit(pair[lost], book)
        assert status == 201, answer
        time.sleep(chance.uniform(0.0, 1.5))
        pair[lost].kill(processes[lost])
        shutil.rmtree(pair[lost].folder / "var")
        processes[lost] = pair[lost].start_ready()
    pair[0].until(lambda: pair[0].loaded_jobs() == LOSSES, "every file is loaded", seconds=180)
    found = pair[0].rows("SELECT count(*), count(DISTINCT order_no) FROM orders")
    assert found == [(str(LOSSES * ROWS * 20),) * 2], f"seed {seed}"
    stop_all(pair, processes)
