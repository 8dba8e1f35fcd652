"""A client of the daemon's HTTP API for the command line: owns what is said when no daemon answers."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from ingest.languages import ENGLISH
from ingest.messages import say

from ..api.auth import first_token
from ..errors import HeadgateError
from ..ledger.jobs import TERMINAL

CHUNK_BYTES: Final = 1 << 18
REQUEST_SECONDS: Final = 60.0
STREAM_SECONDS: Final = 45.0
"""How long the event stream may be silent; the daemon sends a comment more often than that."""
RECONNECTIONS: Final = 10
RECONNECT_SECONDS: Final = 1.0

Progress = Callable[[int], None]


class DaemonError(HeadgateError):
    """The daemon did not answer, or answered with a problem; `status` is that of its answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def refused(self) -> bool:
        """Whether the daemon looked at the request and would not have it: others may still be fine."""
        asked_wrongly = HTTPStatus.BAD_REQUEST <= (self.status or 0) < HTTPStatus.INTERNAL_SERVER_ERROR
        return asked_wrongly and self.status != HTTPStatus.UNAUTHORIZED


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitAs:
    """What a file is handed in as: of which dataset, correcting which job's rows, to be loaded again, or checked."""

    dataset: str | None
    fixes: int | None
    again: bool
    check_only: bool


class Client:
    """Speaks to one daemon with its token. `certificate` is the daemon's own, where it speaks TLS.

    `language` is the one in which the daemon is to say what it finds.
    """

    def __init__(self, url: str, token_file: Path, *, certificate: Path | None = None, language: str = ENGLISH) -> None:
        self._url, self._token_file, self._certificate = url.rstrip("/"), token_file, certificate
        self._language = language
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Read the token and open a session.

        Raises:
            DaemonError: there is no token to be read.

        """
        try:
            token = first_token(self._token_file.read_text(encoding="utf-8"))
            connector = aiohttp.TCPConnector(ssl=_pinned(self._certificate)) if self._certificate else None
        except OSError as error:
            file = error.filename or self._certificate or self._token_file
            raise DaemonError(
                say(
                    "{file}: {error}; start the daemon with this configuration first "
                    "(headgate run makes the token file), or name its configuration with -c",
                    file=file,
                    error=say("it is not there") if isinstance(error, FileNotFoundError) else error.strerror,
                )
            ) from error
        if token is None:
            raise DaemonError(
                say(
                    "token file {file} has no token in full; name one that has in api.token_file", file=self._token_file
                )
            )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"Authorization": f"Bearer {token}", "Accept-Language": self._language},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=REQUEST_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def submit(self, path: Path, given: SubmitAs, *, progress: Progress) -> dict[str, Any]:
        """Upload a file and return its job; `progress` is called with the bytes of each chunk sent."""
        params = {"name": path.name} | ({"dataset": given.dataset} if given.dataset else {})
        params |= {"fixes": str(given.fixes)} if given.fixes is not None else {}
        params |= {"again": "true"} if given.again else {}
        params |= {"check": "true"} if given.check_only else {}
        return await self._request("POST", "/api/v1/jobs", params=params, data=_chunks(path, progress))

    async def job(self, job_id: int) -> dict[str, Any]:
        """Return one job with its error records and events."""
        return await self._request("GET", f"/api/v1/jobs/{job_id}")

    async def retry(self, job_id: int) -> dict[str, Any]:
        """Put a dead, cancelled or dismissed job back in the queue and return it."""
        return await self._request("POST", f"/api/v1/jobs/{job_id}/retry")

    async def load(self, job_id: int) -> dict[str, Any]:
        """Load the file that a job has checked and return the job that does so."""
        return await self._request("POST", f"/api/v1/jobs/{job_id}/load")

    async def dismiss(self, job_id: int) -> dict[str, Any]:
        """Put a dead job to rest and return it."""
        return await self._request("POST", f"/api/v1/jobs/{job_id}/dismiss")

    async def cancel(self, job_id: int) -> dict[str, Any]:
        """Cancel a job and return it; one that runs is `cancelled` a moment later."""
        return await self._request("POST", f"/api/v1/jobs/{job_id}/cancel")

    async def rejects(self, job_id: int, form: str) -> bytes:
        """Return the rejected rows of a job as a workbook (`xlsx`) or as `csv`."""
        try:
            path = f"{self._url}/api/v1/jobs/{job_id}/rejects"
            async with self._open.get(path, params={"format": form}) as answer:
                if answer.ok:
                    return await answer.read()
                raise self._problem(await answer.json(content_type=None), answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error

    async def jobs(self, *, limit: int, **filters: str | None) -> list[dict[str, Any]]:
        """Return up to `limit` jobs, newest first; `filters` are `state`, `dataset`, `text`."""
        found: list[dict[str, Any]] = []
        params = {name: value for name, value in filters.items() if value}
        while len(found) < limit:
            page = await self._request(
                "GET", "/api/v1/jobs", params={**params, "limit": str(min(500, limit - len(found)))}
            )
            found += page["jobs"]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        return found

    async def follow(self, job_ids: Collection[int]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield each of these jobs at first and whenever it has changed, until all have reached their ends."""
        waiting = set(job_ids)
        async with aclosing(self.events()) as events:
            async for event in events:
                for job_id in sorted(waiting if event is None else waiting & {event["job_id"]}):
                    job = await self._patiently(job_id)
                    if job["state"] in TERMINAL:
                        waiting.discard(job_id)
                    yield job
                if not waiting:
                    return

    async def _patiently(self, job_id: int) -> dict[str, Any]:
        """Return a job, also when the daemon is just being restarted."""
        for _ in range(RECONNECTIONS):
            try:
                return await self.job(job_id)
            except DaemonError as error:
                if error.refused or error.status == HTTPStatus.UNAUTHORIZED:
                    raise
            await asyncio.sleep(RECONNECT_SECONDS)
        return await self.job(job_id)

    async def events(self) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Yield what happens to jobs from now on, for ever; None whenever the stream has begun, anew or again.

        A stream that breaks off is resumed where it ended.

        Raises:
            DaemonError: the daemon does not answer any more.

        """
        last, failures = "", 0
        while True:
            headers = {"Last-Event-ID": last} if last else {}
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=STREAM_SECONDS)
            try:
                async with self._open.get(f"{self._url}/api/v1/events", headers=headers, timeout=timeout) as stream:
                    if not stream.ok:
                        raise self._problem(await stream.json(content_type=None), stream)
                    failures = 0
                    yield None
                    async for number, event in _events(stream.content):
                        last = number
                        yield event
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                failures += 1
                if failures > RECONNECTIONS:
                    raise self._unreachable(error) from error
            await asyncio.sleep(RECONNECT_SECONDS)

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise DaemonError("the client is not open")
        return self._session

    async def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        try:
            async with self._open.request(method, self._url + path, **arguments) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error
        if not response.ok:
            raise self._problem(body, response)
        return dict(body)

    def _unreachable(self, error: Exception) -> DaemonError:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DaemonError(
            say(
                "no daemon answers at {url} ({reason}); start it with: headgate run, or, if it runs with another "
                "configuration than this one (token file {file}), name that with -c",
                url=self._url,
                reason=reason,
                file=self._token_file,
            )
        )

    def _problem(self, body: Mapping[str, Any], response: aiohttp.ClientResponse) -> DaemonError:
        if response.status == HTTPStatus.UNAUTHORIZED:
            return DaemonError(
                say(
                    "the daemon at {url} does not know the token of {file}; name the configuration that it runs with "
                    "by -c",
                    url=self._url,
                    file=self._token_file,
                ),
                status=response.status,
            )
        hint = f"; {body['hint']}" if body.get("hint") else ""
        code = f"{body['code']}: " if body.get("code") else ""
        return DaemonError(f"{code}{body.get('detail', response.reason)}{hint}", status=response.status)


def _pinned(certificate: Path) -> ssl.SSLContext:
    """Trust the daemon's own certificate and no other; its name need not be that of the address it listens on."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


async def _chunks(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            progress(len(chunk))
            yield chunk


async def _events(lines: aiohttp.StreamReader) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield id and data of each event of a stream, by the rules of the HTML standard for server-sent events."""
    number, data = "", ""
    async for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name == "id":
            number = value.strip()
        elif name == "data":
            data += value
        elif not name and not value and data:
            yield number, json.loads(data)
            data = ""
