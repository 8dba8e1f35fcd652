"""Who is signed in at the page: owns session cookies and CSRF tokens; tokens and roles are the authenticator's."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingest.messages import say

from ..problems import ProblemError

if TYPE_CHECKING:
    from aiohttp import web

    from ..auth import Principal

IDLE_SECONDS: Final = 12 * 3600.0
LONGEST_SECONDS: Final = 7 * 86_400.0
SESSIONS_MAX: Final = 10_000
"""Beyond that the one that was used longest ago is signed out."""
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(slots=True, kw_only=True)
class Session:
    """One signed-in browser. Times are those of the clock of its `Sessions`."""

    principal: Principal
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    began_at: float
    used_at: float


class Sessions:
    """Sessions in memory, by the SHA-256 of their cookies: a restart of the daemon signs everybody out."""

    def __init__(
        self, cookie: str, still_valid: Callable[[Principal], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cookie, self._still_valid, self._clock = cookie, still_valid, clock
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    def open(self, principal: Principal) -> str:
        """Begin a session and return the value of its cookie."""
        value, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[_digest(value)] = Session(principal=principal, began_at=now, used_at=now)
        if len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return value

    def close(self, request: web.Request) -> None:
        """End the session of a request, if it has one."""
        self._sessions.pop(_digest(request.cookies.get(self.cookie, "")), None)

    def find(self, request: web.Request) -> Session | None:
        """Return the session of a request; None if it has none, or one that is over."""
        key, now = _digest(request.cookies.get(self.cookie, "")), self._clock()
        session = self._sessions.get(key)
        if session is None:
            return None
        late = now - session.used_at > IDLE_SECONDS or now - session.began_at > LONGEST_SECONDS
        if late or not self._still_valid(session.principal):
            del self._sessions[key]
            return None
        session.used_at = now
        self._sessions.move_to_end(key)
        return session

    def principal(self, request: web.Request) -> Principal | None:
        """Return whom a request with a session comes from, None if it has no session.

        Raises:
            ProblemError: 403, it would change something and does not carry the session's CSRF token.

        """
        session = self.find(request)
        if session is None:
            return None
        if request.method not in SAFE_METHODS and not matches(session, request.headers.get(CSRF_HEADER, "")):
            raise ProblemError(
                403,
                say(
                    "send the session's CSRF token as {header}; load the page again to get it",
                    header=CSRF_HEADER,
                ),
            )
        return session.principal


def matches(session: Session, csrf: str) -> bool:
    """Say whether this is the session's CSRF token; takes as long for any other."""
    return hmac.compare_digest(session.csrf.encode(), csrf.encode("utf-8", "surrogateescape"))


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
