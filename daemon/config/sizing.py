"""How large the executors are on this machine: what is configured, and what follows from cores and memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import StartupError
from ..machine.cgroup import CgroupTree
from ..machine.cores import Cores, detect_cores
from ..machine.kernel_files import read
from .executor_limits import ExecutorLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .settings import ExecutorSettings, Settings

MIB: Final = 1 << 20
WORKER_BYTES: Final = 2048 * MIB
"""A worker's address space where nothing binds it."""
WORKER_BYTES_MIN: Final = 320 * MIB
"""A worker with the parser and no file takes 240 MiB of address space, 50 MiB of memory."""
DAEMON_BYTES: Final = 128 * MIB
"""Memory kept back for the daemon (75 MB) and the fork server (40 MB)."""
_NO_LIMIT_BYTES: Final = 1 << 60
"""Kernels write a number of this size into a v1 group without a limit."""


class DoesNotFitError(StartupError):
    """The workers do not fit into the memory limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit:
    """Bytes that may be used at most, and what says so."""

    size_bytes: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What this process may use: CPUs, and memory if anything limits it."""

    cores: Cores
    memory: MemoryLimit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """Address space of each worker, where the number comes from, and a warning, if there is one."""

    size_bytes: int
    source: str
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSizes:
    """Both pools and the memory of a worker."""

    cpu: PoolSize
    io: PoolSize
    memory: WorkerMemory


def detect_machine(tree: CgroupTree | None = None, *, affinity: int | None = None) -> Machine:
    """Look at the control groups, v2 and v1, and the affinity mask. Blocking, but brief."""
    tree = tree or CgroupTree()
    tightest = min(_memory_limits(tree), key=lambda limit: limit.size_bytes, default=None)
    return Machine(cores=detect_cores(tree, affinity=affinity), memory=tightest)


def executor_sizes(executors: ExecutorSettings, machine: Machine) -> ExecutorSizes:
    """Size the executors; an automatic number of workers shrinks until each has enough memory.

    Raises:
        DoesNotFitError: what is configured leaves a worker too little; the message says what would do.

    """
    cpu = cpu_workers(executors.cpu_workers, machine.cores.count)
    limit = machine.memory
    if limit is not None and not executors.cpu_workers and not executors.worker_memory_mb:
        fitting = max(1, (limit.size_bytes - DAEMON_BYTES) // WORKER_BYTES_MIN)
        if fitting < cpu.workers:
            cpu = PoolSize(workers=fitting, source=f"automatic, as many as fit into {_shown(limit)}")
    io = io_workers(executors.io_workers, machine.cores.count)
    return ExecutorSizes(cpu=cpu, io=io, memory=_worker_memory(executors, cpu.workers, limit))


def executor_limits(executors: ExecutorSettings, machine: Machine) -> ExecutorLimits:
    """Return what the pools are held to on this machine.

    Raises:
        DoesNotFitError: as `executor_sizes`.

    """
    sizes = executor_sizes(executors, machine)
    return ExecutorLimits(
        cpu_workers=sizes.cpu.workers,
        io_workers=sizes.io.workers,
        queue_limit=executors.queue_limit,
        queue_timeout_seconds=executors.queue_timeout_seconds,
        task_timeout_seconds=executors.task_timeout_seconds,
        worker_memory_bytes=sizes.memory.size_bytes,
        worker_cpu_seconds=executors.worker_cpu_seconds,
        recycle_tasks=executors.recycle_tasks,
        recycle_bytes=executors.recycle_mb * MIB,
        idle_seconds=executors.idle_seconds,
        start_timeout_seconds=executors.start_timeout_seconds,
    )


def _worker_memory(executors: ExecutorSettings, workers: int, limit: MemoryLimit | None) -> WorkerMemory:
    if executors.worker_memory_mb:
        return WorkerMemory(
            size_bytes=executors.worker_memory_mb * MIB,
            source="configured",
            warning=_overcommitted(executors.worker_memory_mb, workers, limit),
        )
    if limit is None:
        return WorkerMemory(size_bytes=WORKER_BYTES, source="automatic, no memory limit found")
    share = (limit.size_bytes - DAEMON_BYTES) // workers
    if share < WORKER_BYTES_MIN:
        raise _does_not_fit(share, workers, limit)
    shared = f"automatic, ({_shown(limit)} - {DAEMON_BYTES // MIB}) / {workers}"
    return WorkerMemory(
        size_bytes=min(share, WORKER_BYTES), source=shared if share < WORKER_BYTES else f"automatic, {_shown(limit)}"
    )


def _does_not_fit(share: int, workers: int, limit: MemoryLimit) -> DoesNotFitError:
    fitting = max(0, limit.size_bytes - DAEMON_BYTES) // WORKER_BYTES_MIN
    fewer = f"set executors.cpu_workers to at most {fitting}, " if fitting else ""
    needed = (DAEMON_BYTES + WORKER_BYTES_MIN * (1 if fitting else workers)) // MIB
    raised = "raise the memory limit" if fitting else f"raise the memory limit to {needed} MiB or more"
    return DoesNotFitError(
        f"{_shown(limit)} leaves {max(0, share) // MIB} MiB for each of {workers} workers, which need "
        f"{WORKER_BYTES_MIN // MIB} MiB; {fewer}{raised}, or set executors.worker_memory_mb"
    )


def _overcommitted(worker_mb: int, workers: int, limit: MemoryLimit | None) -> str:
    if limit is None or worker_mb * MIB * workers + DAEMON_BYTES <= limit.size_bytes:
        return ""
    return f"{workers} workers that use it to the full do not fit into {_shown(limit)}"


def _shown(limit: MemoryLimit) -> str:
    return f"the memory limit of {limit.size_bytes // MIB} MiB ({limit.source})"


def _memory_limits(tree: CgroupTree) -> Iterator[MemoryLimit]:
    files = [(folder / "memory.max", "cgroup v2 memory.max") for folder in tree.unified()]
    files += [(folder / "memory.limit_in_bytes", "cgroup v1 memory limit") for folder in tree.controller("memory")]
    for path, source in files:
        text = read(path)
        if text.isdigit() and 0 < int(text) < _NO_LIMIT_BYTES:
            yield MemoryLimit(size_bytes=int(text), source=source)


_POOL_PER_CORE, _POOL_MAX, _POOL_DEVELOPMENT = 10, 30, 10


_OVERFLOW_PER_CORE, _OVERFLOW_MAX, _OVERFLOW_DEVELOPMENT = 5, 20, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSizes:
    """Sizes of the database pool, and where each comes from."""

    size: int
    overflow: int
    size_source: str
    overflow_source: str


def pool_sizes(settings: Settings, cores: float) -> PoolSizes:
    """Size the database pool: as configured, else by the environment and the cores."""
    whole = max(1, int(cores))
    if settings.environment == "production":
        size, overflow = min(_POOL_MAX, whole * _POOL_PER_CORE), min(_OVERFLOW_MAX, whole * _OVERFLOW_PER_CORE)
        size_source = f"automatic, production, min({_POOL_MAX}, {cores:g} cores * {_POOL_PER_CORE})"
        overflow_source = f"automatic, production, min({_OVERFLOW_MAX}, {cores:g} cores * {_OVERFLOW_PER_CORE})"
    else:
        size, overflow = _POOL_DEVELOPMENT, _OVERFLOW_DEVELOPMENT
        size_source = overflow_source = "automatic, development"
    database = settings.database
    return PoolSizes(
        size=database.pool_size or size,
        overflow=database.max_overflow or overflow,
        size_source="configured" if database.pool_size else size_source,
        overflow_source="configured" if database.max_overflow else overflow_source,
    )


_IO_WORKERS_PER_CORE = 5


_IO_WORKERS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """How many workers a pool has, and where the number comes from."""

    workers: int
    source: str


def cpu_workers(configured: int, cores: float) -> PoolSize:
    """Size the CPU pool: as configured, or one core less than there are, for the main loop keeps one."""
    if configured:
        return PoolSize(workers=configured, source="configured")
    return PoolSize(workers=max(1, int(cores) - 1), source=f"automatic, max(1, {cores:g} cores - 1)")


def io_workers(configured: int, cores: float) -> PoolSize:
    """Size the I/O pool: as configured, or a few threads for each core, which mostly wait."""
    if configured:
        return PoolSize(workers=configured, source="configured")
    workers = min(max(1, int(cores)) * _IO_WORKERS_PER_CORE, _IO_WORKERS_MAX)
    source = f"automatic, min({cores:g} cores * {_IO_WORKERS_PER_CORE}, {_IO_WORKERS_MAX})"
    return PoolSize(workers=workers, source=source)
