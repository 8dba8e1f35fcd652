"""Rows into PostgreSQL where it refuses some: finds each bad row, loads the others; rare, so thorough before fast."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from ..messages import say
from .bisection import TooManyError, each_part, each_suspect
from .foreign_keys import CODE, may_spare, missing_references
from .given import make_functions
from .loaded import Loaded, Merged, TargetMismatchError
from .lookups import translate, translated_keys
from .merge import ALL, LINE, Merge
from .postgresql import exactness, lines_of_one_key, move_sequences, run_merge
from .refusals import (
    INSUFFICIENT_PRIVILEGE,
    Refusal,
    Refusals,
    driver_error,
    is_policy,
    may_be_of_a_text,
    of_postgresql,
    of_repeated_key,
)
from .replacing import incomplete, prepare_replace, replaced, replaces_all
from .sample import sampled
from .staging import CHECKED, TEXTS, make_texts, stage_kept_keys, typed_columns
from .suspects import Suspects
from .target import without_a_value
from .texts import Texts
from .waiting import may_wait, written_later

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .foreign_keys import Orphans
    from .loaded import Sample, Spooled
    from .target import Target

    Fault = Callable[[BaseException], bool]

T = TypeVar("T")

NOT_LOOKED_AT: Final = frozenset({INSUFFICIENT_PRIVILEGE, "42883"})
"""SQLSTATEs by which parents cannot be looked for: no right to read them, no operator that this role can name."""


async def load_rows(
    connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, at_fault: Fault
) -> Loaded:
    """Load what the database takes of the rows, and name those that it does not.

    `at_fault` says of an error whether the rows are to blame for it.

    Raises:
        RefusedLoadError, TargetMismatchError: nothing of the file may be loaded.

    """
    return await _RowByRow(connection, dataset, spooled, target, at_fault).load()


class _RowByRow:
    """One such load: the refusals so far, and the staging tables of texts and of values."""

    def __init__(
        self, connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, at_fault: Fault
    ) -> None:
        self._connection, self._dataset, self._spooled, self._target = connection, dataset, spooled, target
        self._fault = at_fault
        self._refusals = Refusals(dataset, spooled)
        self._merge = Merge.of(dataset, spooled, target, CHECKED, "postgresql")
        self._suspects = Suspects(connection, self._merge, dataset)
        self._unstaged: dict[int, tuple[Refusal, Mapping[str, str]]] = {}
        self._sample: Sample | None = None

    async def load(self) -> Loaded:
        # What triggers were planned for before their table changed is why some loads come here.
        await self._run("DISCARD PLANS")
        await make_functions(self._connection, self._dataset.load)
        if self._dataset.load.mode == "replace":
            await prepare_replace(self._connection, self._dataset, self._spooled, self._target)
        await self._run("SET CONSTRAINTS ALL IMMEDIATE")
        await make_texts(self._connection, self._spooled, self._target)
        try:
            await self._copy_texts()
            await self._convert()
            await self._refuse_known()
            if self._dataset.load.mode != "replace":
                merged, held_back = await self._write(), False
            else:
                merged, held_back = await self._replace()
        except TooManyError as error:
            if lacked := self._refusals.lacked():
                raise TargetMismatchError(without_a_value(self._dataset, lacked)) from error
            return self._refusals.loaded(Merged(), too_many=True)
        await move_sequences(self._connection, self._spooled, self._target)
        self._refusals.add_conflicts(merged.conflicts)
        self._refusals.add_barred(merged.barred)
        return replace(self._refusals.loaded(merged), held_back=held_back, sample=self._sample)

    # -- what the encoding does not have --------------------------------------------------------------------

    async def _copy_texts(self) -> None:
        """Stage the rows, but for those with letters that the database's encoding lacks."""
        texts = Texts(self._connection, self._spooled, self._target)

        async def refuse(line: int, _: BaseException) -> None:
            self._unstaged[line] = await texts.lacking(line, self._at_fault)
            self._refusals.refuse_within_tolerance(line, *self._unstaged[line])

        await self._parts(texts.copy, refuse, self._at_fault)

    # -- what the columns do not take --------------------------------------------------------------------

    async def _convert(self) -> None:
        """Turn the texts into values of the columns' types."""
        columns = list(typed_columns(self._spooled, self._target))
        casts = {name: f"t.{name}::{self._cast(name)}" for name in columns}
        into = f"INSERT INTO {CHECKED} ({LINE}, {', '.join(columns)}) SELECT t.{LINE}, {', '.join(casts.values())}"

        async def write(start: int, stop: int) -> None:
            await self._run(f"{into} FROM {TEXTS} t WHERE t.{LINE} BETWEEN {start} AND {stop}")

        async def refuse(line: int, error: BaseException) -> None:
            refusal = of_postgresql(error, self._target.facts)
            bad = await self._first_bad_column(line, casts)
            await self._refuse(line, replace(refusal, fields=(bad,) if bad else refusal.fields))

        await self._parts(write, refuse, self._at_fault_of_texts)

    def _cast(self, staged: str) -> str:
        """Return the type of a staged column without its length: with it, a cast would cut what is too long."""
        for name, own in self._merge.staged.items():
            if own == staged:
                exact = self._target.fits[name].exact or self._target.gives(name)
                return self._target.fits[name].stage if exact else self._target.facts.columns[name].cast
        return "bigint"

    async def _first_bad_column(self, line: int, casts: Mapping[str, str]) -> str | None:
        for name, staged in self._merge.staged.items():
            alone = await self._table_of(name, staged)
            cast = f"SELECT {casts[staged]} FROM {TEXTS} t WHERE t.{LINE} = {line}"
            try:
                async with self._connection.begin_nested() as savepoint:
                    await self._run(f"INSERT INTO {alone} {cast}")
                    await savepoint.rollback()
            except Exception as error:  # raised again unless the value is to blame
                if not self._at_fault_of_texts(error):
                    raise
                return name
        return None

    async def _table_of(self, name: str, staged: str) -> str:
        """Return a table of one staged column alone: the domains of others may demand a value."""
        table = f"{CHECKED}_{staged}"
        await self._run(
            f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({staged} {self._target.fits[name].stage}) ON COMMIT DROP"
        )
        return table

    # -- what can be known of many rows at once ----------------------------------------------------------

    async def _refuse_known(self) -> None:
        """Refuse rows that would be changed on their way, that repeat a key, or whose parents are missing."""
        for name, condition in exactness(self._spooled, self._merge).items():
            column = self._target.facts.columns[name]
            refusal = Refusal(
                code="row.db_precision",
                message=say(
                    "column {name} is {declared}, which cannot hold this value without loss",
                    name=name,
                    declared=column.declared,
                ),
                fields=(name,),
            )
            await self._refuse_all(f"SELECT s.{LINE} FROM {CHECKED} s WHERE NOT ({condition})", refusal)
        await translate(self._connection, self._merge, CHECKED)
        for statement, refusal in missing_references(self._merge, self._dataset):
            await self._refuse_all(statement, refusal)
        if (doubtful := lines_of_one_key(self._dataset, self._merge)) is not None:
            await self._refuse_all(self._merge.repeated_keys(doubtful), of_repeated_key(self._merge.key))
        await self._suspects.begin()
        for orphans in self._suspects.orphans:
            await self._refuse_parentless(orphans)

    async def _refuse_parentless(self, orphans: Orphans) -> None:
        """Refuse at once all rows without a parent; suspect them if the constraint itself may find one for them."""
        try:
            async with self._connection.begin_nested():
                lines = await self._lines(orphans.statement)
                spared = may_spare(self._merge, self._dataset, orphans.key)
                if lines and (await self._connection.exec_driver_sql(spared)).scalar_one():
                    await self._suspects.add(orphans)
                    await self._suspects.add_children()
                    return
        except Exception as error:
            if getattr(driver_error(error), "sqlstate", None) not in NOT_LOOKED_AT:
                raise
            # So it does without the right to read the other table, or to compare with it.
            return
        await self._refuse_lines(lines, orphans.refusal)

    async def _refuse_all(self, statement: str, refusal: Refusal) -> None:
        await self._refuse_lines(await self._lines(statement), refusal)

    async def _lines(self, statement: str) -> list[int]:
        return [int(line) for line in (await self._connection.exec_driver_sql(statement)).scalars()]

    async def _refuse_lines(self, lines: list[int], refusal: Refusal) -> None:
        for number, line in enumerate(lines, 1):
            values = await self._values(line, refusal.fields)
            self._refusals.refuse_within_tolerance(line, refusal, values, alike=len(lines) - number)
        if lines:
            await self._connection.exec_driver_sql(f"DELETE FROM {CHECKED} WHERE {LINE} = ANY ($1)", (lines,))

    # -- what only writing tells ---------------------------------------------------------------------------

    async def _write(self) -> Merged:
        merged, self._sample = await sampled(self._connection, self._merge, self._spooled, self._write_all)
        return merged

    async def _write_all(self) -> Merged:
        suspects = await self._suspects.count()
        others = self._suspects.others if suspects else ALL

        async def write(start: int, stop: int) -> Merged:
            whole = (start, stop) == (1, self._spooled.rows)
            return await self._merge_lines(others if whole else f"s.{LINE} BETWEEN {start} AND {stop} AND {others}")

        done = await self._parts(write, self._refuse_written, self._at_fault)
        if suspects:
            done += await each_suspect(
                self._connection, suspects, self._merge_suspects, at_fault=self._at_fault, refuse=self._refuse_suspect
            )
        done += await written_later(self._connection, self._refusals, self._merge_line, at_fault=self._at_fault)
        return sum(done, Merged())

    async def _merge_lines(self, lines: str) -> Merged:
        return await run_merge(self._connection, self._dataset, self._merge, lines)

    async def _merge_line(self, line: int) -> Merged:
        return await self._merge_lines(f"s.{LINE} = {line}")

    async def _merge_suspects(self, start: int, stop: int) -> Merged:
        return await self._merge_lines(self._suspects.between(start, stop))

    async def _refuse_written(self, line: int, error: BaseException) -> None:
        refusal = of_postgresql(error, self._target.facts)
        waits = await may_wait(self._connection, self._dataset, self._merge, line, refusal, self._refusals)
        if waits is None:
            await self._refuse(line, refusal)
        else:
            self._refusals.refuse_for_now(line, waits, await self._values(line, waits.fields))

    async def _refuse_suspect(self, place: int, error: BaseException) -> None:
        line, orphans = await self._suspects.at(place)
        refusal = of_postgresql(error, self._target.facts)
        # A trigger may break a foreign key of another table.
        own = getattr(driver_error(error), "constraint_name", None) == orphans.key.name
        await self._refuse(line, orphans.refusal if own and refusal.code == CODE else refusal)

    async def _replace(self) -> tuple[Merged, bool]:
        """Delete what the file does not have, then write; with refused rows nothing is deleted by key."""
        source = self._spooled.kept_keys if self._spooled.report.rows.rejected else None
        kept = await stage_kept_keys(self._connection, source, self._spooled, self._target, self._merge.key)
        kept = await translated_keys(self._connection, self._merge, kept)
        known = len(self._refusals)
        async with self._connection.begin_nested() as savepoint:
            if not known or replaces_all(self._dataset):
                merged, deleted = await replaced(
                    self._connection, self._dataset, self._spooled, self._merge, kept, self._write
                )
            else:
                merged, deleted = await self._write(), False
            if len(self._refusals) == known and not (known and replaces_all(self._dataset)):
                return merged, not deleted
            if replaces_all(self._dataset):
                raise incomplete(self._dataset, self._spooled.report.rows.rejected + len(self._refusals))
            await savepoint.rollback()
        self._refusals = Refusals(self._dataset, self._spooled)
        for line, why in self._unstaged.items():
            self._refusals.refuse(line, *why)
        await self._run(f"TRUNCATE {CHECKED}")
        await self._convert()
        await self._refuse_known()
        return await self._write(), True

    # -- both ----------------------------------------------------------------------------------------------

    async def _parts(
        self,
        write: Callable[[int, int], Awaitable[T]],
        refuse: Callable[[int, BaseException], Awaitable[None]],
        at_fault: Fault,
    ) -> list[T]:
        return await each_part(
            self._connection,
            1,
            self._spooled.rows,
            write,
            at_fault=at_fault,
            refuse=refuse,
        )

    def _at_fault(self, error: BaseException) -> bool:
        return self._fault(error) or is_policy(error)

    def _at_fault_of_texts(self, error: BaseException) -> bool:
        # Nothing is done here but to read them, by a statement that has been planned by then.
        # With a context it is a function's fault, such as that of a domain's check.
        own = not getattr(driver_error(error), "context", None)
        return self._at_fault(error) or (own and may_be_of_a_text(error))

    async def _refuse(self, line: int, refusal: Refusal) -> None:
        self._refusals.refuse_within_tolerance(line, refusal, await self._values(line, refusal.fields))

    async def _values(self, line: int, fields: tuple[str, ...]) -> dict[str, str | None]:
        names = [name for name in fields if name in self._merge.staged]
        if not names:
            return {}
        columns = ", ".join(self._merge.staged[name] for name in names)
        row = await self._connection.exec_driver_sql(f"SELECT {columns} FROM {TEXTS} WHERE {LINE} = {line}")
        return dict(zip(names, row.one(), strict=True))

    async def _run(self, statement: str) -> None:
        await self._connection.exec_driver_sql(statement)
