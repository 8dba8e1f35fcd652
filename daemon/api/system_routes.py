"""The daemon about itself over HTTP: resources, executors, database pool, health; names of the replaced system."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ..errors import DatabaseUnavailableError
from .problems import ProblemError
from .routes import Answer, Handler, Route, Schema
from .schemas import EXECUTOR_STATS, HEALTH, POOL_STATS, RESOURCE_USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cluster.cluster import Cluster
    from ..database.database import Database
    from ..executors.executors import Executors
    from ..executors.stats import PoolStats
    from ..machine.usage import UsageMeter

logger = logging.getLogger(__name__)

CHECK_SECONDS: Final = 5.0
"""How long a check of health may take; whoever asks for it waits no longer than a few of these."""
OK: Final = "ok"


class SystemRoutes:
    """GET /api/v1/system/resource-usage, executor-stats and db-pool-stats, and GET /api/v1/health."""

    def __init__(
        self, *, executors: Executors, database: Database, usage: UsageMeter, cluster: Cluster | None = None
    ) -> None:
        self._executors, self._database, self._usage, self._cluster = executors, database, usage, cluster
        self._measuring = asyncio.Lock()
        self._checking: asyncio.Task[dict[str, str | None]] | None = None

    def routes(self) -> Sequence[Route]:
        """Return the routes; whoever has a token may ask."""
        return (
            _route(
                "/api/v1/system/resource-usage", self._resource_usage, "Get the use of CPU and memory", RESOURCE_USAGE
            ),
            _route("/api/v1/system/executor-stats", self._executor_stats, "Get what the executors do", EXECUTOR_STATS),
            _route(
                "/api/v1/system/db-pool-stats", self._db_pool_stats, "Get the state of the database pool", POOL_STATS
            ),
            _route(
                "/api/v1/health", self._health, "Run a task through each executor and ask the database", HEALTH, 503
            ),
        )

    async def _resource_usage(self, _: web.Request) -> web.Response:
        async with self._measuring:
            usage = await self._usage.measure()
        return web.json_response(
            {
                "cpu_usage": round(usage.cpu_percent, 1),
                "memory_usage": round(usage.memory_percent, 1),
                "process_count": usage.processes,
                "thread_count": usage.threads,
                "scope": usage.scope,
                "window_seconds": round(usage.window_seconds, 3),
            }
        )

    async def _executor_stats(self, _: web.Request) -> web.Response:
        stats = self._executors.stats()
        return web.json_response({"cpu_executor": _executor(stats.cpu), "io_executor": _executor(stats.io)})

    async def _db_pool_stats(self, _: web.Request) -> web.Response:
        stats = self._database.stats()
        return web.json_response(
            {
                "size": stats.size,
                "checked_out": stats.used,
                "overflow": stats.overflow,
                "checked_in": stats.idle,
                "max_overflow": stats.max - stats.size,
                "pending": stats.pending,
            }
        )

    async def _health(self, _: web.Request) -> web.Response:
        # One check serves all who ask meanwhile: asking must not be work for the pools.
        if self._checking is None:
            self._checking = asyncio.create_task(self._check())
            self._checking.add_done_callback(self._checked)
        checks = await asyncio.shield(self._checking)
        failing = [f"{name}: {found}" for name, found in checks.items() if found not in (None, OK)]
        if failing:
            raise ProblemError(503, "; ".join(failing), checks=checks)
        return web.json_response({"status": OK, "checks": checks})

    def _checked(self, _: asyncio.Task[dict[str, str | None]]) -> None:
        self._checking = None

    async def _check(self) -> dict[str, str | None]:
        health, database = await asyncio.gather(
            self._executors.check_health(timeout=CHECK_SECONDS), _problem_of(self._database)
        )
        return {
            "cpu_executor": OK if health.cpu_ok else health.detail,
            "io_executor": OK if health.io_ok else health.detail,
            "database": database or OK,
            "cluster": None if self._cluster is None else self._cluster.trouble or OK,
        }


async def _problem_of(database: Database) -> str | None:
    try:
        await database.ping(CHECK_SECONDS)
    except DatabaseUnavailableError as error:
        logger.warning("database not healthy", extra={"error": str(error)})
        return "no answer; see the daemon's log"
    return None


def _executor(pool: PoolStats) -> dict[str, int]:
    return {
        "max_workers": pool.workers_max,
        "active_tasks": pool.workers_busy,
        "idle_workers": pool.workers_idle,
        "queued_tasks": pool.queued,
    }


def _route(path: str, handler: Handler, summary: str, schema: Schema, *problems: int) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        roles=("read",),
        summary=summary,
        answers={200: Answer(description="As it is now.", content={"application/json": schema})},
        problems=problems,
    )
