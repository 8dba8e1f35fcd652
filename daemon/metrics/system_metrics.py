"""The metrics of the machine, of groups of processes and of the spool's disk: names, and numbers of the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ..machine.resources import MEMORY_EVENTS, PRESSURES
from .definitions import Definitions, Measured, counter, define, gauge

if TYPE_CHECKING:
    from ..machine.process_groups import GroupUse
    from ..machine.resources import DiskUse, SystemUse

SCOPE: Final = "cgroup where this process has one of its own, else host"
GROUP: Final = "daemon, cpu_workers, and the names of watch"

DEFINITIONS: Final[Definitions] = define(
    counter("system_cpu_seconds_total", "CPU seconds used.", scope=SCOPE),
    gauge("system_cpu_limit_cores", "Cores that may be used.", scope=SCOPE),
    counter("system_cpu_throttled_seconds_total", "Seconds the quota held processes back.", scope=SCOPE),
    counter("system_cpu_periods_total", "Quota periods.", scope=SCOPE),
    counter("system_cpu_throttled_periods_total", "Quota periods with throttling.", scope=SCOPE),
    gauge("system_memory_working_set_bytes", "Memory that cannot be reclaimed at once.", scope=SCOPE),
    gauge("system_memory_limit_bytes", "Memory at most.", scope=SCOPE),
    counter("system_memory_events_total", "Times memory ran into a limit, by kind.", scope=SCOPE, event=MEMORY_EVENTS),
    counter(
        "system_pressure_waiting_seconds_total",
        "Seconds in which some task waited for the resource; none where the kernel does not count them.",
        resource=PRESSURES,
    ),
    counter(
        "system_pressure_stalled_seconds_total",
        "Seconds in which every task waited for the resource; none where the kernel does not count them.",
        resource=PRESSURES,
    ),
    gauge("system_processes", "Processes on the machine."),
    gauge("system_threads", "Threads on the machine."),
)
GROUP_DEFINITIONS: Final[Definitions] = define(
    counter("group_cpu_seconds_total", "CPU seconds used, those of processes that ended included.", group=GROUP),
    gauge("group_resident_bytes", "Resident memory.", group=GROUP),
    gauge("group_open_fds", "Open file descriptors.", group=GROUP),
    gauge("group_processes", "Processes.", group=GROUP),
)
DISK_DEFINITIONS: Final[Definitions] = define(
    gauge("spool_disk_free_bytes", "Bytes that Headgate may still write on the spool's disk."),
    gauge("spool_disk_size_bytes", "Size of the spool's disk, what is kept for root not included."),
    gauge(
        "spool_disk_reserve_bytes",
        "Nothing is taken in that would leave less than this free on the spool's disk; none of a cluster's worker.",
    ),
)


def system_metrics(use: SystemUse, limit_cores: float) -> Measured:
    """Return CPU, memory and pressure of the cgroup or the host."""
    cpu, memory = (use.cpu.scope,), (use.memory.scope,)
    return {
        "system_cpu_seconds_total": {cpu: use.cpu.seconds_total},
        "system_cpu_limit_cores": {cpu: limit_cores},
        "system_cpu_throttled_seconds_total": {cpu: use.cpu.throttled_seconds_total},
        "system_cpu_periods_total": {cpu: use.cpu.periods_total},
        "system_cpu_throttled_periods_total": {cpu: use.cpu.throttled_periods_total},
        "system_memory_working_set_bytes": {memory: use.memory.working_set_bytes},
        "system_memory_limit_bytes": {memory: use.memory.limit_bytes},
        "system_memory_events_total": {(*memory, event): count for event, count in use.memory.events.items()},
        "system_pressure_waiting_seconds_total": {(one.resource,): one.waiting_seconds_total for one in use.pressures},
        "system_pressure_stalled_seconds_total": {(one.resource,): one.stalled_seconds_total for one in use.pressures},
        "system_processes": {(): use.processes},
        "system_threads": {(): use.threads},
    }


def group_metrics(groups: Iterable[GroupUse]) -> Measured:
    """Return what groups of processes use; children are invisible to `process_*`."""
    uses = tuple(groups)
    return {
        "group_cpu_seconds_total": {(use.group,): use.cpu_seconds for use in uses},
        "group_resident_bytes": {(use.group,): use.resident_bytes for use in uses},
        "group_open_fds": {(use.group,): use.open_fds for use in uses},
        "group_processes": {(use.group,): use.processes for use in uses},
    }


def disk_metrics(use: DiskUse, reserve_bytes: int | None = None) -> Measured:
    """Return how full the spool's disk is; a worker of a cluster has no reserve."""
    return {
        "spool_disk_free_bytes": {(): use.free_bytes},
        "spool_disk_size_bytes": {(): use.size_bytes},
        "spool_disk_reserve_bytes": {} if reserve_bytes is None else {(): reserve_bytes},
    }
