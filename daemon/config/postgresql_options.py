"""Options of PostgreSQL URLs, as libpq, JDBC, Prisma and hosts write them: what each is called here, or why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_SAME: Final = frozenset(
    {"host", "port", "user", "password", "dbname", "passfile", "service", "krbsrvname", "gsslib", "sslmode"}
    | {"sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation", "options"}
    | {"ssl_min_protocol_version", "ssl_max_protocol_version", "target_session_attrs", "connect_timeout"}
)
"""What the driver understands under libpq's own names; `connect_timeout` is ours to keep."""

_OTHER_NAMES: Final = {
    "database": "dbname",
    "schema": "search_path",  # Prisma
    "currentSchema": "search_path",  # JDBC
    "search_path": "search_path",
    "loginTimeout": "connect_timeout",
    "connectTimeout": "connect_timeout",
    "sslidentity": "sslcert",
}

_OURS: Final = frozenset(
    {"application_name", "ApplicationName", "fallback_application_name"}  # our connections are known by our own name
    | {"pgbouncer", "prepareThreshold", "statement_cache_size", "prepared_statement_cache_size"}  # found out by itself
    | {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "tcpKeepAlive"}
    | {"sslcompression", "sslsni", "async_fallback", "reWriteBatchedInserts", "binaryTransfer", "socket_timeout"}
)
"""What Headgate does in its own way, whatever the URL says."""

_SETTINGS: Final = {
    "connection_limit": "set database.pool_size instead",
    "pool_timeout": "set database.pool_timeout_seconds instead",
    "pool_size": "set database.pool_size instead",
    "max_overflow": "set database.max_overflow instead",
    "command_timeout": "take it out: Headgate bounds what it waits for by its own settings",
}

_ONLY: Final = {
    "channel_binding": ("prefer", "disable"),
    "gssencmode": ("prefer", "disable"),
    "client_encoding": ("utf8", "utf-8", "auto"),
    "replication": ("false", "off", "0", "no"),
}
"""What may be said as long as it asks for nothing that cannot be done."""


class OptionError(ValueError):
    """An option cannot be used; the message is `reason; remedy`."""


def understood(options: Mapping[str, str]) -> dict[str, str]:
    """Return options under the names by which the driver knows them, without those that say nothing to it.

    Raises:
        OptionError: one is unknown, or asks for what cannot be done; names it.

    """
    found: dict[str, str] = {}
    for name, value in options.items():
        if name in _OURS:
            continue
        if name in _SETTINGS:
            raise OptionError(f"the option {name} is none of the connection's; {_SETTINGS[name]}")
        if name in _ONLY:
            if value.lower() not in _ONLY[name]:
                raise OptionError(f"the option {name}={value} cannot be met; take it out of the URL")
            continue
        if name == "ssl":
            found.setdefault("sslmode", _ssl_mode(value))
            continue
        known = name if name in _SAME else _OTHER_NAMES.get(name)
        if known is None:
            raise OptionError(f"the option {name} is not known; take it out of the URL, or write it as libpq does")
        found[known] = value
    _check(found)
    return found


def _ssl_mode(value: str) -> str:
    """Read what JDBC and asyncpg call `ssl`: a truth, or one of libpq's words."""
    truths = {"true": "verify-full", "1": "require", "false": "disable", "0": "disable", "": "verify-full"}
    return truths.get(value.lower(), value)


def _check(found: Mapping[str, str]) -> None:
    mode = found.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        raise OptionError(f"sslmode={mode} is none of PostgreSQL's; use one of {', '.join(SSL_MODES)}")
    timeout = found.get("connect_timeout")
    if timeout is not None and not (timeout.isdecimal() and int(timeout) > 0):
        raise OptionError(f"connect_timeout={timeout} is no time; write whole seconds")
