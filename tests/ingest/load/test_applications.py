"""Tables of applications: made by Django and SQLAlchemy, and as migrations of Rails, Prisma and Laravel do."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.loaded import Loaded, TargetMismatchError
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from daemon.database.database import Database
    from ingest.spec.dataset import Dataset

FIELDS = {"sku": "string", "name": "string", "price": "decimal(10,2)", "sold_at": "datetime"}
FIRST = [["A1", "one", "1.50", "2026-01-31 10:00:00"], ["A2", "two", "2.00", None]]
SECOND = [["A1", "uno", "1.50", "2026-01-31 10:00:00"], ["A2", "two", "2.00", None], ["A3", "tres", "3.25", None]]

DJANGO = """
import sys
import django
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
django.setup()
from django.db import connection, models

class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=10, decimal_places=2)
    sold_at = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    class Meta:
        app_label = "shop"

if sys.argv[2] == "make":
    with connection.schema_editor() as editor:
        editor.create_model(Product)
else:
    for product in Product.objects.order_by("sku"):
        print(product.pk, product.sku, product.name, product.price, product.active, product.created_at.year > 2000)
"""
RAILS = {
    "postgresql": [
        (
            "CREATE TABLE products (id bigserial primary key, sku character varying NOT NULL, name character varying, "
            "price numeric(10,2), sold_at timestamp(6) without time zone, created_at timestamp(6) NOT NULL, "
            "updated_at timestamp(6) NOT NULL)"
        ),
        "CREATE UNIQUE INDEX index_products_on_sku ON products (sku)",
    ],
    "sqlite": [
        (
            'CREATE TABLE "products" ("id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "sku" varchar NOT NULL, '
            '"name" varchar, "price" decimal(10,2), "sold_at" datetime(6), "created_at" datetime(6) NOT NULL, '
            '"updated_at" datetime(6) NOT NULL)'
        ),
        'CREATE UNIQUE INDEX "index_products_on_sku" ON "products" ("sku")',
    ],
}
PRISMA = {
    "postgresql": [
        (
            'CREATE TABLE "products" ("id" TEXT NOT NULL, "sku" TEXT NOT NULL, "name" TEXT, "price" DECIMAL(65,30), '
            '"sold_at" TIMESTAMP(3), "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, '
            '"updated_at" TIMESTAMP(3) NOT NULL, CONSTRAINT "products_pkey" PRIMARY KEY ("id"))'
        ),
        'CREATE UNIQUE INDEX "products_sku_key" ON "products"("sku")',
    ],
    "sqlite": [
        (
            'CREATE TABLE "products" ("id" TEXT NOT NULL PRIMARY KEY, "sku" TEXT NOT NULL, "name" TEXT, '
            '"price" DECIMAL, "sold_at" DATETIME, "created_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, '
            '"updated_at" DATETIME NOT NULL)'
        ),
        'CREATE UNIQUE INDEX "products_sku_key" ON "products"("sku")',
    ],
}
LARAVEL = [
    (
        'create table "products" ("id" bigserial not null primary key, "sku" varchar(255) not null, '
        '"name" varchar(255) null, "price" decimal(10, 2) null, "sold_at" timestamp(0) without time zone null, '
        '"created_at" timestamp(0) without time zone null, "updated_at" timestamp(0) without time zone null)'
    ),
    'alter table "products" add constraint "products_sku_unique" unique ("sku")',
]
STAMPS: dict[str, Any] = {"insert_only": {"created_at": "now"}, "set": {"updated_at": "now"}}


def spec_of(table: str = "products", **load: Any) -> Dataset:
    content = {
        "dataset": "d",
        "fields": [{"name": name, "type": kind} for name, kind in FIELDS.items()],
        "primaryKey": ["sku"],
        "load": {"table": table, "mode": "upsert", **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


async def load_both(database: Database, spec: Dataset, folder: Path) -> None:
    first = await load_spooled(database, spec, spooled(folder, spec, FIRST))
    assert first == Loaded(inserted=2), first.records
    second = await load_spooled(database, spec, spooled(folder, spec, SECOND))
    assert second == Loaded(inserted=1, updated=1, unchanged=1), second.records


@pytest.fixture(params=["postgresql", "sqlite"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(request: pytest.FixtureRequest, dialect: str, tmp_path: Path) -> str:
    if dialect == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'app.db'}"
    return str(request.getfixturevalue("postgres_database"))


async def test_a_table_that_django_made_loads_and_django_reads_it(tmp_path: Path) -> None:
    def django(what: str) -> str:
        command = [sys.executable, "-c", DJANGO, str(tmp_path / "app.db"), what]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    django("make")
    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}") as database:
        spec = spec_of("shop_product", insert_only={"created_at": "now", "active": True}, set={"updated_at": "now"})
        await load_both(database, spec, tmp_path)
    assert django("read").splitlines() == [
        "1 A1 uno 1.50 True True",
        "2 A2 two 2.00 True True",
        "3 A3 tres 3.25 True True",
    ]


async def test_a_table_that_sqlalchemy_made_loads_and_sqlalchemy_reads_it(url: str, tmp_path: Path) -> None:
    table = sa.Table(
        "products",
        sa.MetaData(),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sku", sa.String(20), nullable=False, unique=True),
        sa.Column("name", sa.Text),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("sold_at", sa.DateTime),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("updated_at", sa.DateTime, nullable=False),
    )
    async with opened(url) as database:
        async with database.write() as connection:
            await connection.run_sync(table.create)
        await load_both(
            database, spec_of(insert_only={"id": "uuid", "active": True}, set={"updated_at": "now"}), tmp_path
        )
        async with database.read() as connection:
            rows = (await connection.execute(sa.select(table).order_by(table.c.sku))).all()
    assert [(row.sku, row.name, str(row.price), row.active) for row in rows] == [
        ("A1", "uno", "1.50", True),
        ("A2", "two", "2.00", True),
        ("A3", "tres", "3.25", True),
    ]
    assert len({row.id for row in rows}) == 3
    assert all(row.updated_at.year > 2000 for row in rows)


async def test_a_table_of_rails_gets_its_stamps(url: str, dialect: str, tmp_path: Path) -> None:
    async with opened(url) as database:
        await run(database, *RAILS[dialect])
        await load_both(database, spec_of(**STAMPS), tmp_path)
        rows = await rows_of(database, "SELECT id, sku, created_at <= updated_at FROM products ORDER BY sku")
        assert [(row[0], row[1], bool(row[2])) for row in rows] == [(1, "A1", True), (2, "A2", True), (3, "A3", True)]


@pytest.mark.parametrize("word", ["uuid", "uuid7", "ulid", "cuid"])
async def test_a_table_of_prisma_gets_its_ids(url: str, dialect: str, tmp_path: Path, word: str) -> None:
    lengths = {"uuid": 36, "uuid7": 36, "ulid": 26, "cuid": 25}
    async with opened(url) as database:
        await run(database, *PRISMA[dialect])
        await load_both(database, spec_of(insert_only={"id": word}, set={"updated_at": "now"}), tmp_path)
        ids = [row[0] for row in await rows_of(database, "SELECT id FROM products ORDER BY sku")]
        assert len(set(ids)) == 3
        assert {len(one) for one in ids} == {lengths[word]}
        if word == "uuid7":
            assert {one[14] for one in ids} == {"7"}


async def test_unchanged_rows_are_not_touched(postgres_database: str, tmp_path: Path) -> None:
    async with opened(postgres_database) as database:
        await run(database, *LARAVEL)
        spec = spec_of(**STAMPS)
        await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))
        await run(database, "UPDATE products SET created_at = '2020-01-01', updated_at = '2020-01-01'")
        await load_spooled(database, spec, spooled(tmp_path, spec, SECOND))
        rows = await rows_of(
            database,
            "SELECT sku, created_at = '2020-01-01', updated_at = '2020-01-01' FROM products ORDER BY sku",
        )
        assert rows == [("A1", True, False), ("A2", True, True), ("A3", False, False)]
        assert await rows_of(database, "SELECT last_value FROM products_id_seq") == [(3,)]


@pytest.mark.parametrize("word", ["uuid", "uuid7"])
@pytest.mark.parametrize(("kind", "length"), [("char(32)", 32), ("varchar( 32 )", 32), ("varchar(36)", 36)])
async def test_a_column_of_32_signs_gets_a_uuid_without_dashes(
    url: str, tmp_path: Path, word: str, kind: str, length: int
) -> None:
    columns = "sku varchar(20) UNIQUE, name text, price numeric(10, 2), sold_at timestamp"
    async with opened(url) as database:
        await run(database, f"CREATE TABLE products (id {kind} PRIMARY KEY, {columns})")
        spec = spec_of(insert_only={"id": word})
        assert (await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))).inserted == 2
        ids = [row[0] for row in await rows_of(database, "SELECT id FROM products")]
        assert {len(one) for one in ids} == {length}
        assert len({UUID(one) for one in ids}) == 2


async def test_ids_of_the_file_move_the_sequence_on(postgres_database: str, tmp_path: Path) -> None:
    content = {
        "dataset": "d",
        "fields": [{"name": "id", "type": "integer"}, {"name": "v", "type": "string"}],
        "primaryKey": ["id"],
        "load": {"table": "t", "mode": "upsert"},
    }
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        await run(database, "CREATE TABLE t (id serial PRIMARY KEY, v text)")
        await load_spooled(database, spec, spooled(tmp_path, spec, [[7, "x"], [9, "y"]]))
        await run(database, "INSERT INTO t (v) VALUES ('mine')")
        assert await rows_of(database, "SELECT id FROM t WHERE v = 'mine'") == [(10,)]


@pytest.mark.parametrize("absent", [True, False], ids=["column absent", "cell empty"])
@pytest.mark.parametrize("empty", ["null", "keep"])
async def test_what_the_file_lacks_stays(url: str, tmp_path: Path, empty: str, *, absent: bool, dialect: str) -> None:
    spec = parse_dataset(
        json.dumps(
            {
                "dataset": "d",
                "fields": [
                    {"name": "k", "type": "string"},
                    {"name": "name", "type": "string"},
                    {"name": "v", "type": "integer"},
                ],
                "primaryKey": ["k"],
                "load": {"table": "t", "mode": "upsert", "empty": empty},
            }
        ),
        "d.yml",
    )
    async with opened(url) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, name text DEFAULT 'new', v int)",
            "INSERT INTO t VALUES ('a', 'kept', 1)",
        )
        rows = [["a", 2], ["b", 3]] if absent else [["a", None, 2], ["b", None, 3]]
        spool = spooled(tmp_path, spec, rows, absent=["name"] if absent else ())
        assert await load_spooled(database, spec, spool) == Loaded(inserted=1, updated=1)
        kept = "kept" if absent or empty == "keep" else None
        fresh = "new" if absent else None
        assert await rows_of(database, "SELECT * FROM t ORDER BY k") == [("a", kept, 2), ("b", fresh, 3)]
    assert dialect


async def test_replace_spares_what_it_must(url: str, tmp_path: Path) -> None:
    spec = parse_dataset(
        json.dumps(
            {
                "dataset": "d",
                "fields": [{"name": "k", "type": "string"}, {"name": "v", "type": "integer"}],
                "primaryKey": ["k"],
                "quarantine": {"max_percent": 60},
                "load": {"table": "t", "mode": "replace"},
            }
        ),
        "d.yml",
    )
    async with opened(url) as database:
        await run(
            database,
            "CREATE TABLE t (k text PRIMARY KEY, v int CHECK (v > 0))",
            "INSERT INTO t VALUES ('a', 1), ('b', 2), ('c', 3)",
        )
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 5], ["b", -1]]))
        assert (loaded.updated, loaded.refused, loaded.held_back) == (1, {"row.db_check": 1}, True)
        assert await rows_of(database, "SELECT * FROM t ORDER BY k") == [("a", 5), ("b", 2), ("c", 3)]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, [["a", 6], ["b", 7]]))
        assert (loaded.updated, loaded.held_back) == (2, False)
        assert await rows_of(database, "SELECT * FROM t ORDER BY k") == [("a", 6), ("b", 7)]


async def test_a_typo_names_the_nearest_table(url: str, tmp_path: Path) -> None:
    async with opened(url) as database:
        await run(database, "CREATE TABLE products (sku text PRIMARY KEY)")
        spec = spec_of("product")
        with pytest.raises(Exception, match="did you mean products"):
            await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))
        made = spec_of("product", create=True)
        assert (await load_spooled(database, made, spooled(tmp_path, made, FIRST))).inserted == 2


@pytest.mark.parametrize("create", [None, False, True])
async def test_a_table_that_was_moved_to_another_schema_is_not_made_anew(
    postgres_database: str, tmp_path: Path, *, create: bool | None
) -> None:
    spec = spec_of(create=create)
    async with opened(postgres_database) as database:
        await run(database, "CREATE SCHEMA app", "CREATE TABLE app.products (sku text PRIMARY KEY)")
        if create:
            assert (await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))).inserted == 2
            return
        with pytest.raises(Exception, match=r"did you mean app\.products\?"):
            await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))
        assert await rows_of(database, "SELECT count(*) FROM pg_tables WHERE tablename = 'products'") == [(1,)]


async def test_a_table_of_the_name_that_is_not_for_this_role_is_another(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of()
    async with opened(postgres_database) as database:
        await run(database, "CREATE SCHEMA app", "CREATE TABLE app.products (sku text PRIMARY KEY)")
        await run(database, "CREATE ROLE guest_of_apps LOGIN", "GRANT ALL ON SCHEMA public TO guest_of_apps")
        await run(database, "CREATE SCHEMA guest_of_apps AUTHORIZATION guest_of_apps")
        try:
            async with opened(postgres_database.replace("://headgate@", "://guest_of_apps@")) as theirs:
                assert (await load_spooled(theirs, spec, spooled(tmp_path, spec, FIRST))).inserted == 2
        finally:
            await run(database, "DROP OWNED BY guest_of_apps", "DROP ROLE guest_of_apps")


@pytest.mark.parametrize("create", [None, True])
async def test_a_missing_table_is_not_made_without_the_columns_that_no_field_fills(
    url: str, tmp_path: Path, *, create: bool | None
) -> None:
    spec = spec_of(create=create, **STAMPS)
    async with opened(url) as database:
        with pytest.raises(Exception, match="there is no table products; make it, with created_at, updated_at"):
            await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))
        columns = "sku text PRIMARY KEY, name text, price numeric(10, 2), sold_at timestamp"
        await run(database, f"CREATE TABLE products ({columns}, created_at timestamp, updated_at timestamp)")
        assert (await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))).inserted == 2


async def test_names_with_other_numbers_are_no_typos_of_each_other(url: str, tmp_path: Path) -> None:
    async with opened(url) as database:
        for table in ("sales_2025", "sales_2026", "2026_sales"):
            spec = spec_of(table)
            assert (await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))).inserted == 2
        spec = spec_of("sale_2027")
        with pytest.raises(Exception, match="did you mean sales_202"):
            await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))


@pytest.mark.parametrize("create", [None, False])
async def test_a_table_that_another_makes_meanwhile_is_no_typo(
    postgres_database: str, tmp_path: Path, *, create: bool | None
) -> None:
    columns = "sku text PRIMARY KEY, name text, price numeric(10, 2), sold_at timestamp"
    made: list[str] = []

    def make_it(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "relispartition" in statement and not made:  # the tables are listed: this one was missed a moment ago
            made.append(statement)
            command = ["psql", postgres_database.replace("+asyncpg", ""), "-Xqc", f"CREATE TABLE products ({columns})"]
            subprocess.run(command, check=True, timeout=60)

    async with opened(postgres_database) as database:
        sa.event.listen(database.engine.sync_engine, "before_cursor_execute", make_it)
        await load_both(database, spec_of(create=create), tmp_path)
    assert made


async def test_the_ledgers_schema_is_never_a_target(own_role: Callable[[str], str], tmp_path: Path) -> None:
    async with opened(own_role("headgate")) as database:
        await run(database, "CREATE SCHEMA IF NOT EXISTS headgate", "CREATE TABLE headgate.products (sku text)")
        spec = spec_of()
        await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))
        assert await rows_of(database, "SELECT count(*) FROM public.products") == [(2,)]
        assert await rows_of(database, "SELECT count(*) FROM headgate.products") == [(0,)]


@pytest.fixture
def own_role(postgres_database: str) -> Callable[[str], str]:
    """Return the URL for a role of a name; the server's own superuser is called headgate."""
    return lambda name: postgres_database.replace("://headgate@", f"://{name}@")


async def test_columns_that_are_written_in_another_way_are_named(url: str, tmp_path: Path) -> None:
    spec = spec_of()
    async with opened(url) as database:
        await run(database, 'CREATE TABLE products ("Sku" varchar(9) PRIMARY KEY, "NAME" text, "soldAt" text)')
        with pytest.raises(TargetMismatchError, match=r"no column sku, .+; did you mean Sku, NAME, soldAt\?"):
            await load_spooled(database, spec, spooled(tmp_path, spec, FIRST))


async def test_a_name_that_would_be_cut_is_told(postgres_database: str, tmp_path: Path) -> None:
    """Bytes count: 22 letters of Chinese are 66."""
    content = {"dataset": "d", "fields": [{"name": "数量" * 11, "type": "string"}], "load": {"table": "t"}}
    spec = parse_dataset(json.dumps(content), "d.yml")
    async with opened(postgres_database) as database:
        with pytest.raises(TargetMismatchError, match="is longer than the 63 bytes"):
            await load_spooled(database, spec, spooled(tmp_path, spec, [["a"]]))
