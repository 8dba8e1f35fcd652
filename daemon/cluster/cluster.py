"""The daemon's side of a Dask cluster: sends calls there and takes their answers, as the executors do here."""

# ruff: noqa: ASYNC109  # `timeout` is part of the published interface of the pools

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self
from uuid import uuid4

from distributed import Queue
from distributed.scheduler import KilledWorker

from ingest.messages import say

from ..errors import ClusterAwayError, ExecutorError, QueueFullError, WorkerLostError, first_line
from ..executors.cpu_task import CpuTask
from ..executors.fair_limiter import FairLimiter
from ..executors.stats import Recorder
from .call import RESOURCE, TRANSFER_SECONDS, ClusterCall, pack, unpack_answer
from .link import SchedulerLink
from .remote import run_call
from .security import scheduler_of

if TYPE_CHECKING:
    from distributed import Client, Future

    from ..config.executor_limits import ExecutorLimits
    from ..config.settings import ExecutorSettings
    from ..executors.executors import TaskResult
    from ..executors.stats import PoolStats, Ticket
    from .call import Done, SpoolName
    from .link import ClusterView

KINDS: Final = ("task", "parse", "probe")
"""As the executors have them, for the series of both stand side by side; probes stay here."""
RUN: Final[Callable[..., Any]] = run_call
"""A coroutine function, which the library runs on the loop of a worker."""
TAKE_BACK_SECONDS: Final = 5.0
"""How long the scheduler may take to hear that a call is not wanted any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterStats:
    """The cluster at one moment: what the scheduler says, and the pool of this daemon's own calls."""

    view: ClusterView
    connections_lost: int
    pool: PoolStats


class Cluster:
    """Runs functions on the cluster's workers; each begins at most once, and has an end whatever is lost."""

    def __init__(self, settings: ExecutorSettings, limits: ExecutorLimits, spool: SpoolName) -> None:
        """Prepare; raises StartupError if the scheduler's address or the certificates cannot be used. Blocking."""
        self._limits, self._own_memory_bytes, self._spool = limits, limits.worker_memory_bytes, spool
        self._topic = f"headgate-{uuid4().hex}"
        self._begun: dict[str, asyncio.Event] = {}
        self._taking_back: set[asyncio.Task[None]] = set()
        self._limiter = FairLimiter(
            places=1, queue_limit=limits.queue_limit, queue_timeout_seconds=limits.queue_timeout_seconds
        )
        self._recorder = Recorder(pool="cluster", workers_max=0, queue_limit=limits.queue_limit, kinds=KINDS)
        address, security = scheduler_of(settings)
        self._link = SchedulerLink(address, security, changed=self._changed, topic=self._topic, told=self._has_begun)

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Have what was sent taken back, and end the connection."""
        self._limiter.dismiss()
        if self._taking_back:
            await asyncio.wait(self._taking_back, timeout=TAKE_BACK_SECONDS)
        await self._link.__aexit__()

    async def run(self) -> None:
        """Keep the connection to the scheduler until closed."""
        await self._link.run()

    @property
    def limits(self) -> ExecutorLimits:
        """What calls are held to: this daemon's deadlines, and the memory of the worker that gives least."""
        return self._limits

    @property
    def places(self) -> int:
        """How many calls the cluster can run at once, those of other daemons among them; 0 while it is away."""
        return self._link.view.places

    @property
    def trouble(self) -> str | None:
        """Why no call can be sent now, None if it can; for any thread."""
        return self._link.trouble

    def apply(self, limits: ExecutorLimits) -> None:
        """Go on under other limits; what was sent is not disturbed."""
        self._limits, self._own_memory_bytes = limits, limits.worker_memory_bytes
        self._changed(self._link.view)

    def stats(self) -> ClusterStats:
        """Return the numbers as they are now; may be called from any thread."""
        return ClusterStats(
            view=self._link.view, connections_lost=self._link.connections_lost, pool=self._recorder.snapshot()
        )

    async def submit_cpu(self, function: Callable[..., Any], *args: Any, **named: Any) -> TaskResult:
        """Run a picklable function on the cluster; takes and raises what `Executors.submit_cpu` does.

        Beyond that: ClusterAwayError when the scheduler or every worker is away, before or while it runs;
        WorkerLostError when the Dask worker that ran it was lost; QueueFullError when the cluster has no place for it.
        """
        return (await self.submit(function, *args, **named)).result

    async def submit(
        self,
        function: Callable[..., Any],
        *args: Any,
        timeout: float | None = None,
        kind: str = "task",
        lane: str | None = None,
        memory_bytes: int | None = None,
        own: bool | None = None,
        **kwargs: Any,
    ) -> Done:
        """Return what `submit_cpu` returns with the files it made; arguments may be `SharedFile` and `MadeFolder`."""
        task = CpuTask.of(
            function,
            args,
            kwargs,
            self._limits,
            timeout=timeout,
            kind=kind,
            lane=lane,
            memory_bytes=memory_bytes,
            own=own,
        )
        with self._recorder.track(kind) as ticket:
            await self._limiter.enter(task.lane)
            try:
                body = await self._run(task, await self._link.client(), ticket)
            finally:
                self._limiter.leave()
            done = unpack_answer(body, task.name)
            self._recorder.peak_resident(done.result.peak_rss_bytes)
            return done

    async def _run(self, task: CpuTask, client: Client, ticket: Ticket) -> bytes:
        token = f"headgate-{task.kind}-{uuid4().hex}"
        call = ClusterCall(task=task, spool=self._spool, topic=self._topic)
        begun = self._begun[token] = asyncio.Event()
        future: Future[Any] | None = None
        permit = Queue(token, client=client, maxsize=1)
        try:
            with self._told_as_away():
                await permit
                await permit.put(1, timeout=TAKE_BACK_SECONDS)
                future = client.submit(
                    RUN, token, pack(call), key=token, pure=False, retries=0, resources={RESOURCE: 1}
                )
                return await self._result(task, future, begun, ticket)
        finally:
            del self._begun[token]
            self._take_back(future, permit)

    @contextlib.contextmanager
    def _told_as_away(self) -> Iterator[None]:
        """Tell what the library raises, which may be anything, as the cluster's failure; none of it is the task's."""
        try:
            yield
        except ExecutorError:
            raise
        except KilledWorker as error:
            raise WorkerLostError(say("a worker of the cluster was lost while it ran the task")) from error
        except Exception as error:
            raise ClusterAwayError(
                self._link.trouble
                or say("the cluster failed at the task: {error}", error=first_line(error) or type(error).__name__)
            ) from error

    async def _result(self, task: CpuTask, future: Future[Any], begun: asyncio.Event, ticket: Ticket) -> bytes:
        """Wait for a place as long as for one in a full queue, then for the answer as long as the task may take."""
        result: asyncio.Future[Any] = asyncio.ensure_future(_awaited(future))
        has_begun: asyncio.Future[Any] = asyncio.ensure_future(begun.wait())
        number: int | None = None
        try:
            await asyncio.wait(
                {result, has_begun},
                timeout=self._limits.queue_timeout_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not result.done():
                if not begun.is_set():
                    message = say(
                        "no worker of the cluster had a place for the task within {seconds} s; try again later",
                        seconds=f"{self._limits.queue_timeout_seconds:g}",
                    )
                    raise QueueFullError(message)
                ticket.started()
                number = self._recorder.busy()
                await asyncio.wait({result}, timeout=task.timeout_seconds + TRANSFER_SECONDS)
            if not result.done():
                raise ClusterAwayError(say("a worker of the cluster did not answer in time"))
            body: bytes = result.result()
            return body
        finally:
            if number is not None:
                self._recorder.free(number)
            for waiting in (result, has_begun):
                waiting.cancel()
            await asyncio.gather(result, has_begun, return_exceptions=True)

    def _take_back(self, future: Future[Any] | None, permit: Queue) -> None:
        """Tell the scheduler that a call has ended, or is not wanted any more: then its worker ends it."""
        task = asyncio.create_task(_forget(future, permit))
        self._taking_back.add(task)
        task.add_done_callback(self._taking_back.discard)

    def _has_begun(self, event: tuple[float, str]) -> None:
        _, token = event
        if (begun := self._begun.get(token)) is not None:
            begun.set()

    def _changed(self, view: ClusterView) -> None:
        limits = self._limits
        self._limits = replace(limits, worker_memory_bytes=view.worker_memory_bytes or self._own_memory_bytes)
        self._recorder.resize(workers_max=view.places, queue_limit=limits.queue_limit)
        self._limiter.resize(
            places=max(1, view.places),
            queue_limit=limits.queue_limit,
            queue_timeout_seconds=limits.queue_timeout_seconds,
        )


async def _awaited(future: Future[Any]) -> bytes:
    body: bytes = await future
    return body


async def _forget(future: Future[Any] | None, permit: Queue) -> None:
    with contextlib.suppress(Exception):  # the scheduler is away: it has forgotten already
        async with asyncio.timeout(TAKE_BACK_SECONDS):
            # The library counts it once where it is made, and once more where it is waited for.
            permit.close()
            permit.close()
            if future is not None and not future.done():
                await future.cancel()
