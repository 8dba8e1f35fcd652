"""The metrics of the database: what each is called, and its numbers from frozen snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..database.errors import ERROR_CLASSES
from ..database.pool_stats import OPERATIONS, SECONDS, WAIT_OUTCOMES
from ..database.server_stats import STATES
from .definitions import Definitions, Measured, counter, define, gauge, histogram

if TYPE_CHECKING:
    from ..database.pool_stats import DatabasePoolStats
    from ..database.server_stats import ServerStats

POOL: Final = ("main",)

DEFINITIONS: Final[Definitions] = define(
    gauge("db_pool_connections", "Connections by state.", pool=POOL, state=("idle", "used")),
    gauge("db_pool_size", "Connections kept open.", pool=POOL),
    gauge("db_pool_max", "Connections at most.", pool=POOL),
    gauge("db_pool_overflow", "Connections beyond the size, open now.", pool=POOL),
    gauge("db_pool_pending", "Callers that wait for a connection.", pool=POOL),
    gauge("db_pool_leaked", "Connections held for longer than the limit.", pool=POOL),
    gauge("db_pool_timeout_seconds", "How long a caller waits at most.", pool=POOL),
    gauge("db_pool_leak_limit_seconds", "How long a connection may be held before it counts as leaked.", pool=POOL),
    histogram(
        "db_pool_wait_seconds",
        "Time callers waited for a connection, its creation not included; the pool's timeout is a bucket too.",
        SECONDS,
        pool=POOL,
        outcome=WAIT_OUTCOMES,
    ),
    histogram("db_pool_create_seconds", "Time to open a connection.", SECONDS, pool=POOL),
    histogram("db_pool_use_seconds", "Time connections were held.", SECONDS, pool=POOL),
    counter("db_pool_used_seconds_total", "Connection seconds in use, those in flight included.", pool=POOL),
    counter("db_pool_timeouts_total", "Callers that waited in vain.", pool=POOL),
    counter("db_pool_invalidations_total", "Connections thrown away because they failed.", pool=POOL),
    counter("db_pool_connections_opened_total", "Connections opened.", pool=POOL),
    counter("db_pool_connections_closed_total", "Connections closed.", pool=POOL),
    histogram(
        "db_operation_seconds",
        "Duration of transactions, the wait for a connection not included.",
        SECONDS,
        op=OPERATIONS,
    ),
    counter("db_errors_total", "Operations that failed, by what the database said.", **{"class": ERROR_CLASSES}),
)
SERVER_DEFINITIONS: Final[Definitions] = define(
    gauge(
        "db_server_connections",
        "Client connections of the PostgreSQL server; those of other users are in state other unless the database's "
        "user is in pg_read_all_stats; none of SQLite.",
        state=STATES,
        application="headgate, the names of database.watch_applications, _other",
    ),
    gauge("db_server_connections_max", "Connections that the PostgreSQL server allows."),
)


def database_metrics(stats: DatabasePoolStats) -> Measured:
    """Return the numbers of the connection pool."""
    single = {
        "db_pool_size": stats.size,
        "db_pool_max": stats.max,
        "db_pool_overflow": stats.overflow,
        "db_pool_pending": stats.pending,
        "db_pool_leaked": stats.leaked,
        "db_pool_timeout_seconds": stats.timeout_seconds,
        "db_pool_leak_limit_seconds": stats.leak_seconds,
        "db_pool_used_seconds_total": stats.used_seconds_total,
        "db_pool_timeouts_total": stats.timeouts_total,
        "db_pool_invalidations_total": stats.invalidations_total,
        "db_pool_connections_opened_total": stats.opened_total,
        "db_pool_connections_closed_total": stats.closed_total,
    }
    return {
        **{name: {POOL: number} for name, number in single.items()},
        "db_pool_connections": {(*POOL, "idle"): stats.idle, (*POOL, "used"): stats.used},
        "db_pool_wait_seconds": {(*POOL, outcome): snapshot for outcome, snapshot in stats.wait.items()},
        "db_pool_create_seconds": {POOL: stats.create},
        "db_pool_use_seconds": {POOL: stats.use},
        "db_operation_seconds": {(operation,): snapshot for operation, snapshot in stats.operations.items()},
        "db_errors_total": {(name,): count for name, count in stats.errors.items()},
    }


def server_metrics(stats: ServerStats) -> Measured:
    """Return how many connections the server has, by state and application."""
    return {"db_server_connections": stats.connections, "db_server_connections_max": {(): stats.max}}
