"""What a run costs and what it waits for: CPU by process from /proc, cores, and the server's own counts."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import psutil

if TYPE_CHECKING:
    from parties.sidecar import Daemon
    from postgres_server import Postgres
    from setting import Database

SERVER: Final = """
SELECT json_build_object('wal', to_json(w), 'commits', (SELECT sum(xact_commit) FROM pg_stat_database))
FROM pg_stat_wal AS w
"""
WAITS: Final = """
SELECT coalesce(wait_event_type || ' ' || wait_event, 'CPU') FROM pg_stat_activity
WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
BUSY: Final = 0.9
"""A core, or a daemon's share of one, that works for so much of the time is the limit."""
COMPANY: Final = 0.15
"""Of the work of all cores, done for other programs: from there on times say little, CPU seconds still do."""
SYNCING: Final = 0.5
"""So much of the time in fsync, of which there is one at a time, is the limit."""


def measure_syncs(server: Postgres) -> None:
    """Have the server measure how long its fsyncs take."""
    server.execute("ALTER SYSTEM SET track_wal_io_timing = on")
    server.execute("SELECT pg_reload_conf()")


def _cpu(process: psutil.Process, *, reaped: bool = True) -> float:
    spent = process.cpu_times()
    own = spent.user + spent.system
    return own + spent.children_user + spent.children_system if reaped else own


def _below(process: psutil.Process) -> float:
    """Return the CPU seconds of all that a process has started, those included that have ended."""
    own = process.cpu_times()
    seconds = own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            seconds += _cpu(child)
        except psutil.NoSuchProcess:  # its parent has its time from now on
            continue
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All counts at one moment; their differences are what was spent between two."""

    cpu: dict[str, float]
    cores: tuple[tuple[float, float], ...]
    server: dict[str, float]


class Meter:
    """Counts for some daemons on a server, and samples what the server's sessions wait for."""

    def __init__(self, server: Postgres, database: Database, daemons: Sequence[Daemon] = ()) -> None:
        self._server, self._database = psutil.Process(server.pid), database
        self._daemons = [psutil.Process(daemon.process.pid) for daemon in daemons]
        self._own = psutil.Process(os.getpid())
        self.waits: Counter[str] = Counter()

    def sample(self) -> None:
        """Note what the server's sessions wait for in this moment."""
        self.waits.update(self._database.execute(WAITS).splitlines())

    def counts(self) -> Counts:
        """Return the counts of now."""
        told: dict[str, Any] = json.loads(self._database.execute(SERVER))
        cores = []
        for core in psutil.cpu_times(percpu=True):
            idle = core.idle + getattr(core, "iowait", 0.0)
            cores.append((sum(core) - idle - core.guest - core.guest_nice, idle))
        return Counts(
            cpu={
                "daemons": sum(_cpu(process, reaped=False) for process in self._daemons),
                "workers": sum(map(_below, self._daemons)),
                "postgresql": _cpu(self._server, reaped=False) + _below(self._server),
                "client": _cpu(self._own, reaped=False),
            },
            cores=tuple(cores),
            server={
                "commits": float(told["commits"]),
                "wal_bytes": float(told["wal"]["wal_bytes"]),
                "syncs": float(told["wal"].get("wal_sync", 0)),
                "sync_seconds": float(told["wal"].get("wal_sync_time", 0)) / 1000,
            },
        )


def spent(before: Counts, after: Counts, *, files: int, seconds: float) -> dict[str, Any]:
    """Return what each file has cost, and for how much of the time each core and the log's fsync were at work."""
    server = {name: after.server[name] - before.server[name] for name in before.server}
    cores = [
        (busy_then - busy) / max(busy_then + idle_then - busy - idle, 1e-9)
        for (busy, idle), (busy_then, idle_then) in zip(before.cores, after.cores, strict=True)
    ]
    cpu = {name: after.cpu[name] - before.cpu[name] for name in before.cpu}
    busy = sum(then[0] - was[0] for was, then in zip(before.cores, after.cores, strict=True))
    return {
        "cpu_milliseconds": {name: 1000 * seconds / files for name, seconds in cpu.items()},
        "company": max(0.0, 1 - sum(cpu.values()) / max(busy, 1e-9)),
        "commits": server["commits"] / files,
        "wal_bytes": server["wal_bytes"] / files,
        "syncs": server["syncs"] / files,
        "sync_milliseconds": 1000 * server["sync_seconds"] / max(server["syncs"], 1),
        "sync_share": server["sync_seconds"] / seconds,
        "cores_busy": cores,
    }


def limit(found: dict[str, Any], *, per_second: float, daemons: int, share: float) -> str:
    """Name what a run was held up by; each daemon had `share` of a core for itself and its worker."""
    cpu = found["cpu_milliseconds"]
    company = f"; other programs did {found['company']:.0%} of all work" if found["company"] >= COMPANY else ""
    return _limit(found, cpu, per_second=per_second, daemons=daemons, share=share) + company


def _limit(found: dict[str, Any], cpu: dict[str, float], *, per_second: float, daemons: int, share: float) -> str:
    own = per_second * (cpu["daemons"] + cpu["workers"]) / 1000 / daemons
    whole = sum(found["cores_busy"]) / len(found["cores_busy"])
    if own >= BUSY * share:
        return "CPU of daemons and workers"
    if whole >= BUSY:
        most = max(cpu, key=lambda name: cpu[name])
        return f"all cores, most of it for {most}"
    if found["sync_share"] >= SYNCING:
        return "fsync of the log"
    return "nothing for long: waits of one for the other"
