"""Files parsed and tasks run on a real Dask cluster: as here, with the same limits, ends and words."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from certificates import Authority, openssl
from dask_cluster import DaskCluster
from distributed import Client
from samples import samples_of, total

from .cluster_fixtures import FILES, ROWS, calling, connected, left_in, loaded_once, parsed_there, started

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate

pytestmark = [pytest.mark.fault, pytest.mark.timeout(300)]


def permits_left(asking: Client) -> int:
    # A lambda goes by value: the scheduler cannot import a test.
    return int(asking.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.extensions["queues"].queues)))


def test_check_asks_the_spool_and_the_scheduler(parsing_there: Headgate, cluster: DaskCluster, tmp_path: Path) -> None:
    headgate = parsing_there

    def asked() -> str:
        return headgate.command("check", "-c", headgate.config, "--connect").stdout

    headgate.until(lambda: "cluster: 2 workers with 4 places" in asked(), "both workers are there")
    assert "spool: can be listed" in asked()
    headgate.settings["spool"] = {"url": (tmp_path / "nowhere").as_uri()}
    headgate.write_config()
    assert "spool: there is no such folder yet" in asked()
    assert not (tmp_path / "nowhere").exists()
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    done = headgate.command("check", "-c", headgate.config, "--connect")
    assert done.returncode == 2
    assert "Error: cluster: the scheduler tcp://127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_are_parsed_there_and_loaded_here(
    parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    headgate = parsing_there
    process = started(headgate)
    for number in range(FILES):
        orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
    orders(headgate.inbox / "orders-bad.xlsx", 100, start=FILES * ROWS, bad=(3, 5))
    headgate.until(lambda: headgate.all_finished(FILES + 1), "all have ended", process=process)
    states = sorted(job["state"] for job in headgate.jobs())
    assert states == ["loaded"] * FILES + ["partial"]
    assert headgate.metric("headgate_executor_tasks_total", pool="cluster", kind="parse", outcome="ok") == FILES + 1
    assert headgate.metric("headgate_executor_tasks_total", pool="cpu", kind="parse") == 0
    (partial,) = (job for job in headgate.jobs() if job["state"] == "partial")
    assert partial["rows"]["rejected"] == 2
    back = headgate.folder / "back.csv"
    done = headgate.command("rejects", partial["id"], "-o", back, "-c", headgate.config)
    assert done.returncode == 0, done.stderr
    headgate.until(
        lambda: {path.name for path in left_in(cluster)} == {"source", "rejects.jsonl"},
        "only what may be asked for is left",
        process=process,
        problem=lambda: left_in(cluster),
    )
    with Client(cluster.settings["scheduler"], set_as_default=False) as asking:
        headgate.until(lambda: permits_left(asking) == 0, "no permit is left")
    assert headgate.stop(process) == 0


def parses_of_worker(cluster: DaskCluster, number: int) -> float:
    """Return how many files a worker's own processes have parsed, as its exporter tells."""
    settings = yaml.safe_load((cluster.folder / f"worker-{number}" / "headgate.yml").read_text())
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings['exporter']['port']}/metrics", timeout=20) as told:
            samples = samples_of(told.read().decode())
    except OSError:  # it only starts
        return 0
    return total(samples, "headgate_executor_tasks_total", pool="cpu", kind="parse", outcome="ok")


def test_a_backfill_is_parsed_there(parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]) -> None:
    """A worker is lost meanwhile, and whose files it had the other parses."""
    headgate, years = parsing_there, parsing_there.folder / "years"
    years.mkdir()
    for number in range(3 * FILES):
        orders(years / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
    report = headgate.folder / "report.json"
    given = ("backfill", years, "--dataset", "orders", "-c", headgate.config, "--report", report)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(headgate.command, *given, timeout=200)
        headgate.until(lambda: parses_of_worker(cluster, 0) > 0, "the first worker parses", seconds=100)
        cluster.workers[0].kill()
        done = running.result()
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert json.loads(report.read_text())["files"]["loaded"] == 3 * FILES
    loaded_once(headgate, 3 * FILES)
    assert parses_of_worker(cluster, 1) > 0
    # What the lost worker had made and not told of goes when it has been nobody's for an hour.
    assert not [path for path in left_in(cluster) if path.name == "source"]


def test_registered_tasks_run_there_and_have_the_same_ends(parsing_there: Headgate) -> None:
    headgate = parsing_there
    process = started(headgate)
    done = calling(headgate, "add", 3, 4)
    assert (done.status, done.json["result"]) == (200, 7)
    assert done.json["peak_rss_bytes"] > 0
    crashed = calling(headgate, "crash")
    assert (crashed.status, crashed.json["error_type"]) == (500, "WorkerCrashedError")
    assert calling(headgate, "add", 3, 5).json["result"] == 8
    assert headgate.metric("headgate_executor_tasks_total", pool="cluster", kind="task", outcome="ok") == 2
    assert headgate.metric("headgate_executor_tasks_total", pool="cluster", kind="task", outcome="crashed") == 1
    assert headgate.metric("headgate_executor_tasks_total", pool="cpu", kind="task") == 0
    assert headgate.stop(process) == 0


def test_a_full_cluster_is_told_of_and_waited_for(
    parsing_there: Headgate, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    """Another daemon has all places; what is taken back is never begun."""
    headgate, notes = parsing_there, tmp_path / "notes"
    headgate.settings["executors"]["queue_timeout_seconds"] = 2
    headgate.write_config()
    other = headgate_at(tmp_path / "other", f"sqlite+aiosqlite:///{tmp_path / 'other.db'}")
    other.settings |= {name: headgate.settings[name] for name in ("executors", "spool", "tasks")}
    other.more_environ |= headgate.more_environ
    other.write_config()
    processes = [one.start_ready() for one in (headgate, other)]
    for one, process in zip((headgate, other), processes, strict=True):
        one.until(lambda one=one: connected(one), "both workers are there", process=process)  # type: ignore[misc]
    with ThreadPoolExecutor(4) as pool:
        sleeping = [pool.submit(calling, other, "sleep", 12) for _ in range(4)]
        headgate.until(lambda: headgate.metric("headgate_cluster_places_busy") == 4, "all places are taken")
        refused = calling(headgate, "note", str(notes), 0)
        assert refused.status == 429, refused.body
        assert "no worker of the cluster had a place" in refused.json["detail"]
        assert [one.result(60).status for one in sleeping] == [200] * 4
    assert calling(headgate, "add", 1, 2).json["result"] == 3
    assert not notes.exists()
    for one, process in zip((headgate, other), processes, strict=True):
        assert one.stop(process) == 0


def test_all_speak_tls_and_a_stranger_is_not_let_in(
    headgate: Headgate,
    headgate_binary: Path,
    tmp_path: Path,
    free_port: Callable[[], int],
    orders: Callable[..., Path],
) -> None:
    if openssl() is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path / "cluster"
    folder.mkdir()
    authority = Authority(folder)
    cluster = DaskCluster(
        folder=folder,
        binary=headgate_binary,
        free_port=free_port,
        port=free_port(),
        certificates=(authority.own.certificate, authority.issue("cluster")),
    )
    parsed_there(headgate, cluster)
    try:
        cluster.open()
        process = started(headgate)
        orders(headgate.inbox / "orders-0.xlsx", ROWS)
        headgate.until(lambda: headgate.all_loaded(1), "it is loaded", process=process)
        assert headgate.stop(process) == 0
        stranger = Authority(folder, "stranger")
        headgate.settings["executors"] |= {
            "tls_certificate_file": str(stranger.own.certificate),
            "tls_key_file": str(stranger.own.key),
        }
        headgate.write_config()
        process = headgate.start_ready()
        orders(headgate.inbox / "orders-1.xlsx", ROWS, start=ROWS)
        headgate.until(lambda: any("does not answer" in str(job["reason"]) for job in headgate.jobs()), "it waits")
        assert headgate.stop(process) == 0
    finally:
        cluster.close()


def test_a_file_that_breaks_its_limits_is_told_of_as_here(
    parsing_there: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    """The sandbox and its deadlines are those of the worker; the words are those of a daemon alone."""
    headgate = parsing_there
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + "\nlimits: {parse_seconds: 0.05}\n", encoding="utf-8")
    process = started(headgate)
    orders(headgate.inbox / "orders-0.xlsx", 20_000)
    headgate.until(lambda: headgate.all_finished(1), "it has its end", process=process)
    (job,) = headgate.jobs()
    assert (job["state"], job["reason"][:12]) == ("rejected", "file.timeout")
    assert "took longer than 0.05 s" in job["reason"]
    headgate.until(lambda: not left_in(cluster), "its files have gone", process=process)
    assert headgate.stop(process) == 0


def test_what_keeps_a_worker_from_starting(headgate_binary: Path, free_port: Callable[[], int], tmp_path: Path) -> None:
    """A second worker on one state folder would take the files of the first; a key is for its owner's eyes only."""
    cluster = DaskCluster(folder=tmp_path / "cluster", binary=headgate_binary, free_port=free_port, port=free_port())
    first = cluster.folder / "worker-0" / "headgate.yml"

    def started(config: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [headgate_binary, "worker", "-c", config], capture_output=True, text=True, timeout=60, check=False
        )

    try:
        cluster.open(workers=1)
        deadline = time.monotonic() + 60
        while "headgate worker ready" not in cluster.log.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        settings = yaml.safe_load(first.read_text(encoding="utf-8"))
        settings["exporter"] = {"enabled": False}
        first.write_text(yaml.safe_dump(settings), encoding="utf-8")
        second = started(first)
        assert (second.returncode, "another worker uses" in second.stderr) == (3, True), second.stderr
        key = tmp_path / "open.key"
        key.write_text("a key")
        key.chmod(0o644)
        settings["executors"] |= {
            "scheduler": "tls://127.0.0.1:1",
            "tls_ca_file": str(key),
            "tls_certificate_file": str(key),
            "tls_key_file": str(key),
        }
        other = tmp_path / "headgate.yml"
        other.write_text(yaml.safe_dump(settings), encoding="utf-8")
        refused = started(other)
        assert (refused.returncode, f"run: chmod 600 {key}" in refused.stderr) == (3, True), refused.stderr
    finally:
        cluster.close()
