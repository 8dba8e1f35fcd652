"""Rows whose parents are missing, found for all at once by an anti-join: builds the statements, runs none.

Parents of two kinds: of the table's own foreign keys, and of fields that refer to another table in the dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..messages import say
from .comparison import equal
from .facts import quoted
from .given import literal
from .merge import LINE
from .refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset
    from .facts import ForeignKey
    from .merge import Merge
    from .references import Parent

CODE: Final = "row.db_foreign_key"
ON_INSERT: Final = 4
ON_UPDATE: Final = 16
"""The bits of `pg_trigger.tgtype` that say at what a trigger fires (trigger.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphans:
    """The rows without a parent by one foreign key that the file fills by the fields `names`.

    `statement` finds their lines, `refusal` says why they are refused.
    """

    key: ForeignKey
    names: tuple[str, ...]
    statement: str
    refusal: Refusal


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
        column = merge.target.read_as(name)
        same = equal(parent.sought, f"p.{quoted(parent.sought.name)}", raw, column)
        absent = f"NOT EXISTS (SELECT 1 FROM {parent.quoted} p WHERE {same})"
        if own and parent.sought.name in merge.staged:
            # A parent may come with the same file.
            same = equal(parent.sought, merge.value(parent.sought.name, "o"), raw, column)
            absent += f" AND NOT EXISTS (SELECT 1 FROM {merge.stage} o WHERE {same})"
    return f"SELECT s.{LINE} FROM {merge.stage} s WHERE {raw} IS NOT NULL AND {absent} ORDER BY s.{LINE}"


def missing_parents(merge: Merge, dataset: Dataset) -> Iterator[Orphans]:
    """Yield for each foreign key that the file fills how the rows without a parent are found.

    The statement sees what stands in the file and in the other table before anything is written, and as far as this
    role sees it: the constraint itself may find a parent that it misses; see `may_spare`.
    """
    fields = {merge.names[field.name]: field.name for field in dataset.fields if field.name in merge.staged}
    for key in merge.target.facts.foreign_keys:
        if all(column in fields for column in key.columns):
            names = tuple(fields[column] for column in key.columns)
            absent = _absent(merge, key, names)
            if (inside := _inside(merge, key, names)) is not None:
                # A parent may come with the same file.
                absent += f" AND NOT EXISTS (SELECT 1 FROM {merge.stage} o WHERE {inside})"
            yield Orphans(key=key, names=names, statement=_lines(merge, absent), refusal=_refusal(key, names))


def children(merge: Merge, orphans: Orphans, suspects: str, after: int) -> str | None:
    """Return the statement that finds the lines whose parents come with the file, in lines of the table `suspects`.

    Only of its rows behind the place `after`; None if no parent can come with the file.
    """
    inside = _inside(merge, orphans.key, orphans.names)
    if inside is None:
        return None
    doubtful = f"SELECT 1 FROM {suspects} x JOIN {merge.stage} o ON o.{LINE} = x.{LINE}"
    return _lines(
        merge,
        f"{_absent(merge, orphans.key, orphans.names)} AND EXISTS ({doubtful} WHERE x.place > {after} AND {inside})",
    )


def _refusal(key: ForeignKey, names: tuple[str, ...]) -> Refusal:
    message = say(
        "{table} has no row whose {column} is this {name} ({key})",
        table=key.other,
        column=", ".join(key.other_columns),
        name=", ".join(names),
        key=key.name,
    )
    return Refusal(code=CODE, message=message, fields=names)


def may_spare(merge: Merge, dataset: Dataset, key: ForeignKey) -> str:
    """Return the question whether PostgreSQL may take rows for which no parent is seen.

    It may if row security hides parents from this role, if a trigger or a rule of the table gives rows another parent
    or makes it for them, or if the constraint is not looked at.
    """
    table, other = (f"{literal(name, 'postgresql')}::regclass" for name in (merge.target.quoted, key.other))
    events = ON_INSERT | ON_UPDATE if merge.writes_over(dataset) else ON_INSERT
    triggers = (
        f"SELECT FROM pg_trigger g WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' AND g.tgtype & {events} > 0 "
        f"AND (g.tgrelid = {table} OR g.tgrelid IN (SELECT relid FROM pg_partition_tree({table})))"
    )
    switched_off = (
        "SELECT FROM pg_constraint k JOIN pg_trigger g ON g.tgconstraint = k.oid "
        f"WHERE k.conrelid = {table} AND k.conname = {literal(key.name, 'postgresql')} AND g.tgenabled IN ('D', 'R')"
    )
    rules = f"SELECT FROM pg_rewrite r WHERE r.ev_class = {table} AND r.ev_type IN ('2', '3')"
    return (
        f"SELECT row_security_active({other}) OR current_setting('session_replication_role') = 'replica' "
        f"OR EXISTS ({triggers}) OR EXISTS ({switched_off}) OR EXISTS ({rules})"
    )


def left_without_parents(merge: Merge, dataset: Dataset) -> Iterator[tuple[str, str, Refusal]]:
    """Yield for each foreign key that waits for the COMMIT what finds rows without a parent once they are written.

    The statement, SQLite's, finds line and value of such rows and ends in conditions. A further one, beside it, holds
    before the load for rows that may stay without: SQLite minds each that is written anew, with the same value too.
    Without a key nobody can tell which rows of the table they are: what stands in the file is looked at.
    """
    fields = {merge.names[field.name]: field.name for field in dataset.fields if field.name in merge.staged}
    for key in merge.target.facts.foreign_keys:
        names = tuple(fields.get(column, column) for column in key.columns)
        if not key.deferred or not (merge.key or all(column in fields for column in key.columns)):
            continue
        assigned = {merge.names[name] for name in (*merge.written, *merge.target.set)}
        stays = "true"
        if merge.writes_over(dataset) and assigned.intersection(key.columns):
            stays = f"NOT {merge.differs}"
        if merge.key:
            rows = f"{merge.stage} s JOIN {merge.rows_with(merge.names)} ON {merge.same_key}"
            value = " || ' ' || ".join(f"quote(t.{column})" for column in key.columns)
            filled = " AND ".join(f"t.{column} IS NOT NULL" for column in key.columns)
            pairs = zip(key.other_columns, key.columns, strict=True)
            same = " AND ".join(f"p.{theirs} = t.{mine}" for theirs, mine in pairs)
            absent = f"{filled} AND NOT EXISTS (SELECT 1 FROM {key.other} p WHERE {same})"
        else:
            rows, value, absent = f"{merge.stage} s", "''", _absent(merge, key, names)
        statement = f"SELECT s.{LINE} AS line, {value} AS value FROM {rows} WHERE {absent}"
        yield statement, stays, _refusal(key, names)


def _lines(merge: Merge, condition: str) -> str:
    return f"SELECT s.{LINE} FROM {merge.stage} s WHERE {condition} ORDER BY s.{LINE}"


def _absent(merge: Merge, key: ForeignKey, names: tuple[str, ...]) -> str:
    """Return the condition that the other table has no parent of a staged row that refers to one."""
    pairs = zip(key.other_columns, names, strict=True)
    filled = " AND ".join(f"{merge.value(name)} IS NOT NULL" for name in names)
    same = " AND ".join(merge.equal(mine, f"p.{theirs}", merge.value(mine)) for theirs, mine in pairs)
    return f"{filled} AND NOT EXISTS (SELECT 1 FROM {key.other} p WHERE {same})"


def _inside(merge: Merge, key: ForeignKey, names: tuple[str, ...]) -> str | None:
    """Return the condition that a staged row `o` is the parent of another, `s`; None if the file has no parents."""
    own = {merge.names[name]: name for name in merge.staged}
    if not (key.own and all(theirs in own for theirs in key.other_columns)):
        return None
    pairs = zip(key.other_columns, names, strict=True)
    return " AND ".join(merge.equal(mine, merge.value(own[theirs], "o"), merge.value(mine)) for theirs, mine in pairs)
