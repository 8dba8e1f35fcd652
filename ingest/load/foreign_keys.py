"""Rows whose parents are missing, found for all at once by an anti-join: builds the statements, runs none.

Parents of two kinds: of the table's own foreign keys, and of fields that refer to another table in the dataset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..messages import say
from .facts import quoted
from .merge import LINE
from .refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset
    from .facts import ForeignKey
    from .merge import Merge
    from .references import Parent

CODE = "row.db_foreign_key"


def missing_references(merge: Merge, dataset: Dataset) -> Iterator[tuple[str, Refusal]]:
    """Yield for each field that refers to another table the statement that finds lines without a parent, and why.

    What fields look up must have been filled in.
    """
    for field in dataset.fields:
        parent = merge.target.parents.get(field.name)
        if parent is None or field.name not in merge.staged or field.parent is None:
            continue
        about = {"table": field.parent.table, "column": field.parent.field, "name": field.name}
        message = (
            say(
                "{table} has no row whose {column} is this {name}, or it has no {gives}",
                **about,
                gives=field.parent.gives,
            )
            if field.parent.gives
            else say("{table} has no row whose {column} is this {name}", **about)
        )
        yield (
            _reference_statement(merge, field.name, parent),
            Refusal(code=CODE, message=message, fields=(field.name,)),
        )


def _reference_statement(merge: Merge, name: str, parent: Parent) -> str:
    raw, own = merge.raw(name), parent.quoted == merge.target.quoted
    if parent.gives is not None:
        absent = f"s.{merge.found[name]} IS NULL"
    else:
        absent = f"NOT EXISTS (SELECT 1 FROM {parent.quoted} p WHERE p.{quoted(parent.sought.name)} = {raw})"
        if own and parent.sought.name in merge.staged:
            # A parent may come with the same file.
            theirs = merge.value(parent.sought.name, "o")
            absent += f" AND NOT EXISTS (SELECT 1 FROM {merge.stage} o WHERE {theirs} = {raw})"
    return f"SELECT s.{LINE} FROM {merge.stage} s WHERE {raw} IS NOT NULL AND {absent} ORDER BY s.{LINE}"


def missing_parents(merge: Merge, dataset: Dataset) -> Iterator[tuple[str, Refusal]]:
    """Yield for each foreign key that the file fills the statement that finds lines without a parent, and why."""
    fields = {merge.names[field.name]: field.name for field in dataset.fields if field.name in merge.staged}
    for key in merge.target.facts.foreign_keys:
        if all(column in fields for column in key.columns):
            names = tuple(fields[column] for column in key.columns)
            others = ", ".join(key.other_columns)
            refusal = Refusal(
                code=CODE,
                message=say(
                    "{table} has no row whose {column} is this {name} ({key})",
                    table=key.other,
                    column=others,
                    name=", ".join(names),
                    key=key.name,
                ),
                fields=names,
            )
            yield _statement(merge, key, names), refusal


def _statement(merge: Merge, key: ForeignKey, names: tuple[str, ...]) -> str:
    pairs = list(zip(key.other_columns, names, strict=True))
    filled = " AND ".join(f"{merge.value(name)} IS NOT NULL" for name in names)
    same = " AND ".join(f"p.{theirs} = {merge.value(mine)}" for theirs, mine in pairs)
    absent = f"NOT EXISTS (SELECT 1 FROM {key.other} p WHERE {same})"
    own = {merge.names[name]: name for name in merge.staged}
    if key.own and all(theirs in own for theirs in key.other_columns):
        # A parent may come with the same file.
        inside = " AND ".join(f"{merge.value(own[theirs], 'o')} = {merge.value(mine)}" for theirs, mine in pairs)
        absent += f" AND NOT EXISTS (SELECT 1 FROM {merge.stage} o WHERE {inside})"
    return f"SELECT s.{LINE} FROM {merge.stage} s WHERE {filled} AND {absent} ORDER BY s.{LINE}"
