"""What the demo is held to: owns expected.yml and how outcomes and tables are compared with it; starts nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ingest.spec.yaml_document import read_yaml

if TYPE_CHECKING:
    from daemon.config.settings import Settings

EXAMPLES: Final = Path(__file__).resolve().parent

Job = Mapping[str, Any]


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What expected.yml says of one workbook."""

    file: str
    state: str
    rows: Mapping[str, int]
    codes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that expected.yml says."""

    workbooks: tuple[Expectation, ...]
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The job of a workbook, and the job whose outcome counts: of a duplicate that is its first one.

    `earlier` says that an earlier run took the workbook: it is known by path, size and time, and not taken again.
    """

    job: Job
    first: Job
    earlier: bool


def read_plan() -> Plan:
    """Read expected.yml, and check that it speaks of the workbooks that are there."""
    data = read_yaml(EXAMPLES / "expected.yml").data
    workbooks = tuple(
        Expectation(file=item["file"], state=item["state"], rows=item["rows"], codes=frozenset(item.get("codes", ())))
        for item in data["workbooks"]
    )
    inbox = EXAMPLES / "inbox"
    missing = [workbook.file for workbook in workbooks if not (inbox / workbook.file).is_file()]
    if missing:
        raise DemoError(f"{', '.join(missing)}: not in {inbox}; run: python examples/make_workbooks.py")
    return Plan(workbooks=workbooks, tables=data["tables"])


def judge(plan: Plan, endings: Mapping[str, Ending]) -> Iterator[str]:
    """Yield how the outcomes differ from the plan."""
    for expected in plan.workbooks:
        job, first = endings[expected.file].job, endings[expected.file].first
        place = f"{expected.file} (job {first['id']})"
        counts = {name: count for name, count in first["rows"].items() if count}
        codes = {record["code"] for record in first["errors"] if record["severity"] == "error"}
        if first["state"] != expected.state:
            yield f"{place} is {first['state']}, not {expected.state}: {first['reason'] or 'no reason given'}"
        elif counts != dict(expected.rows):
            yield f"{place} has rows {counts}, not {dict(expected.rows)}"
        elif codes != expected.codes:
            yield f"{place} has errors {sorted(codes)}, not {sorted(expected.codes)}"
        if job is not first and any(job["rows"].values()):
            yield f"{expected.file} (job {job['id']}) is a duplicate, but counts rows: {job['rows']}"


def judge_tables(plan: Plan, database: Path, before: Mapping[str, str], endings: Mapping[str, Ending]) -> Iterator[str]:
    """Yield how the tables differ from the plan, and from what they were if there were only duplicates."""
    for table, expected in plan.tables.items():
        if (count := len(rows_of(database, table))) != expected:
            yield f"table {table} has {count} rows, not {expected}"
    if before and all(ending.earlier or ending.job is not ending.first for ending in endings.values()):
        after = checksums(database, plan)
        yield from (
            f"table {table} was changed, and nothing was loaded"
            for table in plan.tables
            if before[table] != after[table]
        )


def database_file(settings: Settings) -> Path:
    """Return the SQLite file that the tables are in."""
    kind, _, path = settings.database.url.partition(":///")
    if not kind.startswith("sqlite"):
        raise DemoError("the demo reads its tables from SQLite: unset HEADGATE_DATABASE__URL")
    return Path(path)


def checksums(database: Path, plan: Plan) -> dict[str, str]:
    """Return a digest of the content of each table; nothing when there is no database yet."""
    if not database.exists():
        return {}
    contents = {table: "\n".join(sorted(map(repr, rows_of(database, table)))) for table in plan.tables}
    return {table: hashlib.sha256(content.encode()).hexdigest() for table, content in contents.items()}


def rows_of(database: Path, table: str) -> list[tuple[Any, ...]]:
    """Return the rows of a table, read without a chance to change anything."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return connection.execute(f'SELECT * FROM "{table}"').fetchall() if known else []
