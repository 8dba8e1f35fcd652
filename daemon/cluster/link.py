"""The connection to the scheduler: owns that there is one again when it was lost, and what is known of the workers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from distributed import Client

from ingest.messages import say

from ..errors import ClusterAwayError, first_line
from ..lifecycle.components import UntilClosed
from ..version import VERSION
from .call import RESOURCE, TOLD
from .security import scheduler_of

if TYPE_CHECKING:
    from distributed import Security

    from ..config.settings import ExecutorSettings

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 10.0
"""How long the scheduler may take for one answer; then the connection counts as lost."""
_CUT: Final = say("the connection was cut")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterView:
    """The cluster at one moment: its workers that fit, those that do not, and places of the former, for all daemons."""

    connected: bool = False
    workers: int = 0
    misfits: int = 0
    places: int = 0
    busy: int = 0
    worker_memory_bytes: int | None = None
    """The least that a worker gives to a call; None without workers."""
    other_versions: tuple[str, ...] = ()


class SchedulerLink(UntilClosed):
    """Connects, looks at the workers every two seconds, and connects anew with a client that knows of no past."""

    def __init__(
        self,
        address: str,
        security: Security,
        *,
        changed: Callable[[ClusterView], None],
        topic: str,
        told: Callable[[Any], None],
    ) -> None:
        """Connect to nothing yet; `told` is called with each thing that workers tell under the topic."""
        super().__init__()
        self._address, self._security, self._changed = address, security, changed
        self._topic, self._told = topic, told
        self._client: Client | None = None
        self._asked = asyncio.Event()
        self.view = ClusterView()
        self.trouble: str | None = say("the scheduler {address} was not asked yet", address=address)
        """Why no call can be sent now; for any thread."""
        self.connections_lost = 0

    async def client(self) -> Client:
        """Return a client that can send calls; after the start the scheduler's first answer is waited for.

        Raises:
            ClusterAwayError: there is no connection, or no worker.

        """
        await self._asked.wait()
        if self._client is None or self.trouble is not None:
            raise ClusterAwayError(self.trouble)
        return self._client

    async def run(self) -> None:
        """Keep the connection until closed."""
        while not self._closing.is_set():
            client = _client(self._address, self._security)
            try:
                await asyncio.wait_for(client, ANSWER_SECONDS)
                client.subscribe_topic(self._topic, self._told)
                await self._look_until_lost(client)
            except Exception as error:  # noqa: BLE001  # the library raises whatever its transports raise
                self._lost(error)
            finally:
                self._client = None
                await _close(client)
            await self.pause(LOOK_SECONDS)

    async def _look_until_lost(self, client: Client) -> None:
        """Look at the workers until closed; raises what says that the scheduler is lost, or was for a moment."""
        connection = client.scheduler_comm
        while not self._closing.is_set():
            view = await _asked(client)
            if client.scheduler_comm is not connection:
                # The library connects anew by itself, but a scheduler that was begun anew knows of no subscription.
                raise ConnectionError(_CUT)
            self._client = client
            self._seen(view)
            await self.pause(LOOK_SECONDS)

    def _seen(self, view: ClusterView) -> None:
        if not self.view.connected:
            logger.info("cluster connected", extra={"scheduler": self._address, "workers": view.workers})
        self.trouble = None if view.places else _without_workers(view)
        self._asked.set()
        if view != self.view:
            self.view = view
            self._changed(view)

    def _lost(self, error: Exception) -> None:
        self.trouble = _silent(self._address, error)
        if self.view.connected:
            self.connections_lost += 1
            logger.warning("cluster lost", extra={"scheduler": self._address, "error": str(error)})
        self.view = ClusterView()
        self._asked.set()
        self._changed(self.view)


async def look_once(settings: ExecutorSettings) -> ClusterView:
    """Ask the scheduler once which workers there are.

    Raises:
        StartupError: its address or the certificates cannot be used.
        ClusterAwayError: it does not answer, or has no worker of this version.

    """
    address, security = await asyncio.to_thread(scheduler_of, settings)
    client = _client(address, security)
    try:
        await asyncio.wait_for(client, ANSWER_SECONDS)
        view = await _asked(client)
    except Exception as error:
        raise ClusterAwayError(_silent(address, error)) from error
    finally:
        await _close(client)
    if not view.places:
        raise ClusterAwayError(_without_workers(view))
    return view


def _client(address: str, security: Security) -> Client:
    return Client(
        address,
        security=security,
        asynchronous=True,
        set_as_default=False,
        timeout=ANSWER_SECONDS,
        name="headgate",
    )


async def _asked(client: Client) -> ClusterView:
    scheduler = client.scheduler
    if scheduler is None or client.status != "running":
        raise ConnectionError(_CUT)
    information = await asyncio.wait_for(scheduler.identity(n_workers=-1), ANSWER_SECONDS)
    return view_of(information["workers"])


async def _close(client: Client) -> None:
    with contextlib.suppress(Exception):  # a connection that is lost may say so once more
        await asyncio.wait_for(client.close(), ANSWER_SECONDS)


def _silent(address: str, error: Exception) -> str:
    return say(
        "the scheduler {address} does not answer: {error}",
        address=address,
        error=first_line(error) or type(error).__name__,
    )


def view_of(workers: Mapping[str, Any]) -> ClusterView:
    """Return what the scheduler's list of workers comes to; those that close or pause take no calls."""
    running = [one for one in workers.values() if one["status"] == "running"]
    fitting = [one["metrics"].get(TOLD) for one in running if RESOURCE in one["resources"]]
    told = [one for one in fitting if one]
    others = [one["metrics"].get(TOLD) for one in running if RESOURCE not in one["resources"]]
    return ClusterView(
        connected=True,
        workers=len(told),
        misfits=len(others),
        places=sum(one["places"] for one in told),
        busy=sum(one["busy"] for one in told),
        worker_memory_bytes=min((one["worker_memory_bytes"] for one in told), default=None),
        other_versions=tuple(sorted({str(one["version"]) for one in others if one})),
    )


def _without_workers(view: ClusterView) -> str:
    if view.other_versions:
        return say(
            "the cluster has workers of Headgate {others} only, this is {version}; start the same version there",
            others=", ".join(view.other_versions),
            version=VERSION,
        )
    return say("the cluster has no worker of Headgate {version}; start some by `headgate worker`", version=VERSION)
