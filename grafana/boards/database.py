"""Database pool: who waits for a connection, who holds them, and what the server says."""

from typing import Final

from panels import ORANGE, RED, Kind, Panel, Query, Row
from promql import happened, per_second, quantile, quantiles
from shell import Board

CALLERS_THAT_WAIT: Final = Panel(
    title="Callers that wait for a connection",
    description="Above 0 for long: the pool is too small, or the database too slow.",
    unit="none",
    steps=((1, ORANGE), (10, RED)),
    queries=(Query(expr="sum by (instance) (headgate_db_pool_pending{$sel})", legend="{{instance}}"),),
)

USE: Final = Row(
    title="Is the pool the neck?",
    panels=(
        Panel(
            title="Connections",
            description="In use and idle. At the drawn limit callers wait: see below who holds them and for how long, "
            "then raise database.max_overflow.",
            unit="none",
            kind=Kind.STACK,
            limit="sum(headgate_db_pool_max{$sel})",
            queries=(Query(expr="sum by (state) (headgate_db_pool_connections{$sel})", legend="{{state}}"),),
        ),
        CALLERS_THAT_WAIT,
        Panel(
            title="Share of the pool's time that is used",
            description="Connection seconds in use of those there could be: an hour at 100 % is a pool too small.",
            unit="percentunit",
            top=1,
            steps=((0.8, ORANGE), (0.95, RED)),
            queries=(
                Query(
                    expr="sum by (instance) (rate(headgate_db_pool_used_seconds_total{$sel}[$rate])) "
                    "/ sum by (instance) (headgate_db_pool_max{$sel})",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Wait for a connection",
            description="At the drawn limit, database.pool_timeout_seconds, a caller gives up and its job is repeated.",
            unit="s",
            limit="min(headgate_db_pool_timeout_seconds{$sel})",
            queries=quantiles("headgate_db_pool_wait_seconds"),
        ),
        Panel(
            title="Callers that waited in vain",
            description="Each is a job that starts anew. Look for a lock or a slow statement in the database.",
            unit="none",
            steps=((1, RED),),
            queries=(
                Query(
                    expr="sum by (instance) (increase(headgate_db_pool_timeouts_total{$sel}[$rate]))",
                    legend="{{instance}}",
                ),
            ),
        ),
        Panel(
            title="Connections beyond the size",
            description="Often above 0: raise database.pool_size, opening a connection is dear.",
            unit="none",
            limit="sum(headgate_db_pool_max{$sel}) - sum(headgate_db_pool_size{$sel})",
            queries=(
                Query(expr="sum by (instance) (clamp_min(headgate_db_pool_overflow{$sel}, 0))", legend="{{instance}}"),
            ),
        ),
    ),
)

HOLD: Final = Row(
    title="Who holds the connections?",
    panels=(
        Panel(
            title="Time a connection is held",
            description="Above the drawn limit a connection counts as leaked; the log has the stack that took it.",
            unit="s",
            limit="min(headgate_db_pool_leak_limit_seconds{$sel})",
            queries=quantiles("headgate_db_pool_use_seconds"),
        ),
        Panel(
            title="Connections that leak",
            description="Held for longer than database.leak_seconds. The log has the stack that took each: report it.",
            unit="none",
            steps=((1, RED),),
            queries=(Query(expr="sum by (instance) (headgate_db_pool_leaked{$sel})", legend="{{instance}}"),),
        ),
        Panel(
            title="Time of a transaction, 95 % are below",
            description="By operation. claim and beat slow: the ledger is locked. load slow: the target table is.",
            unit="s",
            queries=(Query(expr=quantile(0.95, "headgate_db_operation_seconds", by="op"), legend="{{op}}"),),
        ),
    ),
)

SERVER: Final = Row(
    title="Is the database there?",
    panels=(
        Panel(
            title="Errors, by class",
            description="connection and stopped: the server was away. conflict and locked: two met, it is "
            "repeated. Others: the log has the server's words.",
            unit="none",
            kind=Kind.COLUMNS,
            queries=(happened("headgate_db_errors_total", by="class"),),
            nothing="no errors",
        ),
        Panel(
            title="Connections opened and closed",
            description="A steady flow: something between cuts idle connections, or the size is too small.",
            unit="ops",
            queries=(
                Query(expr="sum(rate(headgate_db_pool_connections_opened_total{$sel}[$rate]))", legend="opened"),
                Query(expr="sum(rate(headgate_db_pool_connections_closed_total{$sel}[$rate]))", legend="closed"),
                Query(
                    expr="sum(rate(headgate_db_pool_invalidations_total{$sel}[$rate]))", legend="thrown away, failed"
                ),
            ),
        ),
        Panel(
            title="Time to open a connection",
            description="Above a second: the server's host, its name service or its certificate check is slow.",
            unit="s",
            steps=((1, ORANGE), (5, RED)),
            queries=quantiles("headgate_db_pool_create_seconds"),
        ),
        Panel(
            title="Connections of the PostgreSQL server",
            description="Of all its clients. At the drawn limit nobody gets in: find who holds them, by application.",
            unit="none",
            kind=Kind.STACK,
            span=16,
            limit="min(headgate_db_server_connections_max{$sel})",
            queries=(
                Query(
                    expr="max by (state, application) (headgate_db_server_connections{$sel})",
                    legend="{{application}} {{state}}",
                ),
            ),
            nothing="only PostgreSQL tells",
        ),
        Panel(
            title="Connection seconds in use",
            description="By instance, a second: how many connections each of them really needs.",
            unit="none",
            decimals=2,
            queries=(per_second("headgate_db_pool_used_seconds_total", by="instance"),),
        ),
    ),
)

DATABASE: Final = Board(
    slug="database",
    title="Database pool",
    description="Who waits for a connection, who holds them, what the server says",
    rows=(USE, HOLD, SERVER),
)
