"""How daemons and workers meet at the scheduler: its address, and the certificates by which they know each other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from distributed import Security

from ingest.messages import say

from ..config.secret_file import read_private
from ..errors import StartupError

if TYPE_CHECKING:
    from ..config.settings import ExecutorSettings

QUIET: Final = ("distributed", "tornado")
"""Loggers of the library, which sets their levels when it is imported; from warnings up they are ours."""


def scheduler_of(settings: ExecutorSettings) -> tuple[str, Security]:
    """Return the scheduler's address and how to speak to it; blocking, for the certificates are read.

    Raises:
        StartupError: no scheduler is named, a certificate cannot be used, or others may read the key.

    """
    for name in QUIET:
        for logger in (name, *(known for known in logging.root.manager.loggerDict if known.startswith(f"{name}."))):
            logging.getLogger(logger).setLevel(logging.WARNING)
    if settings.scheduler is None:
        raise StartupError("executors.scheduler is missing; set it to the address of the Dask scheduler")
    if settings.tls_key_file is None or settings.scheduler.startswith("tcp:"):
        return settings.scheduler, Security()
    read_private(settings.tls_key_file)
    security = Security(
        tls_ca_file=str(settings.tls_ca_file),
        tls_client_cert=str(settings.tls_certificate_file),
        tls_client_key=str(settings.tls_key_file),
        tls_worker_cert=str(settings.tls_certificate_file),
        tls_worker_key=str(settings.tls_key_file),
        require_encryption=True,
    )
    try:
        security.get_connection_args("client")
    except OSError as error:
        reason = say("the certificates for the scheduler cannot be used: {error}", error=error)
        raise StartupError(f"executors: {reason}") from error
    return settings.scheduler, security
