"""The statements that both databases share, and what a load comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..output.report import accepted_columns
from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .target import Target, column_type

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset

STAGE: Final = "headgate_stage"
ROW: Final = LINEAGE_ROW
LINEAGE_COLUMNS: Final = (LINEAGE_ROW, LINEAGE_JOB)
CONFLICTS_NAMED: Final = 1000
"""How many rows refused by an existing key are named one by one."""


class NotStraightError(Exception):
    """The rows could not be copied into the table itself; nothing of the transaction can be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of the accepted rows. `conflict_rows` are the sheet rows of the first `CONFLICTS_NAMED` conflicts."""

    inserted: int
    updated: int
    unchanged: int
    conflicts: int = 0
    conflict_rows: tuple[int, ...] = ()


def insert_statement(target: Target, stage: str) -> str:
    """Return the statement that puts the staged rows into the table, up to what may be behind its FROM."""
    columns = ", ".join((*LINEAGE_COLUMNS, *target.columns) if target.lineage else target.columns)
    return f"INSERT INTO {target.quoted} ({columns}) SELECT {columns} FROM {stage}"


def stage_columns(connection: AsyncConnection, dataset: Dataset, target: Target) -> str:
    """Return the columns of a staging table: the lineage, if there is any, and the fields by their own types."""
    compiler = connection.dialect.type_compiler_instance
    types = (compiler.process(column_type(field, connection.dialect.name)) for field in dataset.fields)
    columns = [f"{name} {kind}" for name, kind in zip(target.columns, types, strict=True)]
    lineage = [f"{name} BIGINT" for name in accepted_columns(dataset) if name in LINEAGE_COLUMNS]
    return ", ".join([*lineage, *columns])


def on_conflict(dataset: Dataset, target: Target) -> str:
    """Return what an insert does with a row whose key is there: nothing, or take over what differs."""
    key = ", ".join(target.key)
    others = other_columns(target)
    if not others:
        return f"ON CONFLICT ({key}) DO NOTHING"
    written = (*others, *LINEAGE_COLUMNS) if target.lineage else others
    assignments = ", ".join(f"{name} = excluded.{name}" for name in written)
    changed = f" WHERE {differs(target.quoted, 'excluded', target)}" if dataset.load.unchanged == "skip" else ""
    return f"ON CONFLICT ({key}) DO UPDATE SET {assignments}{changed}"


def other_columns(target: Target) -> tuple[str, ...]:
    """Return the quoted columns beside the key."""
    return tuple(name for name in target.columns if name not in target.key)


def same_key(left: str, right: str, names: tuple[str, ...]) -> str:
    """Return the condition that two rows have equal values in these columns."""
    return " AND ".join(f"{left}.{name} = {right}.{name}" for name in names)


def differs(left: str, right: str, target: Target, operator: str = "IS DISTINCT FROM") -> str:
    """Return the condition that two rows differ in a column beside the key."""
    return f"({' OR '.join(f'{left}.{name} {operator} {right}.{name}' for name in other_columns(target)) or 'FALSE'})"
