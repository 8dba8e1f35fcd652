"""What a dataset and its table say of each other before any row: problems that stop a load, and advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..messages import said_by, say
from ..output.report import ParsedRows, Report
from .dry_run import needs_a_try, try_merge
from .fit import text_length
from .loaded import Spooled, TargetMismatchError
from .named_table import ledger_is_meant, place_of, read_facts, refuse_unless_meant
from .references import problems as reference_problems
from .sqlite_dry_run import try_writes
from .table_faults import may_be_defined, may_lack_a_setting
from .target import cut_names, demanded_columns, mismatches, read_parents, verified

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .facts import ColumnFacts, TableFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found; each is `reason; remedy`. `problems` keep every file from being loaded, `advice` does not."""

    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


async def inspect(connection: AsyncConnection, dataset: Dataset, folder: Path) -> Inspection:
    """Compare a dataset with its table. Makes temporary tables only; the caller undoes the transaction.

    `folder` is named in no statement: no file is read.
    """
    dialect = connection.dialect.name
    schema, name = place_of(dataset)
    if refusal := ledger_is_meant(dialect, schema, name):
        return Inspection(problems=(refusal,))
    facts = await connection.run_sync(read_facts, schema, name)
    parents = await connection.run_sync(read_parents, dataset)
    if facts is None:
        try:
            await connection.run_sync(refuse_unless_meant, dataset)
        except TargetMismatchError as error:
            return Inspection(problems=(said_by(error),))
        problems = (*cut_names(dataset, dialect), *reference_problems(dataset, parents, dialect))
        made = say("there is no table {table}; the first load makes it", table=dataset.load.table)
        return Inspection(problems=problems, advice=(made,))
    problems = tuple(mismatches(dataset, facts, parents, dialect))
    if not problems:
        problems = await _of_the_merge(connection, dataset, facts, parents, folder)
    return Inspection(problems=problems, advice=tuple(_advice(dataset, facts)))


async def _of_the_merge(
    connection: AsyncConnection,
    dataset: Dataset,
    facts: TableFacts,
    parents: Mapping[str, TableFacts | None],
    folder: Path,
) -> tuple[str, ...]:
    report = Report(rows=ParsedRows(), codes={}, seconds={})
    try:
        target = verified(dataset, facts, parents, connection.dialect.name)
        if connection.dialect.name == "postgresql" and needs_a_try(dataset, facts):
            with may_be_defined(), may_lack_a_setting(dataset):
                await try_merge(connection, dataset, Spooled.of(dataset, report, folder), target)
        elif connection.dialect.name == "sqlite":
            await try_writes(connection, dataset, target, [field.name for field in dataset.fields])
    except TargetMismatchError as error:
        return (said_by(error),)
    return ()


def _advice(dataset: Dataset, facts: TableFacts) -> Iterator[str]:
    table = dataset.load.table
    for field in dataset.fields:
        column = facts.columns.get(field.name)
        if column is None:
            continue
        yield from _of_column(dataset, field.name, column)
    known = {field.name for field in dataset.fields}
    for key in facts.foreign_keys:
        yield say(
            "{names} of table {table} refers to {other}: rows without a parent there will be rejected",
            names=", ".join(key.columns),
            table=table,
            other=key.other,
        )
    for name, (columns, text) in facts.checks.items():
        if set(columns) & known:
            yield say(
                "constraint {name} of table {table}, {text}: rows for which it does not hold will be rejected",
                name=name,
                table=table,
                text=text,
            )
    yield from _of_triggers(dataset, facts)
    if facts.row_security:
        yield say(
            "row security of table {table} applies to this role: rows it does not let through will be rejected",
            table=table,
        )
    if facts.partitions and not facts.inherited:
        yield say(
            "table {table} has {partitions} partitions: rows that none of them takes will be rejected",
            table=table,
            partitions=facts.partitions,
        )
    if facts.kind == "view":
        yield say(
            "{table} is a view: what its triggers and the table behind it leave out is counted as skipped", table=table
        )


def _of_triggers(dataset: Dataset, facts: TableFacts) -> Iterator[str]:
    table = dataset.load.table
    if facts.triggers:
        yield say(
            "table {table} has triggers that may change or skip rows ({names}): what they leave out is counted as "
            "skipped",
            table=table,
            names=", ".join(facts.triggers),
        )
    if (demanded := demanded_columns(dataset, facts)) and facts.fills_new_rows:
        yield say(
            "table {table} demands a value for {names}, which the dataset does not have: rows to which no trigger "
            "gives one will be rejected",
            table=table,
            names=", ".join(demanded),
        )


def _of_column(dataset: Dataset, name: str, column: ColumnFacts) -> Iterator[str]:
    [field] = [field for field in dataset.fields if field.name == name]
    if column.required and not dataset.is_needed(field) and field.empty is None:
        required = "constraints: {required: true}"
        yield (
            say(
                "column {name} is NOT NULL; write {setting} to have empty cells named at once, or {other} to have them "
                "loaded as empty texts",
                name=name,
                setting=required,
                other='empty: ""',
            )
            if field.type.kind == "string"
            else say(
                "column {name} is NOT NULL; write {setting} to have empty cells named at once",
                name=name,
                setting=required,
            )
        )
    length = None if field.lookup is not None else text_length(column)
    limit = field.constraints.max_length
    if length is not None and (limit is None or limit > length):
        yield say(
            "column {name} is {declared}; write {setting} to have long texts named",
            name=name,
            declared=column.declared,
            setting=f"constraints: {{maxLength: {length}}}",
        )
