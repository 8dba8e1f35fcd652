"""Rows into SQLite: staged by its own driver's thread, then merged; bad rows are found in the same transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..messages import say
from ..output.copy_text import NULL, unescaped
from .bisection import TooManyError, each_part, each_suspect
from .foreign_keys import CODE, missing_references
from .given import make_functions
from .loaded import Loaded, Merged
from .lookups import translate, translated_keys
from .merge import ALL, LINE, Merge
from .refusals import Refusal, Refusals, of_repeated_key, of_sqlite
from .replacing import incomplete, prepare_replace, replaced, replaces_all
from .sample import sampled
from .savepoints import savepoint
from .sqlite_dangling import DANGLING, Dangling, LeftWithoutParentError
from .sqlite_explain import explain
from .sqlite_fit import keeps_number, keeps_text
from .staging import CHECKED, KEPT, STAGE
from .suspects import SUSPECTS, Suspects
from .waiting import may_wait, written_later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.ext.asyncio import AsyncConnection

    from ..spec.dataset import Dataset
    from .loaded import Sample, Spooled
    from .target import Target

    Fault = Callable[[BaseException], bool]


async def load_rows(
    connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, at_fault: Fault
) -> Loaded:
    """Stage the rows in a temporary table and merge them into the target by key.

    Raises:
        RefusedLoadError, TargetMismatchError: nothing of the file may be loaded.

    """
    load = _Load(connection, dataset, spooled, target, at_fault)
    try:
        return await load.run()
    finally:
        await load.clear()


class _Load:
    """One load: its merge, and the refusals so far."""

    def __init__(
        self, connection: AsyncConnection, dataset: Dataset, spooled: Spooled, target: Target, at_fault: Fault
    ) -> None:
        self._connection, self._dataset, self._spooled, self._target = connection, dataset, spooled, target
        self._at_fault = at_fault
        self._refusals = Refusals(dataset, spooled)
        self._merge = Merge.of(dataset, spooled, target, f"temp.{STAGE}", "sqlite")
        self._suspects = Suspects(connection, self._merge, dataset)
        self._dangling = Dangling(connection, self._merge, dataset)
        self._sample: Sample | None = None

    async def run(self) -> Loaded:
        await make_functions(self._connection, self._dataset.load)
        await self._stage()
        if self._dataset.load.mode == "replace":
            await prepare_replace(self._connection, self._dataset, self._spooled, self._target)
        try:
            await self._refuse_known()
            if self._dataset.load.mode != "replace":
                merged, held_back = await self._write(), False
            else:
                merged, held_back = await self._replace()
        except TooManyError:
            return self._refusals.loaded(Merged(), too_many=True)
        self._refusals.add_conflicts(merged.conflicts)
        return replace(self._refusals.loaded(merged), held_back=held_back, sample=self._sample)

    async def clear(self) -> None:
        """Leave the session to the next load without temporary tables; they go with a connection that was given up.

        As one is whose statement was cancelled: an error from here would take the place of the cancellation.
        """
        if self._connection.invalidated:
            return
        for name in (STAGE, CHECKED, KEPT, SUSPECTS, DANGLING):
            await self._run(f"DROP TABLE IF EXISTS temp.{name}")

    # -- staging -------------------------------------------------------------------------------------------

    async def _stage(self) -> None:
        names = [self._merge.staged.get(name, name) for name in self._spooled.columns]
        columns = ", ".join((*names, *self._merge.found.values()))
        await self._run(f"CREATE TEMPORARY TABLE {STAGE} ({LINE} INTEGER PRIMARY KEY, {columns})")
        kinds = {field.name: field.type.kind for field in self._dataset.fields}
        convert = [_from_copy(kinds.get(name, "integer")) for name in self._spooled.columns]
        await self._fill(STAGE, names, _rows(self._spooled.accepted, convert))

    async def _stage_kept_keys(self) -> str | None:
        source = self._spooled.kept_keys if self._spooled.report.rows.rejected else None
        if source is None:
            return None
        names = [self._merge.staged[name] for name in self._merge.key]
        kinds = {field.name: field.type.kind for field in self._dataset.fields}
        await self._run(f"CREATE TEMPORARY TABLE {KEPT} ({', '.join((*names, *self._merge.found.values()))})")
        await self._fill(KEPT, names, _rows(source, [_from_copy(kinds[name]) for name in self._merge.key]))
        return await translated_keys(self._connection, self._merge, f"temp.{KEPT}")

    async def _fill(self, table: str, names: list[str], rows: Iterator[list[object]]) -> None:
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        marks = ", ".join("?" for _ in names)
        # The generator is consumed in the driver's own thread: the event loop never sees a row.
        cursor = await driver.executemany(f"INSERT INTO temp.{table} ({', '.join(names)}) VALUES ({marks})", rows)
        await cursor.close()

    # -- what can be known of many rows at once --------------------------------------------------------------

    async def _refuse_known(self) -> None:
        await self._refuse_changed()
        await translate(self._connection, self._merge, self._merge.stage)
        for statement, refusal in missing_references(self._merge, self._dataset):
            await self._refuse_all(await self._lines(statement), refusal)
        loose = any(self._target.facts.columns[name].loose for name in self._merge.key)
        if loose or self._merge.found.keys() & set(self._merge.key):
            await self._refuse_all(await self._repeated_keys(), of_repeated_key(self._merge.key))
        await self._suspects.begin()
        await self._refuse_parentless()

    async def _refuse_parentless(self) -> None:
        """Refuse rows without a parent, and those whose parents go with them; suspect them if a trigger may help."""
        spared = None
        for orphans in self._suspects.orphans:
            while lines := await self._lines(orphans.statement):
                if spared is None:
                    spared = await self._fires_triggers()
                if spared:
                    await self._suspects.add(orphans)
                    break
                await self._refuse_all(lines, orphans.refusal)
                if not orphans.key.own:
                    break
        if spared:
            await self._suspects.add_children()

    async def _fires_triggers(self) -> bool:
        """Say whether something of the application runs as rows are written."""
        stage = f"{self._merge.stage} s"
        writes = [self._merge.insert(stage)]
        if self._merge.writes_over(self._dataset):
            writes.append(self._merge.update(stage))
        # Triggers are programs within the program of a statement: https://sqlite.org/opcode.html#Program
        plans = [await explain(self._connection, write) for write in writes]
        return any(step.opcode == "Program" for plan in plans for step in plan)

    async def _repeated_keys(self) -> list[int]:
        """Return the lines of rows that are of one key by the collations of the table's columns."""
        kept = ", ".join(f"t.{self._merge.names[name]} AS k{number}" for number, name in enumerate(self._merge.key))
        keys = ", ".join(map(self._merge.value, self._merge.key))
        # A column of a compound SELECT has the collation of its first part, which has no rows.
        names = ", ".join(f"k{number}" for number, _ in enumerate(self._merge.key))
        return await self._lines(
            f"SELECT {LINE} FROM (SELECT {LINE}, count(*) OVER (PARTITION BY {names}) AS times FROM "
            f"(SELECT 0 AS {LINE}, {kept} FROM {self._target.quoted} t WHERE false "
            f"UNION ALL SELECT {LINE}, {keys} FROM {self._merge.stage} s)) WHERE times > 1 ORDER BY {LINE}"
        )

    async def _refuse_changed(self) -> None:
        """Refuse rows of which a column would keep something else: seen in a table of the same declared types."""
        doubtful = [name for name in self._spooled.fields if self._target.fits[name].exact is not None]
        if not doubtful:
            return
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        await driver.create_function("headgate_keeps_text", 2, keeps_text, deterministic=True)
        await driver.create_function("headgate_keeps_number", 2, keeps_number, deterministic=True)
        staged = [self._merge.staged[name] for name in doubtful]
        declared = [f"{self._merge.staged[name]} {self._target.facts.columns[name].cast}" for name in doubtful]
        await self._run(f"CREATE TEMPORARY TABLE {CHECKED} ({LINE} INTEGER PRIMARY KEY, {', '.join(declared)})")
        columns = ", ".join((LINE, *staged))
        await self._run(f"INSERT INTO temp.{CHECKED} ({columns}) SELECT {columns} FROM {self._merge.stage}")
        for name, column in zip(doubtful, staged, strict=True):
            keeps = str(self._target.fits[name].exact).format(f"s.{column}", f"c.{column}")
            facts = self._target.facts.columns[name]
            refusal = Refusal(
                code="row.db_precision",
                message=say(
                    "column {name} is {declared}, which cannot hold this value without loss",
                    name=name,
                    declared=facts.declared,
                ),
                fields=(name,),
            )
            lines = await self._lines(
                f"SELECT s.{LINE} FROM {self._merge.stage} s JOIN temp.{CHECKED} c ON c.{LINE} = s.{LINE} "
                f"WHERE NOT {keeps} ORDER BY s.{LINE}"
            )
            await self._refuse_all(lines, refusal)

    async def _lines(self, statement: str) -> list[int]:
        return [int(line) for line in (await self._connection.exec_driver_sql(statement)).scalars()]

    async def _refuse_all(self, lines: list[int], refusal: Refusal) -> None:
        for number, line in enumerate(lines, 1):
            values = await self._values(line, refusal.fields)
            self._refusals.refuse_within_tolerance(line, refusal, values, alike=len(lines) - number)
        for line in lines:
            await self._run(f"DELETE FROM {self._merge.stage} WHERE {LINE} = {line}")

    # -- writing -----------------------------------------------------------------------------------------------

    async def _write(self) -> Merged:
        merged, self._sample = await sampled(self._connection, self._merge, self._spooled, self._write_all)
        return merged

    async def _write_all(self) -> Merged:
        """Write the rows; those that are left without a parent are refused, and the others written anew."""
        if not self._dangling:
            return await self._write_parts()
        await self._dangling.begin()
        before = self._refusals.lines
        while True:
            async with savepoint(self._connection) as begun:
                merged = await self._write_parts()
                found = await self._dangling.first(refused=set(self._refusals.lines))
                if found is None:
                    return merged
                await begun.rollback()
            for line in set(self._refusals.lines).difference(before):
                self._refusals.forgive(line)
            await self._refuse_all(*found)
            # The rows that refer to these go with them: they need not be written once more to be found.
            await self._refuse_parentless()
            before = self._refusals.lines

    async def _write_parts(self) -> Merged:
        """Write all rows but the suspects, and then those."""
        suspects = await self._suspects.count()
        others = self._suspects.others if suspects else ALL

        async def write(start: int, stop: int) -> Merged:
            whole = (start, stop) == (1, self._spooled.rows)
            lines = others if whole else f"s.{LINE} BETWEEN {start} AND {stop} AND {others}"
            return await self._merge_lines(lines)

        done = await each_part(
            self._connection, 1, self._spooled.rows, write, at_fault=self._at_fault, refuse=self._refuse_written
        )
        if suspects:
            done += await each_suspect(
                self._connection,
                suspects,
                self._merge_suspects,
                at_fault=self._at_fault_of_written,
                refuse=self._refuse_suspect,
            )
        done += await written_later(
            self._connection, self._refusals, self._merge_again, at_fault=self._at_fault_of_written
        )
        return sum(done, Merged())

    def _at_fault_of_written(self, error: BaseException) -> bool:
        return isinstance(error, LeftWithoutParentError) or self._at_fault(error)

    async def _merge_suspects(self, start: int, stop: int) -> Merged:
        return await self._merge_with_parents(self._suspects.between(start, stop))

    async def _merge_again(self, line: int) -> Merged:
        return await self._merge_with_parents(f"s.{LINE} = {line}")

    async def _merge_with_parents(self, lines: str) -> Merged:
        merged = await self._merge_lines(lines)
        if await self._dangling.first(lines) is not None:
            raise LeftWithoutParentError
        return merged

    async def _replace(self) -> tuple[Merged, bool]:
        """Delete what the file does not have, then write; with refused rows nothing is deleted by key."""
        kept = await self._stage_kept_keys()
        known = len(self._refusals)
        if replaces_all(self._dataset) and known:
            raise incomplete(self._dataset, self._spooled.report.rows.rejected + known)
        if known:
            return await self._write(), True
        async with savepoint(self._connection) as begun:
            merged, deleted = await replaced(
                self._connection, self._dataset, self._spooled, self._merge, kept, self._write
            )
            if not len(self._refusals):
                return merged, not deleted
            if replaces_all(self._dataset):
                raise incomplete(self._dataset, self._spooled.report.rows.rejected + len(self._refusals))
            await begun.rollback()
        self._refusals = Refusals(self._dataset, self._spooled)
        return await self._write(), True

    async def _merge_lines(self, lines: str) -> Merged:
        merge = self._merge
        total = await self._count(f"SELECT 1 FROM {merge.stage} s WHERE {lines}")
        if not merge.key:
            inserted = await self._run(merge.insert(f"{merge.stage} s WHERE {lines} ORDER BY s.{LINE}"))
            return Merged(inserted=inserted, skipped=total - inserted)
        matching = await self._count(merge.matching("1", lines))
        differing = f"{lines} AND {merge.differs}"
        changed, written, conflicts = 0, 0, []
        if self._dataset.load.mode == "insert":
            conflicts = await self._lines(f"{merge.matching(f's.{LINE}', differing)} ORDER BY s.{LINE}")
        elif merge.updates:
            changed = await self._count(merge.matching("1", differing))
            written = await self._run(merge.update(f"{merge.stage} s", differing)) if changed else 0
        inserted = await self._run(f"{merge.insert(f'({merge.missing(lines)}) s')} ORDER BY {merge.order}")
        return Merged(
            inserted=inserted,
            updated=written,
            unchanged=matching - changed - len(conflicts),
            skipped=changed - written + total - matching - inserted,
            conflicts=tuple(conflicts),
        )

    async def _refuse_written(self, line: int, error: BaseException) -> None:
        refusal = of_sqlite(error, self._merge.staged)
        waits = await may_wait(self._connection, self._dataset, self._merge, line, refusal, self._refusals)
        if waits is None:
            await self._refuse(line, refusal)
        else:
            self._refusals.refuse_for_now(line, waits, await self._values(line, waits.fields))

    async def _refuse_suspect(self, place: int, error: BaseException) -> None:
        line, orphans = await self._suspects.at(place)
        refusal = of_sqlite(error)
        left = refusal.code == CODE or isinstance(error, LeftWithoutParentError)
        await self._refuse(line, orphans.refusal if left else refusal)

    async def _refuse(self, line: int, refusal: Refusal) -> None:
        self._refusals.refuse_within_tolerance(line, refusal, await self._values(line, refusal.fields))

    async def _values(self, line: int, fields: tuple[str, ...]) -> dict[str, str | None]:
        names = [name for name in fields if name in self._merge.staged]
        if not names:
            return {}
        columns = ", ".join(self._merge.staged[name] for name in names)
        row = await self._connection.exec_driver_sql(f"SELECT {columns} FROM {self._merge.stage} WHERE {LINE} = {line}")
        found = row.one_or_none() or [None] * len(names)
        return {name: None if value is None else str(value) for name, value in zip(names, found, strict=True)}

    async def _count(self, statement: str) -> int:
        found = await self._connection.exec_driver_sql(f"SELECT count(*) FROM ({statement})")
        return int(found.scalar_one())

    async def _run(self, statement: str) -> int:
        """Run a statement and return how many rows it wrote itself; what its triggers wrote is not among them."""
        return (await self._connection.exec_driver_sql(statement)).rowcount


# -- COPY text as SQLite stores it -----------------------------------------------------------------------


def _rows(source: Path, convert: list[Callable[[str], object] | None]) -> Iterator[list[object]]:
    r"""Yield the rows of a COPY text file as SQLite stores them: `\N` is null, booleans are 0 and 1."""
    with source.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            values: list[object] = list(line.rstrip("\n").split("\t"))
            for index, function in enumerate(convert):
                text = values[index]
                if text == NULL:
                    values[index] = None
                elif function is not None:
                    values[index] = function(str(text))
                elif "\\" in str(text):
                    values[index] = unescaped(str(text))
            yield values


def _from_copy(kind: str) -> Callable[[str], object] | None:
    converters: dict[str, Callable[[str], object]] = {
        "integer": int,
        "number": float,
        "boolean": lambda text: text == "t",
    }
    return converters.get(kind)
