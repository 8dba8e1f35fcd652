"""Rows into PostgreSQL: straight into the table, or staged and merged; row by row is in `row_by_row`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..spec.field import bound_value
from .catalogue import COUNTS
from .facts import quoted
from .fit import text_length
from .foreign_keys import missing_references
from .given import make_functions
from .late_key import key_built_last
from .loaded import Loaded, Merged, OtherWayError, Way
from .lookups import translate, translated_keys
from .merge import ALL, LINE, Merge
from .refusals import Refusals
from .replacing import delete_all, delete_others, prepare_replace, refuse_cascades, replaces_all, scope
from .sample import sampled
from .staging import copy, stage, stage_kept_keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .loaded import Spooled
    from .target import Target

NOT_THIS_WAY: Final = frozenset({"0A000", "42809"})
"""What COPY into the table itself may fail of while INSERT works, as SQLSTATE: what a foreign table or a view cannot
do (https://www.postgresql.org/docs/current/errcodes-appendix.html).
"""

_ORDERED_ALIKE: Final = {
    "integer": frozenset({"int2", "int4", "int8", "numeric"}),
    "string": frozenset({"text", "varchar", "bpchar"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"timestamp", "timestamptz"}),
}
"""Columns whose order is that of the fields of a kind: a range of keys can be looked for there."""

_NUMBERS: Final = frozenset({"int2", "int4", "int8", "numeric"})
"""Columns whose values are those of their sequence; a default may make a text of one as well."""

_SEQUENCES: Final = f"""
SELECT s.seqrelid::int8 AS oid, s.seqincrement > 0 AS rises, s.seqmin AS lowest, s.seqmax AS highest,
    has_sequence_privilege(s.seqrelid, 'SELECT') AS readable, s.seqrelid::regclass::text AS name
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
WHERE s.seqrelid IN (
        SELECT d.objid FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND a.attrelid = to_regclass($1) AND a.attname = $2
        UNION ALL
        SELECT d.refobjid FROM pg_attrdef f JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
        JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
        WHERE d.refclassid = 'pg_class'::regclass AND f.adrelid = to_regclass($1) AND a.attname = $2
            AND pg_get_expr(f.adbin, f.adrelid) ~ '{COUNTS}')
    AND has_sequence_privilege(s.seqrelid, 'UPDATE')
    AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
    AND has_schema_privilege(c.relnamespace, 'USAGE')
"""
"""The sequences that a column owns, or that its default counts by, which the role may move (UPDATE), and of which it is
told by SELECT or by USAGE where they are now (https://www.postgresql.org/docs/current/functions-sequence.html).
"""


async def load_rows(
    connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, way: Way
) -> Loaded:
    """Load by the given way, STRAIGHT, STRAIGHT_BY_KEY or STAGED; it goes on as STAGED where keys may be there.

    Raises:
        OtherWayError: it cannot be done so; the transaction has to be begun anew.

    """
    await make_functions(connection, dataset.load)
    if dataset.load.mode == "replace":
        await prepare_replace(connection, dataset, spooled, target)
    if way is not Way.STAGED and goes_straight(dataset, target):
        if dataset.load.mode == "replace" and replaces_all(dataset):
            await delete_all(connection, dataset, target)
            return await _copy_straight(connection, spooled, target, way)
        if not await may_hold(connection, dataset, target, spooled):
            if dataset.load.mode == "replace":
                if spooled.report.rows.rejected:
                    return await _stage_and_merge(connection, dataset, spooled, target)
                await refuse_cascades(connection, dataset, target, scope(dataset))
                await delete_all(connection, dataset, target)
            return await _copy_straight(connection, spooled, target, way)
    return await _stage_and_merge(connection, dataset, spooled, target)


def goes_straight(dataset: Dataset, target: Target) -> bool:
    """Say whether rows may be copied into the table itself: nothing has to be added to them, or asked of them."""
    facts = target.facts
    exact = any(fit.exact is not None for fit in target.fits.values())
    views = facts.kind == "view" and not facts.triggers
    return not (
        dataset.load.given or target.empty or exact or target.parents or facts.rules or facts.row_security or views
    )


async def _copy_straight(connection: AsyncConnection, spooled: Spooled, target: Target, way: Way) -> Loaded:
    """Copy the rows into the table itself, which saves a quarter of the time."""
    facts = target.facts
    try:
        async with key_built_last(connection, target, way):
            copied = await copy(connection, spooled.accepted, facts.name, spooled.columns, facts.schema)
    except Exception as error:
        # By its code: the driver is not imported here, for this module comes with every load, into SQLite too.
        if getattr(error, "sqlstate", None) not in NOT_THIS_WAY:
            raise
        # Without a savepoint, which would cost every load: this is rare.
        raise OtherWayError(Way.STAGED) from error
    await move_sequences(connection, spooled, target)
    return Loaded(inserted=copied, skipped=spooled.rows - copied)


async def may_hold(connection: AsyncConnection, dataset: Dataset, target: Target, spooled: Spooled) -> bool:
    """Say whether the table may have rows of the same keys, so that the rows themselves have to be staged.

    It may if it has a key from the range, or any row if there is no range; one that was made just now has none.
    """
    if not dataset.primary_key or target.made:
        return False
    found = spooled.report.key_range
    [field] = [field for field in dataset.fields if field.name == dataset.primary_key[0]]
    column = target.facts.columns[field.name]
    if found is None or column.base not in _ORDERED_ALIKE.get(field.type.kind, ()):
        return bool((await connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {target.quoted})")).scalar_one())
    key = quoted(field.name)
    # The order makes sure that the key's index is used: a sequential scan would look at the whole table.
    # The type stands there because the driver keeps a statement by its text, with what it was once given.
    row = await connection.exec_driver_sql(
        f"SELECT EXISTS (SELECT FROM (SELECT {key} AS key FROM {target.quoted} WHERE {key} >= $1::{column.cast} "
        f"ORDER BY {key} LIMIT 1) AS next WHERE key <= $2::{column.cast})",
        tuple(bound_value(text, field.type) for text in found),
    )
    return bool(row.scalar_one())


async def _stage_and_merge(connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target) -> Loaded:
    """Copy the rows into a staging table, and from there into the table by key."""
    name = await stage(connection, spooled, target, dataset.primary_key)
    merge = Merge.of(dataset, spooled, target, name, "postgresql")
    await translate(connection, merge, name)
    if await _needs_a_look(connection, dataset, merge, spooled):
        raise OtherWayError(Way.ROW_BY_ROW)
    held_back = False
    if dataset.load.mode == "replace":
        source = spooled.kept_keys if spooled.report.rows.rejected else None
        kept = await stage_kept_keys(connection, source, spooled, target, merge.key)
        kept = await translated_keys(connection, merge, kept)
        held_back = not await delete_others(connection, dataset, spooled, merge, kept)
    merged, sample = await sampled(connection, merge, spooled, lambda: run_merge(connection, dataset, merge))
    await move_sequences(connection, spooled, target)
    if merged.barred and await _have_gone(connection, merge, merged.barred):
        raise OtherWayError(Way.ROW_BY_ROW)
    refusals = Refusals(dataset, spooled)
    if merged.conflicts or merged.barred:
        first = await first_line(connection, name)
        refusals.add_conflicts([line - first + 1 for line in merged.conflicts])
        refusals.add_barred([line - first + 1 for line in merged.barred])
    return replace(refusals.loaded(merged), held_back=held_back, sample=sample)


async def _have_gone(connection: AsyncConnection, merge: Merge, lines: Collection[int]) -> bool:
    """Say whether another transaction has deleted rows of these keys, which looks as if row security kept them."""
    there = merge.matching("count(*)", f"s.{LINE} = ANY ($1)")
    return bool((await connection.exec_driver_sql(there, (list(lines),))).scalar_one() < len(lines))


async def first_line(connection: AsyncConnection, name: str) -> int:
    """Return the number that the first row in a staging table has."""
    return int((await connection.exec_driver_sql(f"SELECT min({LINE}) FROM {name}")).scalar_one())


async def _needs_a_look(connection: AsyncConnection, dataset: Dataset, merge: Merge, spooled: Spooled) -> bool:
    """Say whether there are rows to be refused.

    A column would lose part of a value, a row refers to none of another table, or two rows are of one key by the
    database's own measure.
    """
    lossy = " OR ".join(f"NOT ({condition})" for condition in exactness(spooled, merge).values())
    if (
        lossy
        and (await connection.exec_driver_sql(f"SELECT EXISTS (SELECT FROM {merge.stage} s WHERE {lossy})")).scalar()
    ):
        return True
    for statement, _ in missing_references(merge, dataset):
        if (await connection.exec_driver_sql(f"SELECT EXISTS ({statement})")).scalar_one():
            return True
    if (doubtful := lines_of_one_key(dataset, merge)) is None:
        return False
    return bool((await connection.exec_driver_sql(f"SELECT EXISTS ({merge.repeated_keys(doubtful)})")).scalar_one())


def lines_of_one_key(dataset: Dataset, merge: Merge) -> str | None:
    """Return the condition of staged rows whose keys may differ in the file and be one in the table; None for no row.

    A column of a length has lost the blanks at the end that are beyond it, as SQL has it: of full texts only.
    """
    if any(is_loose(dataset, merge, name) for name in merge.key):
        return ALL
    lengths = {name: text_length(merge.target.facts.columns[name]) for name in merge.key if name not in merge.found}
    full = [f"length({merge.raw(name)}) = {length}" for name, length in lengths.items() if length is not None]
    return f"({' OR '.join(full)})" if full else None


def is_loose(dataset: Dataset, merge: Merge, name: str) -> bool:
    """Say whether keys that differ in the file may be equal in the table."""
    [field] = [field for field in dataset.fields if field.name == name]
    fit = merge.target.fits[name]
    return (
        name in merge.found
        or fit.exact is not None
        or (field.type.kind == "string" and merge.target.facts.columns[name].loose)
    )


def exactness(spooled: Spooled, merge: Merge) -> dict[str, str]:
    """Return the conditions that staged rows (`s`) must hold so that the table keeps all of their values."""
    return {
        name: f"s.{merge.staged[name]} IS NULL OR {fit.exact.format(f's.{merge.staged[name]}')}"
        for name in spooled.fields
        if (fit := merge.target.fits[name]).exact is not None
    }


async def run_merge(connection: AsyncConnection, dataset: Dataset, merge: Merge, lines: str = ALL) -> Merged:
    """Merge staged rows by one statement, and count what it did."""
    if not merge.key:
        total = (await connection.exec_driver_sql(f"SELECT count(*) FROM {merge.stage} s WHERE {lines}")).scalar_one()
        source = f"{merge.stage} s WHERE {lines} ORDER BY s.{LINE}"
        inserted = (await connection.exec_driver_sql(merge.insert(source))).rowcount
        return Merged(inserted=inserted, skipped=total - inserted)
    if dataset.load.mode == "insert":
        return await _merge_new(connection, merge, lines)
    key = merge.names[merge.key[0]]
    # One join for all rows, and a second one only for those that change: of most files that is a small part.
    known = f"touched s JOIN {merge.rows} ON {merge.same_key} WHERE NOT s.headgate_new"
    updated = f"{merge.update('changed s')} RETURNING s.{LINE}" if merge.updates else "SELECT * FROM changed"
    rows = _counted(merge)
    row = await connection.exec_driver_sql(
        f"WITH touched AS MATERIALIZED ({merge.touched(lines)}), "
        f"changed AS MATERIALIZED (SELECT s.* FROM {known} ORDER BY {merge.order} FOR NO KEY UPDATE OF t), "
        f"updated AS ({updated}), "
        f"fresh AS ({merge.insert('touched s WHERE s.headgate_new')} ORDER BY {merge.order} RETURNING {key}) "
        f"SELECT (SELECT count(*) FROM {merge.stage} s WHERE {lines}), (SELECT {rows} FROM touched), "
        f"(SELECT {rows} FROM updated), (SELECT count(*) FROM fresh), ({_barred(merge)})"
    )
    total, touched, written, inserted, barred = tuple(row.one())
    return Merged(
        inserted=inserted,
        updated=written,
        unchanged=total - touched,
        skipped=touched - written - inserted - len(barred or ()),
        barred=tuple(barred or ()),
    )


def _counted(merge: Merge) -> str:
    """Return what counts the rows of the file among those found by key: of one there are several with INHERITS."""
    return f"count(DISTINCT {LINE})" if merge.target.facts.inherited else "count(*)"


def _barred(merge: Merge) -> str:
    """Return the statement that finds the lines of rows that are there, and that row security leaves out of a lock.

    It does so without an error where no policy lets this role update what it may read.
    """
    if not merge.target.facts.row_security:
        return "NULL"
    left_out = f"NOT headgate_new AND {LINE} NOT IN (SELECT {LINE} FROM changed)"
    return f"SELECT array_agg({LINE} ORDER BY {LINE}) FROM touched WHERE {left_out}"


async def _merge_new(connection: AsyncConnection, merge: Merge, lines: str) -> Merged:
    """Insert the rows whose keys are not there; those of known keys are unchanged, or conflicts."""
    key = merge.names[merge.key[0]]
    row = await connection.exec_driver_sql(
        f"WITH conflicts AS MATERIALIZED ({merge.matching(f'DISTINCT s.{LINE}', f'{lines} AND {merge.differs}')}), "
        f"missing AS MATERIALIZED ({merge.missing(lines)}), "
        f"fresh AS ({merge.insert('missing s')} ORDER BY {merge.order} RETURNING {key}) "
        f"SELECT (SELECT count(*) FROM {merge.stage} s WHERE {lines}), (SELECT count(*) FROM missing), "
        f"(SELECT count(*) FROM fresh), (SELECT array_agg({LINE} ORDER BY {LINE}) FROM conflicts)"
    )
    total, missing, inserted, conflicts = tuple(row.one())
    return Merged(
        inserted=inserted,
        unchanged=total - missing - len(conflicts or ()),
        skipped=missing - inserted,
        conflicts=tuple(conflicts or ()),
    )


async def move_sequences(connection: AsyncConnection, spooled: Spooled, target: Target) -> None:
    """Move the sequences of filled columns behind what the table has, so that the application's next rows are free."""
    for name in spooled.fields:
        column = target.facts.columns[name]
        if column.has_sequence and column.base in _NUMBERS:
            await _move(connection, target, name)


async def _move(connection: AsyncConnection, target: Target, name: str) -> None:
    # By the names that they have now: they may have others than when the table was verified.
    for found in (await connection.exec_driver_sql(_SEQUENCES, (target.quoted, name))).all():
        await _move_one(connection, target, name, found)


async def _move_one(connection: AsyncConnection, target: Target, name: str, found: Row[Any]) -> None:
    column = quoted(name)
    last, after = ("max", ">") if found.rises else ("min", "<")
    if found.readable:
        # The first value of all comes next, as long as nobody has asked for it.
        place = f"SELECT last_value AS reached, is_called AS taken FROM {found.name}"
    else:
        # Of a sequence that was never asked, only its next value tells where it begins.
        place = f"SELECT coalesce(pg_sequence_last_value({found.oid}), nextval({found.oid})) AS reached, true AS taken"
    await connection.exec_driver_sql(
        f"SELECT setval({found.oid}, top::int8) FROM (SELECT {last}({column}) AS top FROM {target.quoted} "
        f"WHERE {column} BETWEEN '{found.lowest}'::int8 AND '{found.highest}'::int8) AS filled, ({place}) AS place "
        f"WHERE top {after} reached OR (top = reached AND NOT taken)"
    )
