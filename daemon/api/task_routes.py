"""Registered tasks over HTTP: owns how the application's own functions are called in Headgate's pools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from aiohttp import web

from ingest.messages import said_by, say

from ..errors import (
    ClusterAwayError,
    ExecutorError,
    PoolClosedError,
    QueueFullError,
    TaskTimeoutError,
    WorkerCrashedError,
    WorkerLostError,
    WorkerStartError,
)
from .json_body import JSON, read_body, read_json
from .problems import ProblemError
from .routes import Answer, Parameter, Route
from .task_call import TaskAnswer, TaskFaultError, run_task
from .task_io_share import IoShare

if TYPE_CHECKING:
    from ..cluster.cluster import Cluster
    from ..config.settings import Settings
    from ..executors.executors import Executors

ARGUMENTS_BYTES_MAX: Final = 1 << 20
RETRY_SECONDS: Final = 5
PARAMETER: Final = Parameter(
    name="name", place="path", description="The task.", schema={"type": "string"}, required=True
)
ARGUMENTS: Final = {
    "oneOf": [{"type": "object", "description": "by name"}, {"type": "array", "description": "in their order"}]
}
RESULT: Final = {
    "type": "object",
    "required": ["result"],
    "properties": {
        "result": {"description": "What the function returned."},
        "wall_seconds": {"type": "number"},
        "cpu_seconds": {"type": "number"},
        "peak_rss_bytes": {"type": "integer"},
    },
}
TASKS: Final = {
    "type": "object",
    "properties": {
        "tasks": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "pool": {"enum": ["cpu", "io"]},
                    "timeout_seconds": {"type": "number"},
                },
            },
        }
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredTask:
    """A function of the application, "module:function", and where it runs for how long at most.

    Without `timeout_seconds` the executors' own deadline holds.
    """

    name: str
    target: str
    pool: Literal["cpu", "io"]
    timeout_seconds: float | None


def registered_tasks(settings: Settings) -> list[RegisteredTask]:
    """Return the tasks that the settings register."""
    return [
        RegisteredTask(name=name, target=task.call, pool=task.pool, timeout_seconds=task.timeout_seconds)
        for name, task in settings.tasks.items()
    ]


class TaskRoutes:
    """GET /api/v1/tasks, POST /api/v1/tasks/{name}."""

    def __init__(
        self, *, executors: Executors, tasks: Sequence[RegisteredTask], cluster: Cluster | None = None
    ) -> None:
        self._executors, self._io = executors, IoShare(executors)
        self._cpu = cluster or executors
        self._tasks: Mapping[str, RegisteredTask] = {}
        self.register(tasks)

    def register(self, tasks: Sequence[RegisteredTask]) -> None:
        """Offer these tasks from now on, under the executors' limits of now; calls that run are not disturbed."""
        self._io.apply(self._executors.limits)
        self._tasks = {task.name: task for task in tasks}

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route(
                method="GET",
                path="/api/v1/tasks",
                handler=self._list,
                roles=("submit", "read"),
                summary="List the registered tasks",
                answers={200: Answer(description="The tasks.", content={JSON: TASKS})},
            ),
            Route(
                method="POST",
                path="/api/v1/tasks/{name}",
                handler=self._call,
                roles=("submit",),
                summary="Run a registered task and wait for its result",
                parameters=(PARAMETER,),
                body={JSON: ARGUMENTS},
                answers={200: Answer(description="Its result, and what it cost.", content={JSON: RESULT})},
                problems=(404, 413, 415, 422, 429, 500, 503, 504),
            ),
        )

    async def _list(self, _: web.Request) -> web.Response:
        limit = self._executors.limits.task_timeout_seconds
        shown = [
            {"name": task.name, "pool": task.pool, "timeout_seconds": task.timeout_seconds or limit}
            for task in self._tasks.values()
        ]
        return web.json_response({"tasks": shown})

    async def _call(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        task = self._tasks.get(name)
        if task is None:
            known = ", ".join(sorted(self._tasks)) or say("none")
            raise ProblemError(
                404, say("there is no task {name}; the registered ones are: {known}", name=repr(name), known=known)
            )
        args, kwargs = await _arguments(request)
        try:
            answer, cost = await self._run(task, args, kwargs)
        except TaskFaultError as error:
            answer, cost = error.answer, {}
        except (ExecutorError, MemoryError) as error:
            raise self._problem(task, error) from error
        if answer.fault:
            raise ProblemError(
                422 if answer.fault == "arguments" else 500,
                say(
                    "task {name}: {kind}: {message}",
                    name=name,
                    kind=answer.error_type,
                    message=answer.error_message,
                ),
                error_type=answer.error_type,
                error_message=answer.error_message,
            )
        # The result is JSON already, and may be large: it is not read to be written again.
        members = "".join(f", {json.dumps(key)}: {json.dumps(value)}" for key, value in cost.items())
        return web.Response(text=f'{{"result": {answer.text}{members}}}', content_type=JSON)

    async def _run(
        self, task: RegisteredTask, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[TaskAnswer, dict[str, float]]:
        lane = f"task {task.name}"
        if task.pool == "io":
            answer = await self._io.run(
                run_task, task.target, args, kwargs, timeout_seconds=task.timeout_seconds, lane=lane
            )
            return answer, {}
        result = await self._cpu.submit_cpu(
            run_task, task.target, args, kwargs, timeout=task.timeout_seconds, lane=lane
        )
        return result.value, {
            "wall_seconds": result.wall_seconds,
            "cpu_seconds": result.cpu_seconds,
            "peak_rss_bytes": result.peak_rss_bytes,
        }

    def _problem(self, task: RegisteredTask, error: Exception) -> ProblemError:
        retry = {"Retry-After": str(RETRY_SECONDS)}
        match error:
            case TaskTimeoutError():
                seconds = task.timeout_seconds or self._executors.limits.task_timeout_seconds
                then = (
                    say("its worker was killed") if task.pool == "cpu" else say("its thread is busy until it returns")
                )
                return ProblemError(
                    504,
                    say(
                        "{name} passed its deadline of {seconds} s; {then}",
                        name=task.name,
                        seconds=f"{seconds:g}",
                        then=then,
                    ),
                )
            case QueueFullError():
                return ProblemError(429, said_by(error), headers=retry)
            case PoolClosedError() | WorkerStartError() | ClusterAwayError():
                return ProblemError(503, said_by(error), headers=retry)
            case MemoryError():
                message: str = say("it needs more memory than a worker may have (executors.worker_memory_mb)")
            case WorkerLostError():
                message = said_by(error)
            case WorkerCrashedError():
                message = say("it killed its worker process; see the daemon's log")
            case _:
                message = str(error)
        kind = type(error).__name__.removesuffix("Error") + "Error"
        return ProblemError(
            500,
            say("task {name}: {kind}: {message}", name=task.name, kind=kind, message=message),
            error_type=kind,
            error_message=message,
        )


async def _arguments(request: web.Request) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Read the body: an object holds arguments by name, an array those in their order, nothing is no argument."""
    body = await read_body(request, ARGUMENTS_BYTES_MAX, say("arguments"))
    if not body.strip():
        return (), {}
    match read_json(request, body):
        case dict() as named:
            return (), named
        case list() as listed:
            return listed, {}
        case _:
            raise ProblemError(422, say("send an object of arguments by name, or an array of arguments"))
