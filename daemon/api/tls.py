"""TLS of the API: owns which protocol versions and files are taken; knows nothing of what is served."""

from __future__ import annotations

import ssl
from pathlib import Path

from ..errors import StartupError


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
