"""A large table of orders, made by the server itself, and files of new, changed and known orders for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbooks import NAMES, TITLES

if TYPE_CHECKING:
    from setting import Database

STEP: Final = 1_000_003
"""A prime: orders so far apart in the table follow each other in a file, and none comes twice."""

FIRST: Final = 10**17
COLUMNS: Final = {
    "order_no": f"({FIRST} + n)::text",
    "shop": "'店铺' || n % 40",
    "site": "(ARRAY['SG', 'MY', 'TH', 'VN'])[n % 4 + 1]",
    "order_date": "date '2023-03-15' + (n % 500)::integer",
    "paid_at": "timestamp '2023-03-15' + n % 500 * interval '1 day' + n * 7919 % 86400 * interval '1 second'",
    "product": "'商品 ' || n * 31 % 5000 || ' 型号 ' || chr(65 + (n % 5)::integer)",
    "sku": "'SKU-' || lpad((n * 17 % 20000)::text, 6, '0')",
    "quantity": "n % 9 + 1",
    "price": "n * 37 % 50000 / 100.0",
    "amount": "(n % 9 + 1) * (n * 37 % 50000) / 100.0",
    "discount": "n * 13 % 500 / 100.0",
    "freight": "n * 11 % 2000 / 100.0",
    "commission": "n * 7 % 3000 / 100.0",
    "profit": "n * 3 % 9000 / 100.0",
    "currency": "(ARRAY['SGD', 'MYR'])[n % 2 + 1]",
    "buyer": "'buyer_' || n * 23 % 100000",
    "country": "(ARRAY['SG', 'MY'])[n % 2 + 1]",
    "status": "(ARRAY['已完成', '待发货'])[n % 2 + 1]",
    "tracking_no": f"({9 * FIRST} + n * 41)::text",
    "note": "CASE WHEN n % 10 < 3 THEN '备注 ' || n END",
}
"""What order number `n` has, as SQL."""
CHANGED: Final = "profit"


def make_tables(database: Database, like: str, others: tuple[str, ...], rows: int) -> None:
    """Fill the empty table `like` with so many orders and make others that are the same; none is vacuumed by itself.

    What a vacuum does in the midst of a round would be counted for whoever has the turn.
    """
    names, values = ", ".join(NAMES), ", ".join(COLUMNS[name] for name in NAMES)
    copies = [
        statement
        for other in others
        for statement in (
            f"CREATE TABLE {other} (LIKE {like} INCLUDING ALL)",
            f"ALTER TABLE {other} SET (autovacuum_enabled = false)",
            f"INSERT INTO {other} SELECT * FROM {like}",
        )
    ]
    database.execute(
        f"ALTER TABLE {like} SET (autovacuum_enabled = false)",
        f"TRUNCATE {like}",
        f"INSERT INTO {like} ({names}) SELECT {values} FROM generate_series(1::bigint, {rows}) AS n",
        *copies,
        *(f"VACUUM ANALYZE {table}" for table in (like, *others)),
    )


def new_orders(database: Database, first: int, rows: int) -> bytes:
    """Return a CSV file of orders from number `first` on."""
    return _csv(database, f"SELECT {_titled(COLUMNS)} FROM generate_series({first}::bigint, {first + rows - 1}) AS n")


def mixed_orders(database: Database, table: str, rows: int, *, of: int, start: int, new_from: int) -> bytes:
    """Return a CSV file of which a quarter is new, a quarter changed and the rest as it stands in the table.

    The table has the orders 1 to `of`; those known are found all over it, from a `start` that other files do not reach.
    """
    part = rows // 4
    known = {name: f"o.{name}" for name in NAMES}
    known[CHANGED] = f"o.{CHANGED} + (i < {start + part})::integer"
    return _csv(
        database,
        f"(SELECT {_titled(known)} FROM generate_series({start}::bigint, {start + rows - part - 1}) AS i "
        f"JOIN {table} o ON o.order_no = ({FIRST} + 1 + i * {STEP} % {of})::text ORDER BY i) UNION ALL "
        f"SELECT {_titled(COLUMNS)} FROM generate_series({new_from}::bigint, {new_from + part - 1}) AS n",
    )


def _titled(values: dict[str, str]) -> str:
    return ", ".join(f'{values[name]} AS "{title}"' for name, title in zip(NAMES, TITLES, strict=True))


def _csv(database: Database, query: str) -> bytes:
    return database.print(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)")
