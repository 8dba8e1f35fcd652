"""Parts of a real Dask cluster are lost one by one, or do not fit: each job has its end, once."""

from __future__ import annotations

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from .cluster_fixtures import FILES, ROWS, calling, connected, loaded_once, started, until_it_waits

if TYPE_CHECKING:
    from collections.abc import Callable

    from dask_cluster import DaskCluster

    from .conftest import Headgate

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]

LOSSES = 8


def test_a_task_whose_worker_is_lost_is_not_begun_again(
    parsing_there: Headgate, cluster: DaskCluster, tmp_path: Path
) -> None:
    """The scheduler would give it to the other worker."""
    headgate, notes = parsing_there, tmp_path / "notes"
    process = started(headgate)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(calling, headgate, "note", str(notes), 60)
        headgate.until(lambda: notes.exists() and bool(notes.read_text()), "it runs", process=process)
        begun = notes.read_text()
        ancestors = {one.pid for one in psutil.Process(int(begun)).parents()}
        (busy,) = (worker for worker in cluster.workers if worker.pid in ancestors)
        busy.kill()
        ended = answer.result(60)
    assert (ended.status, ended.json["error_type"]) == (500, "WorkerLostError")
    time.sleep(1)
    assert notes.read_text() == begun, "a second run would have written its own pid"
    headgate.until(lambda: connected(headgate, 1), "the loss is seen", process=process)
    assert headgate.stop(process) == 0


def test_workers_and_the_scheduler_are_lost_at_random_moments(
    parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    headgate, chance = parsing_there, random.Random(7)
    process = started(headgate)
    for number in range(FILES * 2):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
    for loss in range(LOSSES):
        time.sleep(chance.uniform(0.1, 1.0))
        if loss % 4 == 3:
            assert cluster.scheduler is not None
            cluster.scheduler.kill()
            cluster.scheduler.wait(10)
            cluster.start_scheduler()
        else:
            cluster.workers[-1 - loss % 2].kill()
            cluster.start_worker()
    headgate.until(lambda: headgate.all_loaded(FILES * 2), "all are loaded", seconds=120, process=process)
    loaded_once(headgate, FILES * 2)
    assert {job["attempt"] for job in headgate.jobs()} == {1}, "no loss is an attempt"
    # All may have been loaded by the last loss, which the next look sees.
    headgate.until(lambda: not has_lost(headgate, 0), "the loss of the scheduler is counted", process=process)
    assert headgate.stop(process) == 0


def has_lost(headgate: Headgate, connections: int) -> bool:
    return headgate.metric("headgate_cluster_connections_lost_total") == connections


def test_a_scheduler_that_is_back_at_once_is_asked_anew(parsing_there: Headgate, cluster: DaskCluster) -> None:
    """Between two looks the library had connected by itself: nothing that workers tell was heard from then on."""
    headgate = parsing_there
    process = started(headgate)
    for lost in range(1, 4):
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        cluster.scheduler.wait(10)
        cluster.start_scheduler()
        headgate.until(partial(has_lost, headgate, lost), "it is noticed", process=process)
        headgate.until(lambda: connected(headgate, 2), "both workers are back", process=process)
    assert headgate.stop(process) == 0


def test_without_a_scheduler_jobs_wait_and_go_on_by_themselves(
    parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    headgate = parsing_there
    process = started(headgate)
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    headgate.until(lambda: headgate.metric("headgate_cluster_up") == 0, "the loss is seen", process=process)
    orders(headgate.inbox / "orders.xlsx", ROWS)
    headgate.until(
        lambda: headgate.metric("headgate_ingest_retries_total", reason="cluster_away") > 0, "it waits", process=process
    )
    until_it_waits(headgate, process, "the scheduler tcp://127.0.0.1", "does not answer")
    refused = calling(headgate, "add", 1)
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "5")
    assert headgate.ready(), "files are taken in meanwhile"
    cluster.start_scheduler()
    headgate.until(lambda: headgate.all_loaded(1), "it goes on", seconds=90, process=process)
    headgate.until(lambda: connected(headgate), "both workers came back by themselves", process=process)
    assert headgate.stop(process) == 0


def test_workers_of_another_version_get_no_calls(
    parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    headgate = parsing_there
    for worker in cluster.workers:
        worker.kill()
    cluster.start_worker(version="0.0.9")
    process = headgate.start_ready()
    headgate.until(
        lambda: headgate.metric("headgate_cluster_workers", fit="no") == 1, "the other one is there", process=process
    )
    orders(headgate.inbox / "orders.xlsx", ROWS)
    until_it_waits(headgate, process, "workers of Headgate 0.0.9 only")
    cluster.start_worker()
    headgate.until(lambda: headgate.all_loaded(1), "a worker that fits has it", seconds=90, process=process)
    assert headgate.stop(process) == 0


def test_workers_with_another_spool_say_so(
    parsing_there: Headgate, cluster: DaskCluster, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    headgate, elsewhere = parsing_there, tmp_path / "elsewhere"
    elsewhere.mkdir()
    for worker in cluster.workers:
        worker.kill()
    cluster.start_worker(spool=elsewhere)
    process = started(headgate, workers=1)
    orders(headgate.inbox / "orders.xlsx", ROWS)
    until_it_waits(headgate, process, f"has another spool ({elsewhere.as_uri()})")
    assert headgate.stop(process) == 0


def test_calls_of_a_killed_daemon_are_ended(parsing_there: Headgate, tmp_path: Path) -> None:
    """Nobody waits for the call: its worker process is ended."""
    headgate, notes = parsing_there, tmp_path / "notes"
    process = started(headgate)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(calling, headgate, "note", str(notes), 600)
        headgate.until(notes.exists, "it runs", process=process)
        headgate.kill(process)
    process = headgate.start_ready()
    headgate.until(
        lambda: connected(headgate) and headgate.metric("headgate_cluster_places_busy") == 0, "the call was ended"
    )
    assert headgate.stop(process) == 0


def test_a_worker_that_is_stopped_lets_its_calls_end(parsing_there: Headgate, cluster: DaskCluster) -> None:
    headgate = parsing_there
    process = started(headgate)
    with ThreadPoolExecutor(2) as pool:
        # Busy places are looked at every two seconds.
        sleeping = [pool.submit(calling, headgate, "sleep", 10) for _ in range(2)]
        headgate.until(lambda: headgate.metric("headgate_cluster_places_busy") == 2, "they run", process=process)
        for worker in cluster.workers:
            worker.send_signal(signal.SIGTERM)
        assert [one.result(60).status for one in sleeping] == [200] * 2
    assert [worker.wait(30) for worker in cluster.workers] == [0, 0]
    assert headgate.stop(process) == 0


def test_a_hangup_ends_no_worker_and_none_of_its_calls(parsing_there: Headgate, cluster: DaskCluster) -> None:
    headgate = parsing_there
    process = started(headgate)
    with ThreadPoolExecutor(1) as pool:
        sleeping = pool.submit(calling, headgate, "sleep", 3)
        headgate.until(lambda: headgate.metric("headgate_cluster_places_busy") == 1, "it runs", process=process)
        for worker in cluster.workers:
            worker.send_signal(signal.SIGHUP)
        assert sleeping.result(60).status == 200
    assert [worker.poll() for worker in cluster.workers] == [None, None]
    assert cluster.log.read_text().count("configuration is not reloaded") == 2
    assert headgate.stop(process) == 0
