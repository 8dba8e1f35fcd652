"""What a dataset and its table say of each other before any row: problems that stop a load, and advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..output.report import ParsedRows, Report
from .dry_run import try_merge
from .fit import text_length
from .loaded import Spooled, TargetMismatchError
from .references import problems as reference_problems
from .target import ledger_is_meant, mismatches, place_of, read_facts, read_parents, refuse_a_typo, verified

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
            await connection.run_sync(refuse_a_typo, dataset)
        except TargetMismatchError as error:
            return Inspection(problems=(str(error),))
        problems = tuple(reference_problems(dataset, parents, dialect))
        return Inspection(
            problems=problems, advice=(f"there is no table {dataset.load.table}; the first load makes it",)
        )
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
        if dataset.primary_key and connection.dialect.name == "postgresql":
            await try_merge(connection, dataset, Spooled.of(dataset, report, folder), target)
    except TargetMismatchError as error:
        return (str(error),)
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
        names = ", ".join(key.columns)
        yield f"{names} of table {table} refers to {key.other}: rows without a parent there will be rejected"
    for name, (columns, text) in facts.checks.items():
        if set(columns) & known:
            yield f"constraint {name} of table {table}, {text}: rows for which it does not hold will be rejected"
    if facts.triggers:
        yield (
            f"table {table} has triggers that may change or skip rows ({', '.join(facts.triggers)}): what they leave "
            "out is counted as skipped"
        )
    if facts.row_security:
        yield f"row security of table {table} applies to this role: rows it does not let through will be rejected"
    if facts.partitions:
        yield f"table {table} has {facts.partitions} partitions: rows that none of them takes will be rejected"
    if facts.kind == "view":
        yield f"{table} is a view: what its triggers and the table behind it leave out is counted as skipped"


def _of_column(dataset: Dataset, name: str, column: ColumnFacts) -> Iterator[str]:
    [field] = [field for field in dataset.fields if field.name == name]
    if column.required and not dataset.is_needed(field):
        yield f"column {name} is NOT NULL; write constraints: {{required: true}} to have empty cells named at once"
    length = None if field.lookup is not None else text_length(column)
    limit = field.constraints.max_length
    if length is not None and (limit is None or limit > length):
        yield f"column {name} is {column.declared}; write constraints: {{maxLength: {length}}} to have long texts named"
