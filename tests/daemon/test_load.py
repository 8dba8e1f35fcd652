"""The load on both databases: exact values, exact counts, and a target table that is verified."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from daemon.database import Database
from ingest.load import WORTH_LOOKING, Loaded, NotStraightError, load
from ingest.report import accepted_columns
from ingest.spec import Dataset, parse_dataset
from ingest.target import TargetMismatchError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


SPEC = """
dataset: goods
version: 1
fields:
  - {name: sku, type: string, header: [SKU]}
  - {name: size, type: integer, header: [Size]}
  - {name: price, type: "decimal(12,2)", header: [Price]}
  - {name: fine, type: "decimal(30,4)", header: [Fine]}
  - {name: weight, type: number, header: [Weight]}
  - {name: active, type: boolean, header: [Active]}
  - {name: since, type: date, header: [Since]}
  - {name: seen_at, type: datetime, header: [Seen]}
  - {name: note, type: string, header: [Note]}
primaryKey: [sku, size]
load: {table: goods, mode: MODE}
"""
ROW = ["A-1", 1, "12.30", "12345678901234567890.1234", 0.1, True, "2026-01-31", "2026-01-31 23:59:59.5", "plain"]
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def dataset(mode: str = "upsert", **replacements: str) -> Dataset:
    text = SPEC.replace("MODE", mode)
    for old, new in replacements.items():
        text = text.replace(old, new)
    return parse_dataset(text, "goods.yml")


def copy_text(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    return str(value).translate(ESCAPES)


def spooled(folder: Path, spec: Dataset, rows: Sequence[Sequence[Any]], job: int = 1) -> Path:
    """Write COPY text by the PostgreSQL manual, independently of the code that the workers use."""
    path = folder / "accepted.copy"
    before = {"headgate_job": job}
    with path.open("w", encoding="utf-8", newline="") as file:
        for before["headgate_row"], row in enumerate(rows, start=2):
            lineage = [before[name] for name in accepted_columns(spec) if name in before]
            file.write("\t".join(map(copy_text, [*lineage, *row])) + "\n")
    return path


def changed(**values: Any) -> list[Any]:
    names = ["sku", "size", "price", "fine", "weight", "active", "since", "seen_at", "note"]
    return [values.get(name, old) for name, old in zip(names, ROW, strict=True)]


async def loaded(
    database: Database,
    spec: Dataset,
    folder: Path,
    rows: Sequence[Sequence[Any]],
    job: int = 1,
    key_range: tuple[str, str] | None = None,
) -> Loaded:
    path = spooled(folder, spec, rows, job)
    try:
        async with database.write() as connection:
            return await load(connection, spec, path, rows=len(rows), key_range=key_range)
    except NotStraightError:
        async with database.write() as connection:
            return await load(connection, spec, path, rows=len(rows), key_range=key_range, straight=False)


async def table(database: Database, columns: str = "*") -> list[tuple[Any, ...]]:
    async with database.read() as connection:
        rows = await connection.execute(sa.text(f"SELECT {columns} FROM goods ORDER BY sku, size"))
        return [tuple(row) for row in rows]


async def test_values_arrive_as_they_are(database: Database, tmp_path: Path) -> None:
    result = await loaded(database, dataset(), tmp_path, [ROW])
    assert result == Loaded(inserted=1, updated=0, unchanged=0)
    (row,) = await table(database)
    if database.dialect == "postgresql":
        assert row == (
            "A-1",
            1,
            Decimal("12.30"),
            Decimal("12345678901234567890.1234"),
            0.1,
            True,
            dt.date(2026, 1, 31),
            dt.datetime(2026, 1, 31, 23, 59, 59, 500000),  # noqa: DTZ001  # sheets know no zones
            "plain",
        )
    else:
        assert row == (
            "A-1",
            1,
            12.3,
            "12345678901234567890.1234",
            0.1,
            1,
            "2026-01-31",
            "2026-01-31 23:59:59.5",
            "plain",
        )


TRICKY = [
    "",
    "\\",
    "\\N",
    "\\.",
    "a\tb",
    "a\nb",
    "a\n\\.\nb",
    "a\r\nb",
    "\\t",
    "\\\\n",
    "'; DROP TABLE goods; --",
    "订单 €",
]


async def test_tricky_text_survives(database: Database, tmp_path: Path) -> None:
    rows = [changed(size=number, note=text) for number, text in enumerate(TRICKY)]
    rows.append(changed(size=len(TRICKY), note=None))
    await loaded(database, dataset(), tmp_path, rows)
    assert [row[0] for row in await table(database, "note, sku, size")] == [*TRICKY, None]


async def test_upsert_tells_inserted_updated_and_unchanged_apart(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [changed(size=n) for n in range(4)])
    rows = [changed(size=0), changed(size=1, note=None), changed(size=2, price="9.99"), changed(size=7)]
    result = await loaded(database, dataset(), tmp_path, rows)
    assert result == Loaded(inserted=1, updated=2, unchanged=1)
    assert [row[0] for row in await table(database, "size, sku")] == [0, 1, 2, 3, 7]
    again = await loaded(database, dataset(), tmp_path, rows)
    assert again == Loaded(inserted=0, updated=0, unchanged=4)


async def test_upsert_may_write_unchanged_rows_too(database: Database, tmp_path: Path) -> None:
    spec = dataset(**{"mode: upsert": "mode: upsert, unchanged: update"})
    await loaded(database, spec, tmp_path, [ROW])
    assert await loaded(database, spec, tmp_path, [ROW]) == Loaded(inserted=0, updated=1, unchanged=0)


async def test_insert_names_the_rows_whose_key_is_taken(database: Database, tmp_path: Path) -> None:
    spec = dataset("insert")
    await loaded(database, spec, tmp_path, [changed(size=n) for n in range(3)])
    rows = [changed(size=0), changed(size=1, note="other"), changed(size=9), changed(size=2, price=None)]
    result = await loaded(database, spec, tmp_path, rows)
    assert result == Loaded(inserted=1, updated=0, unchanged=1, conflicts=2, conflict_rows=(3, 5))
    assert [row[0] for row in await table(database, "note, sku, size")] == ["plain"] * 4


async def test_insert_without_a_key_appends(database: Database, tmp_path: Path) -> None:
    spec = dataset("insert", **{"primaryKey: [sku, size]": ""})
    for _ in range(2):
        assert (await loaded(database, spec, tmp_path, [ROW, ROW])).inserted == 2
    assert len(await table(database)) == 4


async def test_nothing_stays_when_the_transaction_is_undone(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW])
    path = spooled(tmp_path, dataset(), [changed(size=5)])

    async def undone() -> None:
        async with database.write() as connection:
            await load(connection, dataset(), path, rows=1)
            raise RuntimeError("undo")

    with pytest.raises(RuntimeError, match="undo"):
        await undone()
    assert len(await table(database)) == 1
    assert (await loaded(database, dataset(), tmp_path, [changed(size=5)])).inserted == 1


COLUMNS = (
    "sku text, size bigint, price numeric(12,2), fine numeric, weight double precision, "
    "active boolean, since date, seen_at timestamp, note text"
)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("CREATE TABLE goods (sku text, size bigint, PRIMARY KEY (sku, size))", "has no column price"),
        (f"CREATE TABLE goods ({COLUMNS})", "no primary key or unique index"),
        (f"CREATE TABLE goods ({COLUMNS}, tenant text NOT NULL, UNIQUE (sku, size))", "demands a value for tenant"),
    ],
)
async def test_a_target_that_cannot_take_the_rows_is_refused(
    database: Database, tmp_path: Path, statement: str, message: str
) -> None:
    async with database.write() as connection:
        await connection.execute(sa.text(statement))
    with pytest.raises(TargetMismatchError, match=message):
        await loaded(database, dataset(), tmp_path, [ROW])


async def test_a_lossy_column_type_is_refused(database: Database, tmp_path: Path) -> None:
    if database.dialect == "sqlite":
        return  # SQLite keeps what it is given, whatever the column says
    async with database.write() as connection:
        await connection.execute(
            sa.text(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (sku, size))".replace("numeric(12,2)", "real"))
        )
    with pytest.raises(TargetMismatchError, match=r"column price .* without loss"):
        await loaded(database, dataset(), tmp_path, [ROW])


async def test_identifiers_are_quoted(database: Database, tmp_path: Path) -> None:
    text = """
dataset: odd
version: 1
fields:
  - {name: 'se"lect', type: string, header: [a]}
  - {name: Größe, type: integer, header: [b]}
primaryKey: ['se"lect']
load: {table: 'or"der', mode: upsert}
"""
    spec = parse_dataset(text, "odd.yml")
    for expected in (Loaded(inserted=1, updated=0, unchanged=0), Loaded(inserted=0, updated=0, unchanged=1)):
        assert await loaded(database, spec, tmp_path, [["x", 1]]) == expected


async def test_replace_leaves_only_the_rows_of_the_file(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW, changed(sku="B-1")])
    result = await loaded(database, dataset("replace"), tmp_path, [changed(size=7), changed(sku="C-1")])
    assert result == Loaded(inserted=2, updated=0, unchanged=0)
    assert await table(database, "sku, size") == [("A-1", 7), ("C-1", 1)]


async def test_lineage_names_the_job_and_the_sheet_row(database: Database, tmp_path: Path) -> None:
    spec = dataset(**{"mode: upsert": "mode: upsert, lineage: true"})
    await loaded(database, spec, tmp_path, [ROW, changed(sku="B-1")], job=41)
    rows = [ROW, changed(sku="B-1", note="new"), changed(sku="C-1")]
    assert await loaded(database, spec, tmp_path, rows, job=42) == Loaded(inserted=1, updated=1, unchanged=1)
    assert await table(database, "sku, headgate_job, headgate_row") == [
        ("A-1", 41, 2),
        ("B-1", 42, 3),
        ("C-1", 42, 4),
    ]


async def test_a_table_without_the_lineage_columns_is_refused(database: Database, tmp_path: Path) -> None:
    await loaded(database, dataset(), tmp_path, [ROW])
    with pytest.raises(TargetMismatchError, match="headgate_job, headgate_row"):
        await loaded(database, dataset(**{"mode: upsert": "mode: upsert, lineage: true"}), tmp_path, [ROW])


async def test_times_of_a_zone_arrive_as_moments(database: Database, tmp_path: Path) -> None:
    zoned = dataset(**{"type: datetime, header: [Seen]": "type: datetime, header: [Seen], timezone: Asia/Shanghai"})
    await loaded(database, zoned, tmp_path, [changed(seen_at="2026-01-31 15:59:59+00:00")])
    [(seen_at,)] = await table(database, "seen_at")
    if database.dialect == "postgresql":
        assert seen_at == dt.datetime(2026, 1, 31, 15, 59, 59, tzinfo=dt.UTC)
        with pytest.raises(TargetMismatchError, match=r"seen_at.*with time zone"):
            await loaded(database, dataset(), tmp_path, [ROW])
    else:
        assert seen_at == "2026-01-31 15:59:59+00:00"


def opened(url: str) -> Database:
    return Database(
        url=url,
        pool_size=3,
        max_overflow=0,
        pool_timeout_seconds=10,
        leak_seconds=60,
        connect_timeout_seconds=10,
    )


# -- many rows: the shortest way that is possible --------------------------------------------------------

MANY = WORTH_LOOKING
SINGLE = {"primaryKey: [sku, size]": "primaryKey: [size]"}


def numbered(start: int, count: int = MANY, **values: Any) -> list[list[Any]]:
    return [changed(size=number, **values) for number in range(start, start + count)]


def span(rows: Sequence[Sequence[Any]]) -> tuple[str, str]:
    return str(min(row[1] for row in rows)), str(max(row[1] for row in rows))


@pytest.fixture
def statements(database: Database) -> list[str]:
    """Return what SQLAlchemy is asked to run from now on; COPY goes past it."""
    found: list[str] = []
    sa.event.listen(
        database.engine.sync_engine, "before_cursor_execute", lambda _c, _u, statement, *_: found.append(statement)
    )
    return found


def staged(statements: Sequence[str]) -> bool:
    return any(statement.startswith("INSERT INTO") for statement in statements)


@pytest.mark.parametrize("mode", ["upsert", "replace", "insert"])
@pytest.mark.parametrize("lineage", ["", ", lineage: true"])
async def test_many_new_rows_go_straight_into_the_table(
    database: Database, tmp_path: Path, statements: list[str], mode: str, lineage: str
) -> None:
    spec = dataset(mode, **SINGLE, **{f"mode: {mode}": f"mode: {mode}{lineage}"})
    for start in (0, 10 * MANY):
        rows = numbered(start)
        result = await loaded(database, spec, tmp_path, rows, job=start, key_range=span(rows))
        assert result == Loaded(inserted=MANY, updated=0, unchanged=0)
    # What mode insert may have to refuse is named by its row, which only a staging table has without lineage.
    through_stage = database.dialect == "sqlite" or (mode == "insert" and not lineage)
    assert staged(statements) is through_stage
    kept = await table(database, "size, sku, headgate_job, headgate_row" if lineage else "size, sku")
    assert len(kept) == (MANY if mode == "replace" else 2 * MANY)
    assert kept[-1] == (11 * MANY - 1, "A-1", 10 * MANY, MANY + 1)[: len(kept[-1])]


async def test_many_rows_of_known_keys_are_merged(database: Database, tmp_path: Path) -> None:
    spec = dataset(**SINGLE)
    await loaded(database, spec, tmp_path, numbered(0))
    rows = [*numbered(MANY // 2, price="9.99"), *numbered(10 * MANY, 1)]
    result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert result == Loaded(inserted=MANY // 2 + 1, updated=MANY // 2, unchanged=0)
    again = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert again == Loaded(inserted=0, updated=0, unchanged=MANY + 1)


async def test_many_rows_between_known_keys_are_inserted(
    database: Database, tmp_path: Path, statements: list[str]
) -> None:
    spec = dataset(**SINGLE)
    await loaded(database, spec, tmp_path, numbered(0, 1))
    await loaded(database, spec, tmp_path, numbered(MANY, 1))
    statements.clear()
    rows = numbered(1, MANY - 1) + numbered(MANY + 1, 1)
    assert (await loaded(database, spec, tmp_path, rows, key_range=span(rows))).inserted == MANY
    assert staged(statements)
    assert len(await table(database)) == MANY + 2


async def test_many_rows_reach_a_table_that_cannot_be_copied_to(database: Database, tmp_path: Path) -> None:
    if database.dialect == "sqlite":
        return  # it has no COPY
    spec = dataset("insert", **{"primaryKey: [sku, size]": ""})
    async with database.write() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE stock ({COLUMNS})")
        await connection.exec_driver_sql("CREATE VIEW goods AS SELECT * FROM stock")
    assert (await loaded(database, spec, tmp_path, numbered(0))).inserted == MANY
    assert len(await table(database)) == MANY


@pytest.mark.parametrize(
    ("column", "keys"),
    [
        ("bigint", [*range(-5, MANY - 5)]),
        ("numeric(20,0)", [*range(MANY)]),
        ("date", [str(dt.date(2020, 1, 1) + dt.timedelta(days=day)) for day in range(MANY)]),
        (
            "timestamp",
            [f"2026-01-{1 + number // 1440:02} {number // 60 % 24:02}:{number % 60:02}:00" for number in range(MANY)],
        ),
        ("timestamptz", [f"2026-01-01 00:00:00.{number:06}+00:00" for number in range(1, MANY + 1)]),
        ("char(9)", [str(10**8 + number) for number in range(MANY)]),
        ("varchar(20)", [str(10**8 + number) for number in range(MANY)]),
    ],
)
async def test_keys_of_every_ordered_type_are_looked_for(
    postgres_database: str, tmp_path: Path, column: str, keys: list[Any]
) -> None:
    kinds = {"bigint": "integer", "numeric(20,0)": "integer", "date": "date", "timestamp": "datetime"}
    zone = ", timezone: UTC" if column == "timestamptz" else ""
    kind = kinds.get(column, "datetime" if zone else "string")
    text = f"""
dataset: goods
fields:
  - {{name: sku, type: {kind}, header: [SKU]{zone}}}
  - {{name: size, type: integer, header: [Size]}}
primaryKey: [sku]
load: {{table: goods, mode: upsert}}
"""
    spec = parse_dataset(text, "goods.yml")
    async with opened(postgres_database) as database:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE goods (sku {column} PRIMARY KEY, size bigint)")
        key_range = str(keys[0]), str(keys[-1])
        rows = [[key, 1] for key in keys]
        for expected in (Loaded(inserted=MANY, updated=0, unchanged=0), Loaded(inserted=0, updated=0, unchanged=MANY)):
            assert await loaded(database, spec, tmp_path, rows, key_range=key_range) == expected


async def test_rows_that_a_trigger_keeps_out_are_not_counted_as_inserted(
    postgres_database: str, tmp_path: Path
) -> None:
    spec = dataset(**SINGLE)
    async with opened(postgres_database) as database:
        async with database.write() as connection:
            await connection.exec_driver_sql(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (size))")
            await connection.exec_driver_sql(
                "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN IF NEW.size % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END'"
            )
            await connection.exec_driver_sql(
                "CREATE TRIGGER odd BEFORE INSERT ON goods FOR EACH ROW EXECUTE FUNCTION odd()"
            )
        rows = numbered(0, 10)
        result = await loaded(database, spec, tmp_path, rows, key_range=span(rows))
        assert result == Loaded(inserted=5, updated=0, unchanged=5)
        assert len(await table(database)) == 5


async def test_what_the_table_refuses_is_an_error_in_whatever_way_it_comes(database: Database, tmp_path: Path) -> None:
    spec = dataset(**SINGLE)
    async with database.write() as connection:
        await connection.exec_driver_sql(f"CREATE TABLE goods ({COLUMNS}, PRIMARY KEY (size), CHECK (price < 20))")
    rows = [*numbered(0), *numbered(MANY, 1, price="99.99")]
    with pytest.raises(Exception, match=r"(?i)check") as refused:
        await loaded(database, spec, tmp_path, rows, key_range=span(rows))
    assert database.classify(refused.value) == "data"
    assert not await table(database)


@pytest.mark.parametrize("first", [[], [changed(size=9_999)]], ids=["copied", "inserted"])
async def test_a_key_that_another_transaction_brings_meanwhile_is_met(
    postgres_database: str, tmp_path: Path, first: list[list[Any]]
) -> None:
    """The load sees no such key, copies or inserts, waits for the other transaction, and then merges instead."""
    async with opened(postgres_database) as database:
        await loaded(database, dataset(), tmp_path, first)
        async with database.write() as other:
            await other.exec_driver_sql("INSERT INTO goods (sku, size, price) VALUES ('A-1', 3, 1)")
            load_waiting = asyncio.create_task(
                loaded(database, dataset(), tmp_path, [changed(size=number) for number in range(2_000)])
            )
            async with asyncio.timeout(30):
                while not await _waits_for_a_lock(database):  # noqa: ASYNC110  # the server tells nobody
                    await asyncio.sleep(0.02)
        assert await load_waiting == Loaded(inserted=1_999, updated=1, unchanged=0)
        assert len(await table(database)) == 2_000 + len(first)


async def _waits_for_a_lock(database: Database) -> bool:
    async with database.read() as connection:
        waiting = await connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(waiting.scalar_one())
