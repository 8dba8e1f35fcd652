"""What is measured in a daemon: joins the parts' snapshots to the metrics, and knows the whole catalogue of these."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..config.settings import OWN_GROUPS
from ..machine.cores import available_cores
from ..machine.process_groups import ProcessGroup, WatchedProcesses
from ..machine.resources import disk_use, find_cgroup, system_use
from . import (
    cluster_metrics,
    collectors,
    database_metrics,
    executor_metrics,
    folder_metrics,
    health_metrics,
    job_metrics,
    loop_metrics,
    mail_metrics,
    source_metrics,
    spool_metrics,
    system_metrics,
)

if TYPE_CHECKING:
    from ..cluster.cluster import Cluster
    from ..config.settings import Settings
    from ..database.database import Database
    from ..database.server_stats import ServerStatsWatch
    from ..executors.executors import Executors
    from ..ledger.queries import JobQueries
    from ..lifecycle.loop_watch import LoopWatch
    from ..machine.process_groups import GroupUse
    from ..spool.spool import Spool
    from .collectors import Collectors
    from .definitions import Definition

CATALOGUE: Final[tuple[Definition, ...]] = tuple(
    definition
    for definitions in (
        job_metrics.DEFINITIONS,
        folder_metrics.DEFINITIONS,
        source_metrics.DEFINITIONS,
        mail_metrics.DEFINITIONS,
        loop_metrics.BACKLOG_DEFINITIONS,
        spool_metrics.DEFINITIONS,
        health_metrics.DEFINITIONS,
        executor_metrics.DEFINITIONS,
        cluster_metrics.DEFINITIONS,
        database_metrics.DEFINITIONS,
        database_metrics.SERVER_DEFINITIONS,
        loop_metrics.DEFINITIONS,
        system_metrics.DEFINITIONS,
        system_metrics.GROUP_DEFINITIONS,
        system_metrics.DISK_DEFINITIONS,
        collectors.DEFINITIONS,
    )
    for definition in definitions.values()
)


def add_collectors(
    found: Collectors,
    settings: Settings,
    *,
    executors: Executors,
    database: Database,
    server: ServerStatsWatch | None,
    queries: JobQueries,
    loop: LoopWatch,
    spool: Spool,
    cluster: Cluster | None,
) -> None:
    """Let every part be asked at each scrape; all of them may be asked from any thread."""
    stall_seconds = settings.exporter.stall_seconds
    add_executors(found, executors, cluster)
    found.add("database", database_metrics.DEFINITIONS, lambda: database_metrics.database_metrics(database.stats()))
    if server is not None:
        found.add(
            "database_server",
            database_metrics.SERVER_DEFINITIONS,
            lambda: database_metrics.server_metrics(server.stats()),
        )
    found.add("loop", loop_metrics.DEFINITIONS, lambda: loop_metrics.loop_metrics(loop.stats(), stall_seconds))
    found.add("backlog", loop_metrics.BACKLOG_DEFINITIONS, lambda: loop_metrics.backlog_metrics(queries.backlog()))
    reserve_bytes = settings.intake.min_free_mb << 20
    found.add(
        "disk",
        system_metrics.DISK_DEFINITIONS,
        lambda: system_metrics.disk_metrics(disk_use(spool.root), reserve_bytes),
    )
    if (shared := spool.shared) is not None:
        found.add("spool", spool_metrics.DEFINITIONS, lambda: spool_metrics.spool_metrics(shared))
    add_machine(found, settings, executors)


def add_executors(found: Collectors, executors: Executors, cluster: Cluster | None = None) -> None:
    """Let the pools of this machine and a cluster be asked at each scrape."""
    found.add(
        "executors",
        executor_metrics.DEFINITIONS,
        lambda: executor_metrics.executor_metrics(
            executors.stats(),
            None if cluster is None else cluster.stats().pool,
            task_timeout_seconds=executors.limits.task_timeout_seconds,
        ),
    )
    if cluster is not None:
        found.add("cluster", cluster_metrics.DEFINITIONS, lambda: cluster_metrics.cluster_metrics(cluster.stats()))


def add_machine(found: Collectors, settings: Settings, executors: Executors) -> None:
    """Let CPU and memory of this machine and of its groups of processes be asked at each scrape, if the settings do."""
    if settings.resources.enabled:
        cgroup = find_cgroup()
        found.add(
            "system",
            system_metrics.DEFINITIONS,
            lambda: system_metrics.system_metrics(system_use(cgroup), available_cores()),
        )
        groups = Groups(executors, settings)
        found.add("groups", system_metrics.GROUP_DEFINITIONS, lambda: system_metrics.group_metrics(groups.use()))


class Groups:
    """The groups of processes that are measured: the daemon with its fork server, its workers, the application."""

    def __init__(self, executors: Executors, settings: Settings) -> None:
        self._executors = executors
        daemon, workers = OWN_GROUPS
        self._daemon, self._workers = ProcessGroup(daemon), ProcessGroup(workers)
        interval = settings.resources.check_interval_seconds
        self._watched = [
            (
                ProcessGroup(watched.name, of_parents=True),
                WatchedProcesses(pidfile=watched.pidfile, process=watched.process, interval_seconds=interval),
            )
            for watched in settings.watch
        ]

    def use(self) -> Iterator[GroupUse]:
        """Yield what each group uses now. Blocking."""
        fork_server = self._executors.fork_server_pid
        yield self._daemon.use((os.getpid(), *(() if fork_server is None else (fork_server,))))
        cpu = self._executors.stats().cpu
        yield self._workers.use(cpu.worker_pids, ended_seconds=cpu.ended_cpu_seconds)
        for group, processes in self._watched:
            yield group.use(processes.pids())
