"""A caller of the daemon's API that shares no code with it: the standard library's HTTP client and a token."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """Speaks to a daemon as one principal."""

    url: str
    token: str

    def __call__(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        request = urllib.request.Request(self.url + path, data=body, method=method)  # noqa: S310  # loopback only
        request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310  # loopback only
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def submit(self, content: bytes, query: str = "dataset=orders&name=orders.xlsx", **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self(f"/jobs?{query}", method="POST", body=content, headers=given)

    def wait(self, job: int, *, seconds: float = 30) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: dict[str, Any] = self(f"/jobs/{job}").json
            if found["finished_at"] is not None:
                return found
            time.sleep(0.05)
        raise AssertionError(found)
