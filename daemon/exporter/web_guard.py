"""Who may read the exporter's pages: users and client certificates of a web.yml, which is followed as it changes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import logging
import secrets
import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import bcrypt
from aiohttp import web

from ingest.spec.yaml_document import DocumentError

from ..config.web_yml import apply_tls, certificate_text, load_web_config
from ..lifecycle.certificates import LOOK_SECONDS, Validity, stamps_of, validity_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..config.web_yml import WebConfig

logger = logging.getLogger(__name__)

SHORTEST_LOOK_SECONDS: Final = 0.05
REMEMBERED: Final = 100
"""Answers of bcrypt that are kept: one takes tens of milliseconds, and Prometheus asks with the same words for ever."""
WAITING_MAX: Final = 10
"""Checks that may wait for one another; who comes then is sent away, for guessing must not keep the CPU busy."""
BCRYPT_BYTES: Final = 72
NOBODY: Final = bcrypt.hashpw(b"nobody", bcrypt.gensalt(10)).decode()
"""What the password of an unknown user is compared with, so that the answer takes as long."""

Renewed = Callable[[ssl.SSLContext], Awaitable[None]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebGuard:
    """Stands before every page; after it was made, it is used on the exporter's loop only.

    Raises:
        DocumentError, OSError: the file, or one that it names, cannot be used.

    """

    def __init__(self, path: Path) -> None:
        config = load_web_config(path)
        self._path, self._config = path, config
        self._stamps = stamps_of((path, *config.files()))
        self._looked_at = time.monotonic()
        self._salt = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, bool] = OrderedDict()
        self._checking = asyncio.Semaphore(1)
        self._waiting = 0
        self.tls: ssl.SSLContext | None = None
        self._renewed: Renewed | None = None
        self._taking = asyncio.Lock()
        self.validity: Validity | None = None
        if config.tls_server_config is not None:
            self.tls, self.validity = _tls_of(config)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve those who may, with the configured headers."""
        await self._follow()
        response = self._refused_certificate(request) or await self._refused_user(request) or await handler(request)
        response.headers.update(self._config.http_server_config.headers)
        return response

    # -- the files -----------------------------------------------------------------------------------

    async def follow(self, renewed: Renewed) -> None:
        """Look at the files for ever: who is refused for an old authority's sake never gets as far as a request."""
        self._renewed = renewed
        while True:
            await asyncio.sleep(max(LOOK_SECONDS, SHORTEST_LOOK_SECONDS))
            await self._follow()

    async def _follow(self) -> None:
        """Take the files as they are now; those that are wrong change nothing but a line in the log."""
        if time.monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = time.monotonic()
        async with self._taking:
            stamps = await asyncio.to_thread(stamps_of, (self._path, *self._config.files()))
            if stamps != self._stamps:
                self._stamps = stamps
                await self._take()

    async def _take(self) -> None:
        try:
            config = await asyncio.to_thread(load_web_config, self._path)
            if (config.tls_server_config is None) != (self.tls is None):
                logger.warning("web configuration not taken", extra={"error": "TLS begins and ends with a restart"})
                return
            if self.tls is not None:
                # A context of its own each time: authorities can be added to one that is used, not taken away.
                tls, self.validity = await asyncio.to_thread(_tls_of, config)
                self.tls = tls
                if self._renewed is not None:
                    await self._renewed(tls)
        except (DocumentError, OSError, ValueError) as error:
            logger.warning("web configuration not taken", extra={"error": str(error)})
            return
        self._config = config
        self._stamps = await asyncio.to_thread(stamps_of, (self._path, *config.files()))
        logger.info("web configuration taken", extra={"file": str(self._path)})

    # -- who asks ------------------------------------------------------------------------------------

    def _refused_certificate(self, request: web.Request) -> web.Response | None:
        tls = self._config.tls_server_config
        if tls is None or not tls.client_allowed_sans:
            return None
        certificate: dict[str, Any] = request.get_extra_info("peercert") or {}
        names = {value for _, value in certificate.get("subjectAltName", ())}
        if names.isdisjoint(tls.client_allowed_sans):
            return web.Response(status=403, text="the certificate has none of the names that are allowed\n")
        return None

    async def _refused_user(self, request: web.Request) -> web.Response | None:
        if not self._config.basic_auth_users:
            return None
        refused = web.Response(status=401, text="Unauthorized\n", headers={"WWW-Authenticate": "Basic"})
        given = _credentials(request.headers.get("Authorization", ""))
        if given is None:
            return refused
        user, password = given
        hashed = self._config.basic_auth_users.get(user)
        asked = hashlib.blake2b(b"\0".join((user.encode(), (hashed or "").encode(), password)), key=self._salt).digest()
        right = self._known.get(asked)
        if right is None:
            if self._waiting >= WAITING_MAX:
                return web.Response(status=429, text="too many passwords are being checked\n")
            right = await self._check(password, hashed or NOBODY) and hashed is not None
            self._known[asked] = right
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(asked)
        return None if right else refused

    async def _check(self, password: bytes, hashed: str) -> bool:
        """Ask bcrypt, in a thread and for one password at a time."""
        self._waiting += 1
        try:
            async with self._checking:
                return await asyncio.to_thread(bcrypt.checkpw, password[:BCRYPT_BYTES], hashed.encode())
        finally:
            self._waiting -= 1


def _credentials(header: str) -> tuple[str, bytes] | None:
    """Return user and password of an Authorization header, RFC 7617."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, separator, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password) if separator and b"\0" not in password else None
    except (binascii.Error, UnicodeDecodeError):
        return None


def _tls_of(config: WebConfig) -> tuple[ssl.SSLContext, Validity]:
    """Return a new context, and how long its certificate holds. Blocking."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    apply_tls(config, context)
    return context, validity_of(certificate_text(config))
