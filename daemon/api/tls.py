"""TLS of the API: owns which protocol versions and files are taken, also as these change; knows no routes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from ..errors import StartupError
from ..lifecycle.certificates import LOOK_SECONDS, Validity, stamps_of, validity_of

logger = logging.getLogger(__name__)


class FollowedTls:
    """A context made of files, and the next one when these change; files that are wrong change nothing but the log.

    Raises:
        StartupError: a file cannot be used.

    """

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None) -> None:
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._files = (certificate, key, *(() if client_ca is None else (client_ca,)))
        self._stamps = stamps_of(self._files)
        self.context, self.validity = self._made()

    async def follow(self, renewed: Callable[[ssl.SSLContext], Awaitable[None]]) -> None:
        """Look at the files for ever, and hand each new context over."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            stamps = await asyncio.to_thread(stamps_of, self._files)
            if stamps == self._stamps:
                continue
            self._stamps = stamps
            try:
                self.context, self.validity = await asyncio.to_thread(self._made)
                await renewed(self.context)
            except (StartupError, OSError) as error:
                logger.warning("api certificates not taken", extra={"error": str(error)})
            else:
                logger.info("api certificates taken", extra={"file": str(self._certificate)})

    def _made(self) -> tuple[ssl.SSLContext, Validity]:
        context = server_context(self._certificate, self._key, self._client_ca)
        return context, validity_of(self._certificate.read_text(encoding="ascii", errors="replace"))


def server_context(certificate: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    """Return a context of TLS 1.2 or later; with `client_ca` clients must show a certificate that it signed. Blocking.

    Raises:
        StartupError: a file cannot be read, the key can be read by others, or they do not belong together.

    """
    try:
        if key.stat().st_mode & 0o077:
            raise StartupError(f"TLS key {key} can be read by others; run: chmod 600 {key}")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        raise StartupError(
            f"TLS: {certificate} and {key} cannot be used ({error.reason or error}); "
            "name a PEM certificate chain and its unencrypted key in api.tls_certificate_file and api.tls_key_file"
        ) from error
    except OSError as error:
        raise StartupError(
            f"TLS file {error.filename}: {error.strerror}; correct api.tls_certificate_file and api.tls_key_file"
        ) from error
    return context
