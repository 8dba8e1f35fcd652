"""The pool of CPU worker processes: who works, who waits, who is killed and replaced; it retries no task."""

from __future__ import annotations

import asyncio
import functools
import logging
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import (
    PoolClosedError,
    TaskStalledError,
    TaskTimeoutError,
    WorkerCrashedError,
    WorkerLostError,
    WorkerStartError,
)
from ..machine.resources import find_cgroup, memory_kills, memory_limit
from . import framing, serialization
from .awake_timeout import awake_timeout
from .stats import RESTART_REASONS
from .worker_process import WorkerEndedError, WorkerProcess

if TYPE_CHECKING:
    from ..config.executor_limits import ExecutorLimits
    from .cpu_task import CpuTask
    from .fair_limiter import FairLimiter
    from .serialization import TaskResult
    from .spawner import WorkerSpawner
    from .stats import Recorder, Ticket

# How often a worker may die between being chosen and accepting the task before the machine is to blame.
_HANDOVERS = 10
# A killed process is gone in milliseconds unless the kernel holds it; nobody waits longer for that.
_KILL_GRACE_SECONDS = 5.0

_log = logging.getLogger(__name__)


# A task that was given so little of its time on a core has hardly used it up: the machine stood still, or its disk.
_STALLED_SHARE = 0.5


@dataclass(slots=True, kw_only=True)
class _Assignment:
    """A task's time on a place: the worker that serves it, and why that worker cannot serve another."""

    place: int
    worker: WorkerProcess | None = None
    kill_reason: str | None = "cancelled"


class ProcessPool:
    """Runs one task at a time in each of its worker processes; a worker's end costs only the task it runs."""

    def __init__(
        self,
        *,
        spawner: WorkerSpawner,
        limiter: FairLimiter,
        recorder: Recorder,
        limits: ExecutorLimits,
    ) -> None:
        self._spawner = spawner
        self._limiter = limiter
        self._recorder = recorder
        self._limits = limits
        self._cgroup = find_cgroup()
        self._idle: dict[WorkerProcess, asyncio.TimerHandle] = {}
        self._busy: set[WorkerProcess] = set()
        self._kill_reasons: dict[WorkerProcess, str] = {}
        self._outdated: weakref.WeakSet[WorkerProcess] = weakref.WeakSet()

    @property
    def busy_workers(self) -> int:
        """How many workers have a task now."""
        return len(self._busy)

    async def open(self) -> None:
        """Make sure that workers can be started; WorkerStartError says why not."""
        await self._spawner.open()

    async def run(self, task: CpuTask) -> TaskResult:
        """Run one task to its end, whichever that is; cancelling kills the worker that runs it."""
        with self._recorder.track(task.kind) as ticket:
            await self._limiter.enter(task.lane)
            stay = _Assignment(place=self._recorder.busy())
            try:
                answer = await self._hand_over(task, ticket, stay)
            finally:
                self._leave(stay)
            self._recorder.peak_resident(int(answer.numbers[2]))
            return serialization.unpack(answer, task.name)

    def apply(self, limits: ExecutorLimits) -> None:
        """Go on under other limits; workers of another memory limit, or too many, end when they are idle.

        So do those that the application's code runs in: it is read anew from then on, by all of them.
        """
        before, self._limits = self._limits, limits
        self._recorder.resize(workers_max=limits.cpu_workers, queue_limit=limits.queue_limit)
        self._limiter.resize(
            places=limits.cpu_workers,
            queue_limit=limits.queue_limit,
            queue_timeout_seconds=limits.queue_timeout_seconds,
        )
        others = limits.worker_memory_bytes != before.worker_memory_bytes
        self._outdated.update(worker for worker in self._busy if others or worker.foreign)
        for worker in [worker for worker in self._idle if others or worker.foreign]:
            self._retire(worker, "recycle")
        while self._idle and self._living() > limits.cpu_workers:
            self._retire(next(iter(self._idle)))

    async def drain(self) -> None:
        """Take nothing more and wait until everything taken is done."""
        self._limiter.close()
        await self._limiter.wait_until_empty()

    async def close(self, timeout_seconds: float) -> None:
        """Drain for at most so long, then kill what still runs and end every process."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self.drain()
        except TimeoutError:
            _log.warning("tasks killed at shutdown", extra={"tasks": len(self._busy)})
        finally:
            await self._terminate()

    async def _terminate(self) -> None:
        self._limiter.dismiss()
        for worker in [*self._idle, *self._busy]:
            self._kill_reasons[worker] = "closed"
        for worker in list(self._idle):
            self._idle.pop(worker).cancel()
        self._recorder.idle(0)
        for worker in self._busy:
            worker.abandon(PoolClosedError("The pool has shut down and killed the task."))
        await self._spawner.close()
        try:
            async with asyncio.timeout(_KILL_GRACE_SECONDS):
                await self._limiter.wait_until_empty()
        except TimeoutError:
            _log.warning("killed workers have not ended", extra={"workers": len(self._busy)})

    async def _hand_over(self, task: CpuTask, ticket: Ticket, stay: _Assignment) -> framing.Frame:
        """Find a worker that accepts the task; one that dies before it has accepted has not begun it."""
        for _ in range(_HANDOVERS):
            stay.worker = worker = await self._take_worker(foreign=task.foreign)
            bounds = (task.memory_bytes, self._limits.worker_cpu_seconds, 0.0, 0.0)
            worker.send(framing.Frame(framing.FOREIGN_TASK if task.foreign else framing.TASK, task.body, bounds))
            ticket.started()
            kills = memory_kills(self._cgroup)
            try:
                async with awake_timeout(task.timeout_seconds):
                    answer = await worker.answer()
            except TimeoutError:
                stay.kill_reason = "timeout"
                raise _too_late(task, worker) from None
            except WorkerEndedError as error:
                if error.accepted:
                    raise await self._crash(task, worker, error, kills) from None
            else:
                if worker.changed:
                    _log.info("worker changed by its task", extra={"task": task.name, "changed": worker.changed})
                stay.kill_reason = self._reason_to_replace(worker, answer)
                return answer
        raise WorkerStartError("worker processes die before they accept a task")

    async def _crash(self, task: CpuTask, worker: WorkerProcess, error: WorkerEndedError, kills: int) -> Exception:
        """Say how a worker died; `kills` is how many processes the kernel had killed for memory when it began."""
        if worker.out_of_cpu:
            return TaskTimeoutError(f"{task.name} used up its {self._limits.worker_cpu_seconds:g} s of CPU time")
        kind, how = WorkerLostError if worker.orphaned else WorkerCrashedError, error.how
        if worker.killed and memory_kills(self._cgroup) > kills:
            how = _killed_for_memory(await worker.peak_bytes(), memory_limit(self._cgroup), task.memory_bytes)
        return kind(f"the worker died while it ran {task.name}: {how}")

    def _reason_to_replace(self, worker: WorkerProcess, answer: framing.Frame) -> str | None:
        if serialization.out_of_memory(answer):
            return "memory"
        worn = worker.tasks_done >= self._limits.recycle_tasks
        grown = answer.numbers[3] > self._limits.recycle_bytes
        if worn or grown or worker.changed or worker in self._outdated:
            return "recycle"
        if self._living() > self._limits.cpu_workers:
            return "idle"
        return None

    def _living(self) -> int:
        """Count the workers that nobody has ended."""
        return len(self._idle) + sum(worker not in self._kill_reasons for worker in self._busy)

    async def _take_worker(self, *, foreign: bool) -> WorkerProcess:
        """Take the worker of the kind that was last at work, whose memory is warm, or start one."""
        worker = next((idle for idle in reversed(self._idle) if idle.foreign is foreign), None)
        if worker is not None:
            self._idle.pop(worker).cancel()
            self._recorder.idle(len(self._idle))
        else:
            await self._make_room()
            worker = await self._spawner.start_worker(foreign=foreign)
            self._recorder.worker_started(worker.pid)
            worker.gone.add_done_callback(functools.partial(self._worker_gone, worker))
            worker.foreign = foreign
        self._busy.add(worker)
        return worker

    async def _make_room(self) -> None:
        """End an idle worker of the other kind where there are as many workers as there may be."""
        if self._idle and self._living() >= self._limits.cpu_workers:
            oldest = next(iter(self._idle))
            self._retire(oldest)
            await asyncio.wait({oldest.gone})

    def _leave(self, stay: _Assignment) -> None:
        """Free the place, but not before a worker that has to go is gone: its memory counts until then."""
        worker = stay.worker
        if worker is None or worker.gone.done():
            self._free(stay)
        elif stay.kill_reason is None:
            self._put_to_rest(worker)
            self._free(stay)
        else:
            self._kill_reasons.setdefault(worker, stay.kill_reason)
            worker.kill()
            worker.gone.add_done_callback(lambda _: self._free(stay))

    def _free(self, stay: _Assignment) -> None:
        self._recorder.free(stay.place)
        self._limiter.leave()

    def _put_to_rest(self, worker: WorkerProcess) -> None:
        self._busy.discard(worker)
        loop = asyncio.get_running_loop()
        self._idle[worker] = loop.call_later(self._limits.idle_seconds, self._retire, worker)
        self._recorder.idle(len(self._idle))

    def _retire(self, worker: WorkerProcess, reason: str = "idle") -> None:
        retirement = self._idle.pop(worker, None)
        if retirement is not None:
            retirement.cancel()
        self._recorder.idle(len(self._idle))
        self._kill_reasons[worker] = reason
        worker.kill()

    def _worker_gone(self, worker: WorkerProcess, _: asyncio.Future[None]) -> None:
        """Strike out a worker that has ended, wherever it was."""
        self._busy.discard(worker)
        retirement = self._idle.pop(worker, None)
        if retirement is not None:
            retirement.cancel()
        self._recorder.idle(len(self._idle))
        self._recorder.worker_gone(worker.pid, worker.cpu_seconds)
        reason = self._kill_reasons.pop(worker, "timeout" if worker.out_of_cpu else "crash")
        if reason in RESTART_REASONS:
            self._recorder.restarted(reason)


def _killed_for_memory(peak_bytes: int | None, limit_bytes: int, task_bytes: int) -> str:
    held = "" if peak_bytes is None else f" when it held {peak_bytes >> 20} MB"
    return (
        f"the kernel killed it for memory{held}, for all processes here may hold {limit_bytes >> 20} MB together and "
        f"it alone {task_bytes >> 20} MB; raise the memory limit of the control group or the machine, or lower "
        "executors.cpu_workers, executors.worker_memory_mb or limits.worker_mb of the dataset"
    )


def _too_late(task: CpuTask, worker: WorkerProcess) -> TaskTimeoutError:
    used = worker.cpu_seconds_of_task()
    stalled = used is not None and used < task.timeout_seconds * _STALLED_SHARE
    kind = TaskStalledError if stalled else TaskTimeoutError
    return kind(f"{task.name} passed its deadline of {task.timeout_seconds:g} s and its worker was killed")
