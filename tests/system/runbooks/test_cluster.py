"""Alerts on a Dask cluster: its scheduler and its workers are lost, their runbooks followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dask_cluster import DaskCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def cluster(tmp_path: Path, headgate_binary: Path, free_port: Callable[[], int]) -> Iterator[DaskCluster]:
    made = DaskCluster(folder=tmp_path / "cluster", binary=headgate_binary, free_port=free_port, port=free_port())
    made.open(workers=1)
    yield made
    made.close()


@pytest.fixture
def gate(sqlite_headgate: Headgate, cluster: DaskCluster) -> Headgate:
    """A daemon whose files are parsed on the cluster."""
    sqlite_headgate.settings |= {"executors": cluster.settings, "spool": cluster.spool}
    sqlite_headgate.write_config()
    return sqlite_headgate


def has_workers(gate: Headgate) -> bool:
    return gate.metric("headgate_cluster_workers", fit="yes") == 1


def test_a_scheduler_that_is_gone(
    called: Called, gate: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    with called("HeadgateClusterAway", gate) as operator:
        gate.until(lambda: has_workers(gate), "the cluster is there", process=operator.process)
        operator.is_done()
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        gate.until(lambda: gate.metric("headgate_cluster_up") == 0, "the loss is seen", process=operator.process)
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.is_called()
        gate.tells("cluster lost")
        gate.until(
            lambda: "does not answer" in operator.runs("headgate jobs --state queued"),
            "its reason is seen between tries",
        )
        operator.reads("Start the Dask scheduler at the address of `executors.scheduler` again")
        cluster.start_scheduler()
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what waited is loaded", process=operator.process)


def test_workers_of_another_version(
    called: Called, gate: Headgate, cluster: DaskCluster, orders: Callable[..., Path]
) -> None:
    with called("HeadgateClusterWithoutWorkers", gate) as operator:
        gate.until(lambda: has_workers(gate), "the cluster is there", process=operator.process)
        operator.is_done()
        cluster.workers[0].kill()
        cluster.start_worker(version="0.0.9")
        gate.until(
            lambda: gate.metric("headgate_cluster_workers", fit="no") == 1,
            "the other is there",
            process=operator.process,
        )
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.is_called()
        gate.until(lambda: "0.0.9" in operator.runs("headgate jobs --state queued"), "its reason is seen between tries")
        operator.reads("Start `headgate worker` on the cluster's machines")
        cluster.start_worker()
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what waited is loaded", process=operator.process)
