"""Registered tasks over real HTTP, in real worker processes and threads."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from daemon.api.auth import Authenticator, Principal, Role, Token
from daemon.api.server import Api
from daemon.api.task_routes import RegisteredTask, TaskRoutes
from daemon.database.database import Database

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.executors.executors import Executors

Call = Callable[..., Awaitable[tuple[int, dict[str, Any], str | None]]]


def _token(name: str, *roles: Role) -> Token:
    return Token(principal=Principal(name=name, roles=frozenset(roles)), digest=hashlib.sha256(name.encode()).digest())


def _task(name: str, target: str, pool: Any = "cpu", timeout_seconds: float | None = None) -> RegisteredTask:
    return RegisteredTask(name=name, target=target, pool=pool, timeout_seconds=timeout_seconds)


TASKS = (
    _task("add", "application_tasks:add"),
    _task("add-io", "application_tasks:add", "io"),
    _task("describe", "application_tasks:Report.describe"),
    _task("fail", "application_tasks:fail"),
    _task("fail-io", "application_tasks:fail", "io"),
    _task("crash", "application_tasks:crash"),
    _task("allocate", "application_tasks:allocate"),
    _task("leave", "application_tasks:leave"),
    _task("odd", "application_tasks:odd"),
    _task("sleep", "application_tasks:sleep"),
    _task("slow", "application_tasks:sleep", timeout_seconds=0.2),
    _task("slow-io", "application_tasks:sleep", "io", timeout_seconds=0.2),
    _task("built-in", "time:sleep"),
    _task("gone", "a_module_that_is_missing:run"),
)


@pytest.fixture
def serve(make_executors: Callable[..., Executors], tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def running(**changes: Any) -> AsyncIterator[tuple[Call, Executors]]:
        database = Database(
            url=f"sqlite+aiosqlite:///{tmp_path / 'none.db'}",
            pool_size=1,
            max_overflow=0,
            pool_timeout_seconds=1,
            leak_seconds=1,
            connect_timeout_seconds=1,
        )
        tokens = (_token("application-token", "submit"), _token("looking-on-token", "read"))
        async with make_executors(**changes) as executors:
            routes = TaskRoutes(executors=executors, tasks=TASKS)
            api = Api(host="127.0.0.1", port=0, groups=[routes], authenticator=Authenticator(tokens), database=database)
            async with api, aiohttp.ClientSession(api.url) as session:

                async def call(name: str, body: Any = None, token: str = "application-token", **more: Any) -> Any:  # noqa: S107  # a made-up token
                    sent = {"json": body} if body is not None else {}
                    headers = {"Authorization": f"Bearer {token}"}
                    async with session.post(f"/api/v1/tasks/{name}", headers=headers, **sent, **more) as answer:
                        return answer.status, await answer.json(content_type=None), answer.headers.get("Retry-After")

                call.session = session  # type: ignore[attr-defined]
                yield call, executors

    return running


@pytest.mark.parametrize(
    ("name", "body", "result"),
    [
        ("add", {"first": 2, "second": 3}, 5),
        ("add", [2, 3], 5),
        ("add-io", [2], 2),
        ("built-in", [0.01], None),
        ("describe", {"title": "订单"}, {"title": "订单", "rows": [1, None, True, 0.5]}),
    ],
)
async def test_a_result_comes_back_as_json(serve: Callable[..., Any], name: str, body: Any, result: Any) -> None:
    async with serve() as (call, executors):
        status, answer, _ = await call(name, body)
        assert (status, answer["result"]) == (200, result)
        if name != "add-io":
            assert answer["wall_seconds"] > 0
            assert answer["peak_rss_bytes"] > 1 << 20
        pool = executors.stats().io if name == "add-io" else executors.stats().cpu
        assert pool.tasks["task", "ok"] == 1


async def test_a_task_goes_on_when_its_client_hangs_up(serve: Callable[..., Any]) -> None:
    async with serve() as (call, executors):
        await call("add", [1])
        with pytest.raises(TimeoutError):
            await call("sleep", [1.0], timeout=aiohttp.ClientTimeout(total=0.3))
        async with asyncio.timeout(30):
            while executors.stats().cpu.workers_busy:  # noqa: ASYNC110  # the pool tells nobody
                await asyncio.sleep(0.02)
        assert executors.stats().cpu.tasks["task", "ok"] == 2
        assert not executors.stats().cpu.tasks["task", "cancelled"]


async def test_no_body_is_no_argument(serve: Callable[..., Any]) -> None:
    async with serve() as (call, _):
        assert (await call("odd"))[0] == 500
        status, answer, _ = await call("add")
        assert (status, answer["error_type"]) == (422, "TypeError")


@pytest.mark.parametrize(
    ("name", "body", "status", "kind", "message"),
    [
        ("fail", ["no such order"], 500, "OrderError", "no such order"),
        ("fail-io", ["no such order"], 500, "OrderError", "no such order"),
        ("add", {"third": 1}, 422, "TypeError", "missing a required argument: 'first'"),
        ("gone", None, 500, "ModuleNotFoundError", "No module named 'a_module_that_is_missing'"),
        ("crash", None, 500, "WorkerCrashedError", "killed its worker process"),
        ("allocate", [8 << 30], 500, "MemoryError", "more memory than a worker may have"),
        ("odd", None, 500, "TypeError", "not JSON serializable"),
        ("leave", None, 500, "SystemExit", "3"),
    ],
)
async def test_a_failure_says_its_type_and_message(
    serve: Callable[..., Any], name: str, body: Any, status: int, kind: str, message: str
) -> None:
    async with serve() as (call, _):
        found, answer, _ = await call(name, body)
        assert (found, answer["error_type"]) == (status, kind)
        assert message in answer["error_message"]
        assert "Traceback" not in str(answer)
        assert (await call("add", [1, 1]))[1]["result"] == 2


async def test_a_function_that_fails_is_counted_as_a_task_that_failed(serve: Callable[..., Any]) -> None:
    """Arguments that do not fit are the caller's mistake: the task itself has not failed."""
    async with serve() as (call, executors):
        for name, body in (("fail", ["no"]), ("odd", None), ("add", {"third": 1}), ("add", [1]), ("fail-io", ["no"])):
            await call(name, body)
        stats = executors.stats()
        assert [stats.cpu.tasks["task", outcome] for outcome in ("ok", "error")] == [2, 2]
        assert [stats.io.tasks["task", outcome] for outcome in ("ok", "error")] == [0, 1]


@pytest.mark.parametrize("name", ["slow", "slow-io"])
async def test_a_deadline_is_504(serve: Callable[..., Any], name: str) -> None:
    async with serve() as (call, _):
        status, answer, _ = await call(name, [3.0])
        assert status == 504
        assert answer["detail"].startswith(f"{name} passed its deadline of 0.2 s")


async def test_a_full_queue_is_429_and_a_closed_pool_503_both_with_retry_after(serve: Callable[..., Any]) -> None:
    async with serve(cpu_workers=1, queue_limit=1, queue_timeout_seconds=0.1) as (call, executors):
        calls = [asyncio.create_task(call("sleep", [1.0])) for _ in range(3)]
        answers = sorted(await asyncio.gather(*calls), key=lambda answer: answer[0])
        assert [answer[0] for answer in answers] == [200, 200, 429]
        assert answers[2][2] == "5"
        assert "the queue is full" in answers[2][1]["detail"]
        await executors.drain()
        status, _, retry = await call("add", [1])
        assert (status, retry) == (503, "5")


async def test_a_flood_of_one_task_leaves_the_others_their_turn(serve: Callable[..., Any]) -> None:
    async with serve(cpu_workers=1) as (call, _):
        flood = [asyncio.create_task(call("sleep", [0.1])) for _ in range(30)]
        await asyncio.sleep(0.3)
        assert (await call("add", [1]))[0] == 200
        assert sum(task.done() for task in flood) < 15
        await asyncio.gather(*flood)


async def test_calls_that_hang_leave_the_daemon_half_of_its_threads(serve: Callable[..., Any]) -> None:
    async with serve(io_workers=4, queue_limit=3, queue_timeout_seconds=0.1) as (call, executors):
        hanging = [asyncio.create_task(call("slow-io", [2.0])) for _ in range(2)]
        assert {answer[0] for answer in await asyncio.gather(*hanging)} == {504}
        # Both callers were let go, their threads are still busy.
        waiting = [asyncio.create_task(call("add-io", [1])) for _ in range(5)]
        assert await executors.run_io(os.getpid) == os.getpid()
        assert executors.stats().io.workers_busy == 2
        statuses = sorted([answer[0] for answer in await asyncio.gather(*waiting)])
        assert statuses == [200, 200, 200, 429, 429]


@pytest.mark.parametrize(
    ("request_body", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"[" * 50_000, "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"5", "headers": {"Content-Type": "application/json"}}, 422),
        ({"data": b"[1]", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"data": b" " * (1 << 20) + b"[]", "headers": {"Content-Type": "application/json"}}, 413),
    ],
)
async def test_what_are_no_arguments_is_refused(
    serve: Callable[..., Any], request_body: dict[str, Any], status: int
) -> None:
    async with serve() as (call, executors):
        headers = {"Authorization": "Bearer application-token", **request_body["headers"]}
        async with call.session.post("/api/v1/tasks/add", data=request_body["data"], headers=headers) as answer:
            assert answer.status == status
        assert sum(executors.stats().cpu.tasks.values()) == 0


async def test_only_those_who_may_submit_call_and_unknown_tasks_are_named(serve: Callable[..., Any]) -> None:
    async with serve() as (call, _):
        assert (await call("add", [1], token="looking-on-token"))[0] == 403  # noqa: S106  # a made-up token
        assert (await call("add", [1], token="unknown"))[0] == 401  # noqa: S106
        status, answer, _ = await call("ad", [1])
        assert status == 404
        assert "add, add-io" in answer["detail"]
        headers = {"Authorization": "Bearer looking-on-token"}
        async with call.session.get("/api/v1/tasks", headers=headers) as listed:
            tasks = (await listed.json())["tasks"]
        assert {"name": "slow", "pool": "cpu", "timeout_seconds": 0.2} in tasks
        assert {"name": "add-io", "pool": "io", "timeout_seconds": 60.0} in tasks
