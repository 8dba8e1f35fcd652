"""Two daemons on one PostgreSQL never share a job, whether they share a spool or not."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
from api_caller import Api
from postgres_server import locked_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS = 30, 200
LEASE_SECONDS = 6


def test_two_daemons_with_one_spool_load_each_file_once(
    tmp_path: Path,
    postgres_database: str,
    headgate_at: Callable[[Path, str], Headgate],
    orders: Callable[..., Path],
) -> None:
    """Both watch the same folder: one job loads each file; one that both saw at once is a duplicate for the other."""
    folders = [tmp_path / "one", tmp_path / "two"]
    pair: list[Headgate] = []
    for folder in folders:
        made = headgate_at(folder, postgres_database)
        made.settings["state_dir"] = str(tmp_path / "shared")
        made.settings["api"]["token_file"] = str(folder / "var" / "api.token")
        made.settings["intake"]["folders"] = [{"path": str(folders[0] / "inbox")}]
        made.add_without_key()
        made.write_config()
        pair.append(made)
    processes = [made.start() for made in pair]
    try:
        for made, process in zip(pair, processes, strict=True):
            made.until(made.ready, "both are ready", process=process)
        # Not before: one that starts late would find nothing left to do.
        for number in range(FILES):
            orders(folders[0] / "inbox" / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
        # Not so many jobs that have ended: some of them may be duplicates of what still runs.
        pair[0].until(lambda: pair[0].loaded_jobs() == FILES, "every file is loaded", seconds=120)
        pair[0].until(lambda: pair[0].all_finished(FILES), "every job has ended")
        states = [job["state"] for job in pair[0].jobs()]
        assert states.count("loaded") == FILES
        assert set(states) <= {"loaded", "duplicate"}
        assert pair[0].scalar("SELECT count(*) FROM orders") == str(FILES * ROWS)
        runs = pair[0].rows(
            "SELECT job_id, count(*) FILTER (WHERE event = 'running') FROM headgate.event "
            "GROUP BY job_id HAVING count(*) FILTER (WHERE event = 'running') > 1"
        )
        assert runs == []
        daemons = pair[0].rows("SELECT DISTINCT daemon FROM headgate.event WHERE event = 'running'")
        assert len(daemons) == 2, "one of the two did nothing"
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        assert [process.wait(40) for process in processes] == [0, 0]


def test_a_daemon_frozen_in_a_load_keeps_no_other_from_working(
    tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    """Its transaction stays open and holds its job's row, for as long as it does not go on."""
    frozen, other, late = (headgate_at(tmp_path / name, postgres_database) for name in ("frozen", "other", "late"))
    for made in (frozen, other, late):
        made.settings["ledger"] |= {"beat_seconds": 0.5, "lease_seconds": LEASE_SECONDS}
        made.write_config()
    processes = [frozen.start_ready(), other.start_ready()]
    api = Api(frozen.api_url, frozen.token)
    assert api.wait(api.submit(orders(tmp_path / "first.xlsx", 5).read_bytes()).json["id"])["state"] == "loaded"
    with locked_table(postgres_database, "orders"):
        job = api.submit(orders(tmp_path / "o.xlsx", 5, start=100).read_bytes()).json["id"]
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"
        frozen.until(lambda: frozen.scalar(waits) == "1", "the load waits for the table", process=processes[0])
        processes[0].send_signal(signal.SIGSTOP)
    time.sleep(LEASE_SECONDS)
    for _ in range(4 * LEASE_SECONDS):  # it is found dead, and looked at with each beat from then on
        assert other.ready()
        time.sleep(0.25)
    processes.append(late.start_ready())
    mine, file = Api(late.api_url, late.token), orders(tmp_path / "p.xlsx", 5, start=200)
    assert mine.wait(mine.submit(file.read_bytes()).json["id"])["state"] == "loaded"
    processes[0].send_signal(signal.SIGCONT)
    assert api.wait(job)["state"] == "loaded"
    assert other.scalar("SELECT count(*) || '/' || count(DISTINCT order_no) FROM orders") == "15/15"
    assert [made.stop(process) for made, process in zip((frozen, other, late), processes, strict=True)] == [0, 0, 0]


def test_a_dataset_is_fresh_whichever_daemon_loaded_it(
    tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate], orders: Callable[..., Path]
) -> None:
    """Otherwise the one that got no file would call it stale."""
    loading, idle = (headgate_at(tmp_path / name, postgres_database) for name in ("loading", "idle"))
    idle.settings["intake"] = {"folders": []}
    idle.settings["ledger"] |= {"beat_seconds": 1}
    idle.write_config()

    def loaded_at(made: Headgate) -> float:
        wanted = 'headgate_dataset_last_success_timestamp_seconds{dataset="orders"} '
        lines = made.get(f"{made.exporter_url}/metrics")[1].splitlines()
        return next(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))

    processes = [made.start_ready() for made in (loading, idle)]
    # It looks for jobs too: only when it is paused can it be another daemon that loads.
    processes[1].send_signal(signal.SIGSTOP)
    orders(loading.inbox / "orders-1.xlsx", 20)
    loading.until(lambda: loading.all_finished(1), "the file is loaded", process=processes[0])
    processes[1].send_signal(signal.SIGCONT)
    idle.until(lambda: loaded_at(idle) > 0, "the other one knows", seconds=60, process=processes[1])
    assert abs(loaded_at(idle) - loaded_at(loading)) < 60
    assert [made.stop(process) for made, process in zip((loading, idle), processes, strict=True)] == [0, 0]
