"""Database pool: who waits for a connection, who holds them, and what the server says."""

from typing import Final

from colours import ORANGE, RED
from panels import COUNT, PER_SECOND, SECONDS, Query, Row, columns, lines, shares, stack
from promql import by_label, happened, per_second, quantiles, slowest
from shell import Board

USE: Final = Row(
    title="Is the pool the neck?",
    panels=(
        stack(
            "Connections",
            "In use and idle, of all instances. At the dashed limit callers wait: see below who holds them and for how "
            "long, then raise database.max_overflow.",
            by_label("state", "headgate_db_pool_connections"),
            limit="sum(headgate_db_pool_max{$sel})",
        ),
        shares(
            "Share of the pool's time that is used",
            "Connection seconds in use of those there could be: an hour at 100 % is a pool too small.",
            Query(
                expr="sum by (instance) (rate(headgate_db_pool_used_seconds_total{$sel}[$rate])) "
                "/ sum by (instance) (headgate_db_pool_max{$sel})",
                legend="{{instance}}",
            ),
        ),
        lines(
            "Callers that wait for a connection",
            "Above 0 for long: the pool is too small, or the database too slow.",
            by_label("instance", "headgate_db_pool_pending"),
            steps=((1, ORANGE), (10, RED)),
        ),
        columns(
            "Callers that waited in vain",
            "Each is a job that starts anew. Look for a lock or a slow statement in the database.",
            happened("headgate_db_pool_timeouts_total", by="instance"),
        ),
        lines(
            "Wait for a connection",
            "A caller that waits for database.pool_timeout_seconds gives up, and its job is repeated: the share "
            "of that time stands beside.",
            *quantiles("headgate_db_pool_wait_seconds"),
            unit=SECONDS,
        ),
        shares(
            "Wait for a connection, of the time after which callers give up",
            "At 100 %, database.pool_timeout_seconds, a caller gives up: more connections, or shorter transactions.",
            Query(
                expr="histogram_quantile(0.95, sum by (instance, le) "
                "(rate(headgate_db_pool_wait_seconds_bucket{$sel}[$rate]))) "
                "/ max by (instance) (headgate_db_pool_timeout_seconds{$sel}) >= 0",
                legend="{{instance}}",
            ),
        ),
    ),
)

HOLD: Final = Row(
    title="Who holds the connections?",
    panels=(
        lines(
            "Time a connection is held",
            "Long: a load of many rows, or a lock. Beyond the leak limit the log has the stack that took it.",
            *quantiles("headgate_db_pool_use_seconds"),
            unit=SECONDS,
        ),
        shares(
            "Time a connection is held, of the leak limit",
            "At 100 %, database.leak_seconds, a connection counts as leaked; the log has the stack that took it.",
            Query(
                expr="histogram_quantile(0.99, sum by (instance, le) "
                "(rate(headgate_db_pool_use_seconds_bucket{$sel}[$rate]))) "
                "/ max by (instance) (headgate_db_pool_leak_limit_seconds{$sel}) >= 0",
                legend="{{instance}}",
            ),
        ),
        lines(
            "Connections that leak",
            "Held for longer than database.leak_seconds. The log has the stack that took each: report it.",
            by_label("instance", "headgate_db_pool_leaked"),
            steps=((1, RED),),
        ),
        lines(
            "Time of a transaction, 95 % are below",
            "By operation. claim and beat slow: the ledger is locked. load slow: the target table is; look at its "
            "indexes, at locks, and at the server's disk.",
            slowest("headgate_db_operation_seconds", by="op"),
            unit=SECONDS,
        ),
    ),
)

SERVER: Final = Row(
    title="Is the database there?",
    panels=(
        columns(
            "Errors, by class",
            "connection and stopped: the server was away. conflict and locked: two met, it is repeated. Others: the "
            "log has the server's words.",
            happened("headgate_db_errors_total", by="class"),
        ),
        stack(
            "Connections of the PostgreSQL server",
            "Of all its clients. At the dashed limit nobody gets in: find who holds them, by application.",
            Query(
                expr="max by (state, application) (headgate_db_server_connections{$sel})",
                legend="{{application}} {{state}}",
            ),
            limit="max(headgate_db_server_connections_max{$sel})",
            nothing="only PostgreSQL tells",
        ),
        lines(
            "Connections opened and closed",
            "A steady flow: something between cuts idle connections, or the size is too small.",
            Query(expr="sum(rate(headgate_db_pool_connections_opened_total{$sel}[$rate]))", legend="opened"),
            Query(expr="sum(rate(headgate_db_pool_connections_closed_total{$sel}[$rate]))", legend="closed"),
            Query(expr="sum(rate(headgate_db_pool_invalidations_total{$sel}[$rate]))", legend="thrown away, failed"),
            unit=PER_SECOND,
        ),
        lines(
            "Time to open a connection",
            "Above a second: the server's host, its name service or its certificate check is slow.",
            *quantiles("headgate_db_pool_create_seconds"),
            unit=SECONDS,
            steps=((1, ORANGE), (5, RED)),
        ),
        lines(
            "Connections that are really needed",
            "Connection seconds in use in a second. Far below the size: the pool may be smaller.",
            per_second("headgate_db_pool_used_seconds_total", by="instance"),
            unit=COUNT,
            decimals=2,
        ),
        lines(
            "Connections beyond the size",
            "Often above 0: raise database.pool_size, opening a connection is dear.",
            Query(expr="sum by (instance) (clamp_min(headgate_db_pool_overflow{$sel}, 0))", legend="{{instance}}"),
            limit="min(headgate_db_pool_max{$sel} - headgate_db_pool_size{$sel})",
        ),
    ),
)

DATABASE: Final = Board(
    slug="database",
    title="Database pool",
    description="Who waits for a connection, who holds them, what the server says",
    rows=(USE, HOLD, SERVER),
)
