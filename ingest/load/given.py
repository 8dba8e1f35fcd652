"""Values of columns that no field fills, as SQL: the words of `load.insert_only` and `load.set`, and plain values."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from ..messages import say
from ..spec.load import GENERATED, Literally
from .loaded import TargetMismatchError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.load import Given, Load
    from .facts import ColumnFacts

CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Digits of a ULID: Crockford's alphabet of 32, as its specification says."""
BASE36: Final = "0123456789abcdefghijklmnopqrstuvwxyz"

_MILLISECONDS: Final = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

_UUID7: Final = (
    # RFC 9562, 5.7: 48 bits of time, version 7, variant 2, the rest random.
    "SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING "
    f"substring(int8send({_MILLISECONDS}) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid"
)
_ULID: Final = (
    f"SELECT string_agg(substr('{CROCKFORD}', 1 + CASE WHEN place < 10 "
    "THEN (made.at >> (45 - 5 * place) & 31)::int ELSE floor(random() * 32)::int END, 1), '' ORDER BY place) "
    f"FROM (SELECT {_MILLISECONDS} AS at) made, generate_series(0, 25) AS place"
)
_CUID: Final = (
    f"SELECT 'c' || string_agg(substr('{BASE36}', 1 + CASE WHEN place < 8 "
    "THEN (made.at / (36 ^ (7 - place))::bigint % 36)::int ELSE floor(random() * 36)::int END, 1), '' "
    f"ORDER BY place) FROM (SELECT {_MILLISECONDS} AS at) made, generate_series(0, 23) AS place"
)
FUNCTIONS: Final = {"uuid7": ("uuid", _UUID7), "ulid": ("text", _ULID), "cuid": ("text", _CUID)}
"""Makers of ids on PostgreSQL: the type of each and the statement that makes one."""

_NOW_POSTGRESQL: Final = {
    # A timestamp without a zone means UTC to Rails, Django, Prisma and Laravel.
    "timestamptz": "now()",
    "timestamp": "timezone('UTC', now())",
    "date": "timezone('UTC', now())::date",
    "time": "timezone('UTC', now())::time",
    "text": "to_char(timezone('UTC', now()), 'YYYY-MM-DD HH24:MI:SS.US')",
    "varchar": "to_char(timezone('UTC', now()), 'YYYY-MM-DD HH24:MI:SS.US')",
}
_UUIDS: Final = frozenset({"uuid", "uuid7"})
_OF_32_SIGNS: Final = re.compile(r"\(\s*32\s*\)")
_NOW_SQLITE: Final = "strftime('%Y-%m-%d %H:%M:%f', 'now')"


def expression(name: str, value: Given, column: ColumnFacts, dialect: str) -> str:
    """Return the SQL of a value for a column.

    Raises:
        TargetMismatchError: a column of that type cannot have it.

    """
    if isinstance(value, Literally):
        return literal(value.value, dialect)
    if not isinstance(value, str) or value not in GENERATED:
        return literal(value, dialect)
    if value == "now":
        if dialect == "sqlite":
            return "date('now')" if column.base == "date" else _NOW_SQLITE
        if column.base not in _NOW_POSTGRESQL:
            raise TargetMismatchError(
                say(
                    "column {name} is {declared}, which cannot hold the moment of the load; give it another value",
                    name=name,
                    declared=column.declared,
                )
            )
        return _NOW_POSTGRESQL[column.base]
    if dialect == "sqlite":
        return _as_kept(f"{_sqlite_name(value)}()", value, column)
    made = f"pg_temp.headgate_{value}()" if value in FUNCTIONS else "gen_random_uuid()"
    return made if column.base == "uuid" else _as_kept(f"{made}::text", value, column)


def _as_kept(made: str, value: str, column: ColumnFacts) -> str:
    """Return the id as a column of texts keeps it: in one of 32 signs, as Django makes them, a UUID has no dashes."""
    digits_alone = value in _UUIDS and _OF_32_SIGNS.search(column.declared)
    return f"replace({made}, '-', '')" if digits_alone else made


def literal(value: object, dialect: str) -> str:
    """Return a value as SQL; on PostgreSQL a quoted literal takes the type of its column."""
    if isinstance(value, bool):
        return str(int(value)) if dialect == "sqlite" else f"'{str(value).lower()}'"
    if isinstance(value, (int, float)) and dialect == "sqlite":
        return repr(value)
    text = str(value)
    quoted = text.replace("'", "''")
    if "\\" in text and dialect == "postgresql":
        return " E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def _words(load: Load) -> Iterable[str]:
    return {value for value in load.given.values() if isinstance(value, str) and value in GENERATED}


async def make_functions(connection: AsyncConnection, load: Load) -> None:
    """Make what the expressions of a dataset call, for this connection alone."""
    words = _words(load)
    if connection.dialect.name == "sqlite":
        driver: Any = (await connection.get_raw_connection()).driver_connection
        for word in words:
            if word in _MAKERS:
                await driver.create_function(_sqlite_name(word), 0, _MAKERS[word])
        return
    for word in words:
        if word in FUNCTIONS:
            kind, body = FUNCTIONS[word]
            await connection.exec_driver_sql(
                f"CREATE OR REPLACE FUNCTION pg_temp.headgate_{word}() RETURNS {kind} LANGUAGE sql VOLATILE "
                f"AS $headgate${body}$headgate$"
            )


def _sqlite_name(word: str) -> str:
    return f"headgate_{word}"


# -- SQLite has no such functions of its own -----------------------------------------------------------


def _uuid7() -> str:
    bits = (time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=bits))


def _digits(number: int, alphabet: str, count: int) -> str:
    digits = []
    for _ in range(count):
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return "".join(reversed(digits))


def _ulid() -> str:
    return _digits((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80), CROCKFORD, 26)


def _cuid() -> str:
    return "c" + _digits(time.time_ns() // 1_000_000, BASE36, 8) + _digits(secrets.randbits(83), BASE36, 16)


_MAKERS: Final = {"uuid": lambda: str(uuid.uuid4()), "uuid7": _uuid7, "ulid": _ulid, "cuid": _cuid}
