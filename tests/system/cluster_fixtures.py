"""A daemon whose files are parsed on a Dask cluster, and what its tests ask of both."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from api_caller import Answer, Api
from dask_cluster import DaskCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Headgate

FILES: Final = 12
ROWS: Final = 200
TASK_FOLDER: Final = Path(__file__).parents[1] / "support" / "tasks"
TASKS: Final = {
    "add": "application_tasks:add",
    "sleep": "application_tasks:sleep",
    "crash": "application_tasks:crash",
    "note": "executor_tasks:note_and_sleep",
}


@pytest.fixture
def cluster(tmp_path: Path, headgate_binary: Path, free_port: Callable[[], int]) -> Iterator[DaskCluster]:
    made = DaskCluster(folder=tmp_path / "cluster", binary=headgate_binary, free_port=free_port, port=free_port())
    made.environ["PYTHONPATH"] = str(TASK_FOLDER)
    made.open()
    yield made
    made.close()


def parsed_there(headgate: Headgate, cluster: DaskCluster) -> Headgate:
    """Return a daemon that has no key to hide a second load behind, and no parse of its own."""
    headgate.add_without_key()
    headgate.settings["executors"] = {**cluster.settings, "queue_timeout_seconds": 10}
    headgate.settings["spool"] = cluster.spool
    headgate.settings["tasks"] = TASKS
    headgate.more_environ["PYTHONPATH"] = str(TASK_FOLDER)
    headgate.write_config()
    return headgate


@pytest.fixture
def parsing_there(headgate: Headgate, cluster: DaskCluster) -> Headgate:
    return parsed_there(headgate, cluster)


def connected(headgate: Headgate, workers: int = 2) -> bool:
    return (
        headgate.metric("headgate_cluster_up") == 1
        and headgate.metric("headgate_cluster_workers", fit="yes") == workers
    )


def started(headgate: Headgate, workers: int = 2) -> subprocess.Popen[bytes]:
    """Start the daemon, and wait until it has so many workers of the cluster."""
    process = headgate.start_ready()
    headgate.until(lambda: connected(headgate, workers), f"{workers} workers are there", process=process)
    return process


def until_it_waits(headgate: Headgate, process: subprocess.Popen[bytes], *words: str) -> None:
    """Wait until a job is back in the queue and says why: while it is tried, it has no reason."""

    def told() -> bool:
        return any(
            (job["state"], job["attempt"]) == ("queued", 0) and all(one in str(job["reason"]) for one in words)
            for job in headgate.jobs()
        )

    headgate.until(told, f"it waits: {words}", process=process, problem=headgate.jobs)


def loaded_once(headgate: Headgate, files: int, rows: int = ROWS) -> None:
    wanted = str(files * rows)
    found = headgate.rows("SELECT count(*), count(DISTINCT order_no) FROM orders")
    assert tuple(map(str, found[0])) == (wanted, wanted)


def left_in(cluster: DaskCluster) -> list[Path]:
    return [path for path in (cluster.folder / "shared").rglob("*") if path.is_file() and path.name != "id"]


def calling(headgate: Headgate, name: str, *arguments: Any) -> Answer:
    return Api(headgate.api_url, headgate.token)(
        f"/tasks/{name}",
        method="POST",
        body=json.dumps(arguments).encode(),
        headers={"Content-Type": "application/json"},
    )
