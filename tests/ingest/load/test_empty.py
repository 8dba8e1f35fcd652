"""What a field says of empty cells is loaded for them, by every way into a table, and nothing else is changed by it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from goods import load_spooled, opened, rows_of, run, spooled

from ingest.load.inspection import inspect
from ingest.load.loaded import Loaded
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.spec.dataset import Dataset

PEOPLE = (
    "CREATE TABLE people (code varchar(9) PRIMARY KEY, middle varchar(9) NOT NULL, visits int NOT NULL DEFAULT 7, "
    "active boolean NOT NULL, paid numeric(6,2) NOT NULL, note text)"
)
FIELDS: list[dict[str, Any]] = [
    {"name": "code", "type": "string"},
    {"name": "middle", "type": "string", "empty": ""},
    {"name": "visits", "type": "integer", "empty": 0},
    {"name": "active", "type": "boolean", "empty": False},
    {"name": "paid", "type": "decimal(6,2)", "empty": 0.5},
    {"name": "note", "type": "string"},
]
NOTHING = ["a", None, None, None, None, None]
BLANK = ("a", "", 0, 0, 0.5, None)
SHOWN = "SELECT code, middle, visits, CAST(active AS int), CAST(paid AS double precision), note FROM people ORDER BY 1"


def spec_of(mode: str = "upsert", *, fields: list[dict[str, Any]] = FIELDS, key: bool = True, **load: Any) -> Dataset:
    content: dict[str, Any] = {
        "dataset": "d",
        "fields": fields,
        **({"primaryKey": ["code"]} if key else {}),
        "quarantine": {"max_percent": 100},
        "load": {"table": "people", "mode": mode, **load},
    }
    return parse_dataset(json.dumps(content), "d.yml")


@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
async def test_an_empty_cell_is_loaded_as_its_field_says_and_is_the_same_again(
    url: str, tmp_path: Path, mode: str
) -> None:
    spec = spec_of(mode)
    async with opened(url) as database:
        await run(database, PEOPLE)
        assert await load_spooled(database, spec, spooled(tmp_path, spec, [NOTHING])) == Loaded(inserted=1)
        assert await load_spooled(database, spec, spooled(tmp_path, spec, [NOTHING])) == Loaded(unchanged=1)
        assert await rows_of(database, SHOWN) == [BLANK]


async def test_without_a_key_too(url: str, tmp_path: Path) -> None:
    spec = spec_of("insert", key=False)
    async with opened(url) as database:
        await run(database, PEOPLE)
        assert await load_spooled(database, spec, spooled(tmp_path, spec, [NOTHING])) == Loaded(inserted=1)
        assert await rows_of(database, SHOWN) == [BLANK]


async def test_it_is_written_over_a_value_unless_such_are_kept(url: str, tmp_path: Path) -> None:
    full = ["a", "x", 1, True, "1.50", "n"]
    async with opened(url) as database:
        await run(database, PEOPLE)
        for spec, after in ((spec_of(empty="keep"), ("a", "x", 1, 1, 1.5, "n")), (spec_of(), BLANK)):
            await load_spooled(database, spec, spooled(tmp_path, spec, [full]))
            rows = spooled(tmp_path, spec, [NOTHING, ["b", *NOTHING[1:]]])
            await load_spooled(database, spec, rows)
            assert await rows_of(database, SHOWN) == [after, ("b", *BLANK[1:])]


async def test_new_rows_of_a_file_that_lacks_the_columns_have_it(url: str, tmp_path: Path) -> None:
    spec, absent = spec_of(), ["middle", "active", "paid"]
    async with opened(url) as database:
        await run(database, PEOPLE, "INSERT INTO people VALUES ('a', 'x', 1, true, 1.5, 'n')")
        rows = spooled(tmp_path, spec, [["a", 3, "m"], ["b", None, "k"]], absent=absent)
        assert await load_spooled(database, spec, rows) == Loaded(inserted=1, updated=1)
        assert await rows_of(database, SHOWN) == [("a", "x", 3, 1, 1.5, "m"), ("b", "", 0, 0, 0.5, "k")]


async def test_a_bad_row_beside_it_costs_only_itself(url: str, tmp_path: Path) -> None:
    spec = spec_of(
        fields=[field for field in FIELDS if field["name"] != "visits"] + [{"name": "visits", "type": "integer"}]
    )
    async with opened(url) as database:
        await run(database, PEOPLE)
        rows = [["a", None, None, None, None, 0], ["b", None, None, None, None, None]]
        loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
        assert (loaded.inserted, dict(loaded.refused)) == (1, {"row.db_not_null": 1})
        assert "write in the field what an empty one is loaded as" in str(loaded.records[0].hint)
        assert await rows_of(database, SHOWN) == [BLANK]


async def test_a_domain_that_takes_no_null_takes_it(postgres_database: str, tmp_path: Path) -> None:
    spec = spec_of(fields=FIELDS[:2])
    async with opened(postgres_database) as database:
        await run(
            database,
            "CREATE DOMAIN named AS varchar(3) NOT NULL CHECK (VALUE <> 'bad')",
            "CREATE TABLE people (code text PRIMARY KEY, middle named)",
        )
        for counts in ({"inserted": 2}, {"unchanged": 2}):
            rows = [["a", None], ["b", "x"], ["c", "long"], ["d", "bad"]]
            loaded = await load_spooled(database, spec, spooled(tmp_path, spec, rows))
            assert (loaded.inserted, loaded.unchanged) == (counts.get("inserted", 0), counts.get("unchanged", 0))
            assert dict(loaded.refused) == {"row.db_length": 1, "row.db_check": 1}
        assert await rows_of(database, "SELECT code, middle FROM people ORDER BY 1") == [("a", ""), ("b", "x")]


async def test_the_check_names_the_setting(url: str, tmp_path: Path) -> None:
    plain = [{name: value for name, value in field.items() if name != "empty"} for field in FIELDS]
    async with opened(url) as database:
        await run(database, PEOPLE)
        async with database.write() as connection:
            advice = (await inspect(connection, spec_of(fields=plain), tmp_path)).advice
            silent = (await inspect(connection, spec_of(), tmp_path)).advice
    assert any("middle is NOT NULL" in one and 'or empty: "" to have' in one for one in advice)
    assert not any("is NOT NULL" in one for one in silent)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"type": "date"}, "empty apply to boolean, decimal, integer, number, string fields"),
        ({"type": "integer", "empty": "x"}, "'x' is no integer"),
        ({"type": "decimal(4,1)", "empty": 0.25}, "'0.25' does not fit the type"),
        ({"constraints": {"required": True}}, "empty contradicts constraints.required"),
        ({"lookup": "shops.code -> shops.id"}, "a field with lookup has no empty"),
        ({"empty": []}, "should be a valid string"),
        ({"name": "code"}, "a key has no empty cells: code"),
    ],
)
def test_what_makes_no_sense_is_refused(changed: dict[str, Any], told: str) -> None:
    field = {"name": "middle", "type": "string", "empty": "", **changed}
    with pytest.raises(DocumentError) as refused:
        spec_of(fields=[field, *([FIELDS[0]] if field["name"] != "code" else [])])
    assert told in str(refused.value)
