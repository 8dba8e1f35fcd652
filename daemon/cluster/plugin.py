"""A Dask worker's part of Headgate: runs calls in the supervised worker processes of its machine; schedules nothing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Final

from distributed import WorkerPlugin

from ingest.messages import say

from ..errors import HeadgateError, PoolClosedError, WorkerLostError
from ..version import VERSION
from .call import PLUGIN, Done, MadeFolder, SharedFile, pack, pack_error, unpack_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dask.typing import Key
    from distributed import Worker
    from distributed.worker_state_machine import TaskStateState

    from ..executors.cpu_task import CpuTask
    from ..executors.executors import Executors, TaskResult
    from .call import ClusterCall
    from .worker_files import CallFiles, WorkerFiles

logger = logging.getLogger(__name__)

PERMIT_SECONDS: Final = 5.0
"""How long the scheduler may take to give the permit of a call; one that was begun before has none any more."""


class HeadgatePlugin(WorkerPlugin):
    """Owns nothing that it was not given: the executors and the files live as long as the process."""

    name = PLUGIN

    def __init__(self, executors: Executors, files: WorkerFiles) -> None:
        self._executors, self._files = executors, files
        self._running: dict[str, asyncio.Task[bytes]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    def setup(self, worker: Worker) -> None:
        """Take note of the worker; the library calls this before the worker is known to its scheduler."""
        self._worker = worker

    def transition(self, key: Key, start: TaskStateState, finish: TaskStateState, **_: Any) -> None:
        """End a call that nobody waits for any more: its daemon has taken it back, or is gone."""
        if start == "executing" and finish == "released" and (running := self._running.get(str(key))) is not None:
            running.cancel()

    def told(self) -> dict[str, Any]:
        """Return what this worker tells of itself."""
        limits = self._executors.limits
        return {
            "version": VERSION,
            "places": limits.cpu_workers,
            "busy": len(self._running),
            "worker_memory_bytes": limits.worker_memory_bytes,
        }

    def begin_no_more(self) -> None:
        """Give back every call that has not begun; those that run go on."""
        self._closing = True

    async def wait_until_idle(self) -> None:
        """Wait for the end of the calls that run."""
        await self._idle.wait()

    async def run(self, token: str, body: bytes) -> bytes:
        """Return the answer to a call, whatever becomes of it; nothing but the end of this worker is raised."""
        call = unpack_call(body)
        if self._closing:
            return pack_error(PoolClosedError(say("the worker of the cluster is closing")))
        running = self._running[token] = asyncio.create_task(self._answer(token, call), name=token)
        self._idle.clear()
        try:
            return await running
        except asyncio.CancelledError:
            if not running.cancelled():
                running.cancel()
                await asyncio.wait({running})
            raise
        finally:
            del self._running[token]
            if not self._running:
                self._idle.set()

    async def _answer(self, token: str, call: ClusterCall) -> bytes:
        try:
            if not await self._may_begin(token):
                return pack_error(WorkerLostError(say("a worker of the cluster was lost while it ran the task")))
            self._worker.log_event(call.topic, token)
            return pack(await self._call(call))
        except Exception as error:  # noqa: BLE001  # whatever it was, it is for the one who called
            if not isinstance(error, HeadgateError):
                logger.info("call failed", extra={"call": token, "task": call.task.name, "error": repr(error)})
            return pack_error(error)

    async def _may_begin(self, token: str) -> bool:
        """Take the permit of a call: it has one, so that a scheduler that loses a worker does not begin it again."""
        with contextlib.suppress(TimeoutError, KeyError):
            await self._worker.scheduler.queue_get(name=token, timeout=PERMIT_SECONDS)
            return True
        return False

    async def _call(self, call: ClusterCall) -> Done:
        function, arguments, named = call.unpacked()
        if not any(isinstance(argument, (SharedFile, MadeFolder)) for argument in arguments):
            return Done(result=await self._run(call.task, function, arguments, named))
        async with self._files.of(call.spool) as files:
            given, made = await self._here(arguments, files)
            result = await self._run(call.task, function, given, named)
            return Done(result=result, made=None if made is None else await files.shared(made))

    async def _here(self, arguments: Sequence[Any], files: CallFiles) -> tuple[list[Any], MadeFolder | None]:
        """Return the arguments with paths of this machine, and which of them was a folder to be filled."""
        given: list[Any] = []
        made: MadeFolder | None = None
        for argument in arguments:
            match argument:
                case SharedFile():
                    given.append(await files.fetched(argument))
                case MadeFolder():
                    made = argument
                    given.append(files.folder)
                case _:
                    given.append(argument)
        return given, made

    async def _run(
        self, task: CpuTask, function: Callable[..., Any], arguments: Sequence[Any], named: Mapping[str, Any]
    ) -> TaskResult:
        return await self._executors.submit_cpu(
            function,
            *arguments,
            timeout=task.timeout_seconds,
            kind=task.kind,
            lane=task.lane,
            memory_bytes=task.memory_bytes,
            own=not task.foreign,
            **named,
        )
