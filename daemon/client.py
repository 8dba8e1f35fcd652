"""A client of the daemon's HTTP API for the command line: owns what is said when no daemon answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from .auth import first_token
from .errors import HeadgateError
from .jobs import TERMINAL

CHUNK_BYTES: Final = 1 << 18
POLL_SECONDS: Final = 0.3
REQUEST_SECONDS: Final = 60.0

Progress = Callable[[int], None]


class DaemonError(HeadgateError):
    """The daemon did not answer, or answered with a problem."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Speaks to one daemon with its token."""

    def __init__(self, url: str, token_file: Path) -> None:
        self._url, self._token_file = url.rstrip("/"), token_file
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Read the token and open a session.

        Raises:
            DaemonError: there is no token to be read.

        """
        try:
            token = first_token(self._token_file.read_text(encoding="utf-8"))
        except OSError as error:
            raise DaemonError(
                f"token file {self._token_file}: {error.strerror}; start the daemon with this configuration first "
                "(it makes the file), or name its configuration with -c"
            ) from error
        if token is None:
            raise DaemonError(
                f"token file {self._token_file} has no token in full; name one that has in api.token_file"
            )
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=REQUEST_SECONDS),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def submit(self, path: Path, *, dataset: str | None, fixes: int | None, progress: Progress) -> dict[str, Any]:
        """Upload a file and return its job; `progress` is called with the bytes of each chunk sent.

        `fixes` is the job whose rejected rows the file has in a corrected form.
        """
        params = {"name": path.name} | ({"dataset": dataset} if dataset else {})
        params |= {"fixes": str(fixes)} if fixes is not None else {}
        return await self._request("POST", "/api/v1/jobs", params=params, data=_chunks(path, progress))

    async def job(self, job_id: int) -> dict[str, Any]:
        """Return one job with its error records and events."""
        return await self._request("GET", f"/api/v1/jobs/{job_id}")

    async def rejects(self, job_id: int, form: str) -> bytes:
        """Return the rejected rows of a job as a workbook (`xlsx`) or as `csv`."""
        if self._session is None:
            raise DaemonError("the client is not open")
        try:
            async with self._session.get(
                f"{self._url}/api/v1/jobs/{job_id}/rejects", params={"format": form}
            ) as answer:
                if answer.ok:
                    return await answer.read()
                raise _problem(await answer.json(content_type=None), answer)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error

    async def jobs(self, *, limit: int, state: str | None) -> list[dict[str, Any]]:
        """Return up to `limit` jobs, newest first."""
        found: list[dict[str, Any]] = []
        params = {"state": state} if state else {}
        while len(found) < limit:
            page = await self._request(
                "GET", "/api/v1/jobs", params={**params, "limit": str(min(500, limit - len(found)))}
            )
            found += page["jobs"]
            if page["next_cursor"] is None:
                break
            params["cursor"] = page["next_cursor"]
        return found

    async def wait(self, job_id: int) -> dict[str, Any]:
        """Return the job when it has reached its terminal state."""
        while True:
            job = await self.job(job_id)
            if job["state"] in TERMINAL:
                return job
            await asyncio.sleep(POLL_SECONDS)

    async def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        if self._session is None:
            raise DaemonError("the client is not open")
        try:
            async with self._session.request(method, self._url + path, **arguments) as response:
                body = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self._unreachable(error) from error
        if not response.ok:
            raise _problem(body, response)
        return dict(body)

    def _unreachable(self, error: Exception) -> DaemonError:
        return DaemonError(f"no daemon answers at {self._url} ({error}); start it with: headgate run")


def _problem(body: Mapping[str, Any], response: aiohttp.ClientResponse) -> DaemonError:
    hint = f"; {body['hint']}" if body.get("hint") else ""
    code = f"{body['code']}: " if body.get("code") else ""
    return DaemonError(f"{code}{body.get('detail', response.reason)}{hint}", status=response.status)


async def _chunks(path: Path, progress: Progress) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
            progress(len(chunk))
            yield chunk
