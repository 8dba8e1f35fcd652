"""The HTTP API: owns routes, authentication and problem documents; what a submission is lies behind it."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import os
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from ingest.errors import FileRejectedError

from .errors import FileTooLargeError, HeadgateError, RetryableError, SpoolFullError, StartupError
from .handback import NothingToHandBackError
from .jobs import STATES

if TYPE_CHECKING:
    from pathlib import Path

    from .database import Database
    from .executors import Executors
    from .handback import Handback
    from .job_queries import JobQueries
    from .jobs import Job
    from .spool import Received, Spool
    from .submissions import Submissions

logger = logging.getLogger(__name__)

PREFIX: Final = "/api/v1"
CHUNK_BYTES: Final = 1 << 20
BODY_IDLE_SECONDS: Final = 30.0
MAX_PAGE: Final = 500
NAME_LENGTH: Final = 255
CONTENT_TYPES: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProblemError(HeadgateError):
    """An answer other than success, as RFC 9457 describes it."""

    def __init__(self, status: int, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.members = status, title, detail, members

    def response(self) -> web.Response:
        """Render the problem document."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        headers = {"WWW-Authenticate": "Bearer"} if self.status == web.HTTPUnauthorized.status_code else None
        return web.Response(
            status=self.status,
            text=json.dumps({**body, **self.members}, ensure_ascii=False),
            content_type="application/problem+json",
            headers=headers,
        )


def load_token(path: Path) -> str:
    """Return the API's token; a missing file is made with a fresh one, readable by this user only.

    Raises:
        StartupError: the file cannot be made or read, is empty, or others may read it.

    """
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_urlsafe(32) + "\n")
        mode = path.stat().st_mode
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartupError(f"token file {path}: {error.strerror}; correct api.token_file or its folder") from error
    if mode & 0o077:
        raise StartupError(f"token file {path} can be read by others; run: chmod 600 {path}")
    if not token:
        raise StartupError(f"token file {path} is empty; write a token into it, or remove it to have one made")
    return token


class Api:
    """Create, list and show jobs over HTTP with a bearer token."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        token: str,
        max_file_bytes: int,
        queries: JobQueries,
        submissions: Submissions,
        spool: Spool,
        executors: Executors,
        database: Database,
        handback: Handback,
    ) -> None:
        self._host, self.port, self._token = host, port, token.encode()
        self._max_file_bytes = max_file_bytes
        self._queries, self._submissions, self._spool = queries, submissions, spool
        self._executors, self._database, self._handback = executors, database, handback
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            StartupError: the address is in use or not this machine's.

        """
        application = web.Application(middlewares=[self._answer])
        application.add_routes(
            [
                web.post(f"{PREFIX}/jobs", self._create),
                web.get(f"{PREFIX}/jobs", self._list),
                web.get(f"{PREFIX}/jobs/{{id}}", self._show),
                web.get(f"{PREFIX}/jobs/{{id}}/rejects", self._rejects),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=5.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self.port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise StartupError(
                f"API: {self._host}:{self.port} cannot be listened on ({os.strerror(error.errno or 0)}); "
                "stop what uses the port or set api.port"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; requests in progress get a moment to end."""
        if self._runner is not None:
            await self._runner.cleanup()

    # -- every request -------------------------------------------------------------------------------

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Authenticate, then turn whatever is raised into a problem document without inner details."""
        try:
            self._authenticate(request)
            return await handler(request)
        except ProblemError as problem:
            return problem.response()
        except web.HTTPException as error:
            return ProblemError(error.status, error.reason, f"{request.method} {request.path}").response()
        except Exception as error:
            kind = self._database.classify(error)
            if isinstance(error, RetryableError) or kind == "transient":
                logger.warning("request failed", extra={"path": request.path, "error": str(error)})
                return ProblemError(
                    503, "Service Unavailable", "the database or a pool does not answer; try again"
                ).response()
            logger.exception("request failed", extra={"path": request.path})
            return ProblemError(500, "Internal Server Error", "see the daemon's log").response()

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
            raise ProblemError(401, "Unauthorized", "send the token of api.token_file as: Authorization: Bearer TOKEN")

    # -- jobs ----------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.Response:
        name = _file_name(request.query.get("name"))
        fixes = await self._job(request.query["fixes"]) if "fixes" in request.query else None
        try:
            dataset = self._submissions.choose(fixes.dataset if fixes else request.query.get("dataset"), name)
        except FileRejectedError as error:
            record = error.record
            raise ProblemError(
                422, "Unprocessable Content", record.message, code=record.code, hint=record.hint
            ) from error
        received = await self._receive(request)
        job = await self._submissions.enter(received, dataset=dataset, file=name, source="http", fixes=fixes)
        return web.json_response(job.as_dict(), status=201, headers={"Location": f"{PREFIX}/jobs/{job.id}"})

    async def _receive(self, request: web.Request) -> Received:
        """Stream the body into the spool; memory holds one chunk of it."""
        if (request.content_length or 0) > self._max_file_bytes:
            raise self._too_large()
        run_io = self._executors.run_io
        upload = await run_io(self._spool.upload, self._max_file_bytes)
        try:
            chunks = request.content.iter_chunked(CHUNK_BYTES)
            while True:
                async with asyncio.timeout(BODY_IDLE_SECONDS):
                    chunk = await anext(chunks, b"")
                if not chunk:
                    break
                await run_io(upload.write, chunk)
            received: Received = await run_io(upload.keep)
        except BaseException as error:
            await asyncio.shield(run_io(upload.discard))
            raise _receive_problem(error, self._too_large()) from error
        return received

    def _too_large(self) -> ProblemError:
        limit = f"{self._max_file_bytes >> 20} MB"
        return ProblemError(
            413,
            "Content Too Large",
            f"at most {limit} are taken",
            code="file.too_large",
            hint="split the file",
        )

    async def _list(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", default=50, maximum=MAX_PAGE)
        cursor = _number(request, "cursor", default=None)
        state = request.query.get("state")
        if state is not None and state not in STATES:
            raise ProblemError(400, "Bad Request", f"state is one of: {', '.join(STATES)}")
        assert limit is not None  # noqa: S101  # it has a default
        jobs = await self._queries.jobs(limit=limit + 1, before=cursor, state=state)
        page = jobs[:limit]
        return web.json_response(
            {
                "jobs": [job.as_dict() for job in page],
                "next_cursor": str(page[-1].id) if len(jobs) > limit else None,
            }
        )

    async def _show(self, request: web.Request) -> web.Response:
        job = await self._job(request.match_info["id"])
        return web.json_response({**job.as_dict(), "events": await self._queries.events(job.id)})

    async def _job(self, text: str) -> Job:
        job = await self._queries.job(int(text)) if _is_id(text) else None
        if job is None:
            raise ProblemError(404, "Not Found", f"there is no job {text}")
        return job

    async def _rejects(self, request: web.Request) -> web.Response:
        job = await self._job(request.match_info["id"])
        form = request.query.get("format", "xlsx")
        if form not in CONTENT_TYPES:
            raise ProblemError(400, "Bad Request", f"format is one of: {', '.join(CONTENT_TYPES)}")
        try:
            content = await self._handback.rejects(job, "csv" if form == "csv" else "xlsx")
        except NothingToHandBackError as error:
            raise ProblemError(409, "Conflict", str(error)) from error
        except FileRejectedError as error:
            record = error.record
            raise ProblemError(409, "Conflict", record.message, code=record.code, hint=record.hint) from error
        disposition = f'attachment; filename="rejects-{job.id}.{form}"'
        return web.Response(
            body=content, content_type=CONTENT_TYPES[form], headers={"Content-Disposition": disposition}
        )


def _receive_problem(error: BaseException, too_large: ProblemError) -> BaseException:
    if isinstance(error, FileTooLargeError):
        return too_large
    if isinstance(error, TimeoutError):
        return ProblemError(408, "Request Timeout", f"no byte came for {BODY_IDLE_SECONDS:.0f} s")
    if isinstance(error, SpoolFullError):
        return ProblemError(507, "Insufficient Storage", str(error))
    return error


def _file_name(name: str | None) -> str:
    """Return the last part of the name the client gave; it is a label, never a path."""
    last = (name or "upload").replace("\\", "/").rsplit("/", 1)[-1]
    cleaned = "".join(character for character in last if character.isprintable())[:NAME_LENGTH]
    return cleaned or "upload"


def _number(request: web.Request, key: str, *, default: int | None, maximum: int | None = None) -> int | None:
    text = request.query.get(key)
    if text is None:
        return default
    if not _is_id(text) or int(text) < 1:
        raise ProblemError(400, "Bad Request", f"{key} is a whole number from 1")
    return int(text) if maximum is None else min(int(text), maximum)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18  # noqa: PLR2004  # what fits a 64-bit key
