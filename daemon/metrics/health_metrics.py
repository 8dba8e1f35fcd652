"""The metrics of the daemon's health: whether it takes work, and what keeps it from being seen or asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from .definitions import Definitions, Measured, counter, define, gauge

if TYPE_CHECKING:
    from ..lifecycle.certificates import Validity

SERVERS: Final = ("api", "exporter")
STOPPING: Final = "stopping"
"""What readiness says once the daemon was told to stop."""

DEFINITIONS: Final[Definitions] = define(
    gauge("ready", "1 while the daemon takes work; /-/ready says why it does not."),
    gauge("stopping", "1 once the daemon was told to stop: what runs comes to its end, for shutdown.drain_seconds."),
    gauge("db_up", "1 while the ledger can be written."),
    gauge(
        "clock_ahead_seconds",
        "By how much times in the ledger were ahead of its database's clock; they were corrected in the last hour.",
    ),
    counter("log_lines_dropped_total", "Log lines that nobody took in time."),
    gauge(
        "certificate_not_before_timestamp_seconds",
        "When the certificate that a server shows began to hold; none of a server without TLS.",
        server=SERVERS,
    ),
    gauge(
        "certificate_not_after_timestamp_seconds",
        "When the certificate that a server shows ends; none of a server without TLS.",
        server=SERVERS,
    ),
)


def health_metrics(
    not_ready: str | None,
    database_trouble: str | None,
    *,
    clock_ahead_seconds: float,
    dropped_lines: int,
    certificates: Mapping[str, Validity | None],
) -> Measured:
    """Return the health from the reasons against it."""
    shown = {server: one for server, one in certificates.items() if one is not None}
    return {
        "ready": {(): not_ready is None},
        "stopping": {(): not_ready == STOPPING},
        "db_up": {(): database_trouble is None},
        "clock_ahead_seconds": {(): clock_ahead_seconds},
        "log_lines_dropped_total": {(): dropped_lines},
        "certificate_not_before_timestamp_seconds": {(server,): one.begins_at for server, one in shown.items()},
        "certificate_not_after_timestamp_seconds": {(server,): one.ends_at for server, one in shown.items()},
    }
