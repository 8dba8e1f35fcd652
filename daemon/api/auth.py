"""Who may do what over HTTP: owns the token file, roles and the limit on failures; knows nothing of jobs."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import stat
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

from aiohttp import web

from ingest.messages import say

from ..errors import StartupError
from .problems import ProblemError

Role = Literal["submit", "read", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)

TOKEN_LENGTH_MIN: Final = 16
FAILURES_MAX: Final = 20
FAILURES_SECONDS: Final = 60.0
ADDRESSES_MAX: Final = 10_000
"""Addresses whose failures are remembered; beyond that the one that failed longest ago is forgotten."""

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Whoever a request comes from: the name of the token and what it may do."""

    name: str
    roles: frozenset[Role]

    def may(self, *roles: Role) -> bool:
        """Say whether it has one of the roles; `admin` has them all."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)

    @property
    def owner(self) -> str | None:
        """Whose jobs it sees: None for all, else its own name, for it may only submit."""
        return None if self.may("read") else self.name


PRINCIPAL: Final = web.RequestKey("principal", Principal)
"""Where a request keeps whoever it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A principal and the SHA-256 of what it presents; the token itself is not kept."""

    principal: Principal
    digest: bytes = field(repr=False)


Session = Callable[[web.Request], Principal | None]
"""Another way to be known than a token, such as a cookie: None if the request carries none.

It raises a ProblemError for a request that carries one and must not pass, such as one without its CSRF token.
"""


class Authenticator:
    """Finds the principal of a request; wrong tokens are counted by address and refused beyond a limit."""

    def __init__(self, tokens: tuple[Token, ...], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens, self._clock = tokens, clock
        self.changes = 0
        """How often the tokens have become others."""
        self._sessions: list[Session] = []
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def use_tokens(self, tokens: tuple[Token, ...]) -> bool:
        """Take other tokens from now on; say whether they are others than before."""
        changed, self._tokens = tokens != self._tokens, tokens
        self.changes += changed
        return changed

    def knows(self, principal: Principal) -> bool:
        """Say whether somebody who was let in by a token still would be, and with the same roles."""
        return any(token.principal == principal for token in self._tokens)

    def still_lets_in(self, request: web.Request) -> bool:
        """Say whether a request that was let in would be now: by its token, a session by the one it began with."""
        principal, given = request[PRINCIPAL], _bearer(request)
        return self.knows(principal) if given is None else self._holder(given) == principal

    def add_session(self, session: Session) -> None:
        """Ask this too for requests without a bearer token."""
        self._sessions.append(session)

    def principal(self, request: web.Request) -> Principal:
        """Return whom the request comes from.

        Raises:
            ProblemError: 401 without a known token or session, 429 after too many wrong ones from this address.

        """
        given = _bearer(request)
        if given is None:
            found = next(filter(None, (session(request) for session in self._sessions)), None)
        else:
            found = self.token_principal(given, request.remote or "")
        if found is None:
            raise _unauthorized()
        return found

    def token_principal(self, given: str, address: str) -> Principal | None:
        """Return whom a token belongs to, None for an unknown one; takes as long for either.

        A right token is served even from an address with too many failures: behind a proxy or on loopback one
        caller could lock all others out, and tokens are too long to be guessed anyway.

        Raises:
            ProblemError: 429, the address has presented too many wrong tokens.

        """
        found = self._holder(given)
        if found is None:
            self._failed(address)
        return found

    def _holder(self, given: str) -> Principal | None:
        digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
        found: Principal | None = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, digest):
                found = token.principal
        return found

    def _failed(self, address: str) -> None:
        now = self._clock()
        times = [at for at in self._failures.pop(address, []) if at > now - FAILURES_SECONDS]
        if len(times) >= FAILURES_MAX:
            self._failures[address] = times
            wait = max(1, round(times[0] + FAILURES_SECONDS - now))
            raise ProblemError(
                429, say("too many wrong tokens came from this address; wait"), headers={"Retry-After": str(wait)}
            )
        self._failures[address] = [*times, now]
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)


def _bearer(request: web.Request) -> str | None:
    """Return the token that a request presents; None if it presents none.

    Another scheme is somebody else's: where a proxy asks for a password, the browser sends it with every request.
    """
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else None


def _unauthorized() -> ProblemError:
    return ProblemError(
        401,
        say("send a token of api.token_file as: Authorization: Bearer TOKEN"),
        headers={"WWW-Authenticate": "Bearer"},
    )


# -- the token file --------------------------------------------------------------------------------------


def load_tokens(path: Path) -> tuple[Token, ...]:
    """Return the tokens of a file; a missing file is made with one fresh token of role admin. Blocking.

    Each line is `NAME ROLE[,ROLE] TOKEN`, where TOKEN may be `sha256:` and the hexadecimal SHA-256 of it; a
    line with nothing but a token is one of role admin. Empty lines and those that begin with # are skipped.

    Raises:
        StartupError: the file cannot be made or read, others may read it, or a line is wrong.

    """
    try:
        _make(path)
        text = _read_private(path)
    except OSError as error:
        raise StartupError(f"token file {path}: {error.strerror}; correct api.token_file or its folder") from error
    except UnicodeDecodeError:
        # Not chained: the error would carry the tokens along.
        raise StartupError(f"token file {path} is not a text; write it as UTF-8") from None
    tokens = tuple(_tokens(path, text))
    if not tokens:
        raise StartupError(f"token file {path} is empty; write a token into it, or remove it to have one made")
    return tokens


def first_token(text: str) -> str | None:
    """Return the first token of a token file's text that is written in full: what the command line presents."""
    plain = (line.split()[-1] for _, line in _lines(text))
    return next((token for token in plain if not _DIGEST.fullmatch(token)), None)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(32) + "\n")


def _read_private(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        mode = os.fstat(file.fileno()).st_mode
        if mode & 0o077:
            found = f"{stat.S_IMODE(mode):04o}"
            raise StartupError(f"token file {path} can be read by others (mode {found}); run: chmod 600 {path}")
        return file.read()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def _tokens(path: Path, text: str) -> Iterator[Token]:
    names: set[str] = set()
    for number, line in _lines(text):
        place, words = f"token file {path}, line {number}", line.split()
        name, roles, token = words if len(words) == len(("name", "roles", "token")) else ("admin", "admin", line)
        if len(words) not in (1, 3):
            raise StartupError(f"{place}: neither a token alone nor three words; write: NAME ROLE[,ROLE] TOKEN")
        if not _NAME.fullmatch(name) or name in names:
            raise StartupError(f"{place}: the name is not plain or was used before; give each token its own")
        names.add(name)
        yield Token(principal=Principal(name=name, roles=frozenset(_roles(place, roles))), digest=_digest(place, token))


def _roles(place: str, text: str) -> Iterator[Role]:
    for word in text.split(","):
        role = next((role for role in ROLES if role == word), None)
        if role is None:
            raise StartupError(f"{place}: there is no such role; use one or more of: {','.join(ROLES)}")
        yield role


def _digest(place: str, token: str) -> bytes:
    if hashed := _DIGEST.fullmatch(token):
        return bytes.fromhex(hashed[1])
    if len(token) < TOKEN_LENGTH_MIN:
        raise StartupError(
            f"{place}: the token has less than {TOKEN_LENGTH_MIN} characters and could be guessed; "
            "write what this prints: openssl rand -base64 32"
        )
    return hashlib.sha256(token.encode()).digest()
