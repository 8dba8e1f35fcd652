"""What the pools are held to, as one frozen value that a reload replaces; knows nothing of where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorLimits:
    """Sizes, queues and deadlines of both pools. Memory is address space, `recycle_bytes` resident memory."""

    cpu_workers: int
    io_workers: int
    queue_limit: int
    queue_timeout_seconds: float
    task_timeout_seconds: float
    worker_memory_bytes: int
    worker_cpu_seconds: float
    recycle_tasks: int
    recycle_bytes: int
    idle_seconds: float
    start_timeout_seconds: float
