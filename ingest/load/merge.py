"""The statements that merge staged rows into a table by key: SQL for both databases, run by neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .comparison import differs, equal
from .facts import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..spec.dataset import Dataset
    from .loaded import Spooled
    from .target import Target

LINE: Final = "headgate_line"
"""The column of a staging table that numbers its rows as they stand in the file."""

CONFLICTS_NAMED: Final = 1000
"""How many refused rows of a load are named one by one."""

ALL: Final = "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """The names of one merge: a staged column beside each column of the table. All are quoted where they need it.

    `found` has the staged column of what another table gives for a field, beside that of the field itself. `kept` are
    columns whose empty cells leave alone what is there.
    """

    target: Target
    stage: str
    names: dict[str, str]
    staged: dict[str, str]
    found: dict[str, str]
    key: tuple[str, ...]
    written: tuple[str, ...]
    lineage: tuple[str, ...]
    kept: frozenset[str]
    where: str | None
    dialect: str
    always: bool

    @classmethod
    def of(cls, dataset: Dataset, spooled: Spooled, target: Target, stage: str, dialect: str) -> Merge:
        """Return the merge of a file's rows, staged in `stage`."""
        names = {name: quoted(name) for name in target.facts.columns}
        others = tuple(name for name in spooled.fields if name not in dataset.primary_key)
        return cls(
            target=target,
            stage=stage,
            names=names,
            staged=stage_names(spooled),
            found=found_names(spooled, target),
            key=dataset.primary_key,
            written=others,
            lineage=tuple(name for name in spooled.columns if name in (LINEAGE_ROW, LINEAGE_JOB)),
            kept=frozenset(others if dataset.load.empty == "keep" else spooled.report.partly),
            where=dataset.load.key_where,
            dialect=dialect,
            always=dataset.load.unchanged == "update" and dataset.load.mode != "insert",
        )

    # -- pieces --------------------------------------------------------------------------------------

    def raw(self, name: str, row: str = "s") -> str:
        """Return what a staged row has for a field as the file has it, also where another value is looked up for it."""
        staged = f"{row}.{self.staged[name]}"
        # SQLite compares a TEXT column with a number as text only where that has no affinity of its own.
        return staged if self.target.fits[name].stage else f"+{staged}"

    def value(self, name: str, row: str = "s") -> str:
        """Return what a staged row has for a column, in the column's own type."""
        fit = self.target.fits[name]
        if name in self.found:
            return f"{'' if fit.stage else '+'}{row}.{self.found[name]}"
        if not fit.stage or fit.exact is None:
            return self.raw(name, row)
        return f"{self.raw(name, row)}::{self.target.facts.columns[name].declared}"

    def _filled(self, name: str) -> str:
        """Return what a staged row writes into a column: where its cell is empty, what the dataset says of such."""
        empty = self.target.empty.get(name)
        return self.value(name) if empty is None else f"coalesce({self.value(name)}, {empty})"

    @property
    def same_key(self) -> str:
        """The condition that a row of the table (`t`) and a staged one (`s`) have the same key."""
        return " AND ".join(self.equal(name, f"t.{self.names[name]}", self.value(name)) for name in self.key)

    def equal(self, name: str, left: str, right: str) -> str:
        """Return the condition that two values of a column are equal by its own type."""
        return equal(self.target.facts.columns[name], left, right, self.target.gives(name))

    @property
    def rows(self) -> str:
        """The rows of the table among which the key is unique, as `t`, with all that is compared."""
        return self.rows_with((*self.key, *self.written))

    def rows_with(self, names: Iterable[str]) -> str:
        """Return the rows of the table among which the key is unique, as `t`, with the named columns."""
        if self.where is None:
            return f"{self.target.quoted} t"
        # By name: this role may not have the right to read the others.
        columns = ", ".join(self.names[name] for name in names)
        return f"(SELECT {columns} FROM {self.target.quoted} WHERE {self.where}) t"

    @property
    def differs(self) -> str:
        """The condition that a staged row changes what the row of its key has."""
        if self.always and self.updates:
            return ALL
        return f"({' OR '.join(map(self._differs, self.written)) or 'false'})"

    def _differs(self, name: str) -> str:
        column = self.target.facts.columns[name]
        value = self.value(name) if name in self.kept else self._filled(name)
        changed = differs(column, f"t.{self.names[name]}", value, self.dialect)
        return f"({value} IS NOT NULL AND {changed})" if name in self.kept else changed

    @property
    def order(self) -> str:
        """The order by key: two loads that touch the same rows lock them in one order and cannot deadlock."""
        return ", ".join(map(self.value, self.key)) or f"s.{LINE}"

    def missing(self, lines: str) -> str:
        """Return the statement that finds the staged rows whose key is not in the table."""
        return (
            f"SELECT s.* FROM {self.stage} s WHERE {lines} AND NOT EXISTS (SELECT 1 FROM {self.rows} "
            f"WHERE {self.same_key})"
        )

    def touched(self, lines: str) -> str:
        """Return the statement that finds the staged rows that are to be written, and which of them are new."""
        key = self.names[self.key[0]]
        condition = f"t.{key} IS NULL OR {self.differs}" if self.updates else f"t.{key} IS NULL"
        return (
            f"SELECT s.*, t.{key} IS NULL AS headgate_new FROM {self.stage} s LEFT JOIN {self.rows} ON {self.same_key} "
            f"WHERE {lines} AND ({condition})"
        )

    def matching(self, what: str, condition: str) -> str:
        """Return the statement that finds staged rows whose key is in the table."""
        return f"SELECT {what} FROM {self.stage} s JOIN {self.rows} ON {self.same_key} WHERE {condition}"

    def held_by_another(self, line: int, names: Iterable[str]) -> str:
        """Return the question whether a row of the table has the values of a line, and the file others for that row."""
        pairs = [(name, f"t.{self.names[name]}") for name in names]
        held = " AND ".join(self.equal(name, kept, self.value(name)) for name, kept in pairs)
        own = " AND ".join(self.equal(name, f"t.{self.names[name]}", self.value(name, "o")) for name in self.key)
        facts = self.target.facts.columns
        given_up = " OR ".join(differs(facts[name], kept, self.value(name, "o"), self.dialect) for name, kept in pairs)
        return (
            f"SELECT EXISTS (SELECT 1 FROM {self.stage} s JOIN {self.target.quoted} t ON {held} "
            f"JOIN {self.stage} o ON {own} WHERE s.{LINE} = {line} AND o.{LINE} <> {line} AND ({given_up}))"
        )

    @property
    def _or_abort(self) -> str:
        # Of rows without a key the table's own clause may be what tells them apart.
        return "OR ABORT " if self.target.facts.gives_way and self.key else ""

    # -- statements ----------------------------------------------------------------------------------

    def insert(self, source: str) -> str:
        """Return the statement that inserts the rows of a source (named `s` in it), in the order of their keys."""
        absent = {name: value for name, value in self.target.empty.items() if name not in self.staged}
        given = {**absent, **self.target.insert_only, **self.target.set}
        columns = [*self.lineage, *self.key, *self.written]
        values = [f"s.{name}" for name in self.lineage] + [self._filled(name) for name in (*self.key, *self.written)]
        names = ", ".join(self.names[name] for name in (*columns, *given))
        values += given.values()
        into = f"INSERT {self._or_abort}INTO {self.target.quoted} ({names})"
        return f"{into} SELECT {', '.join(values)} FROM {source}"

    def update(self, source: str, condition: str = ALL) -> str:
        """Return the statement that writes the rows of a source (named `s` in it) over those of their keys."""
        assignments = [f"{self.names[name]} = {self._new(name)}" for name in self.written]
        assignments += [f"{self.names[name]} = s.{name}" for name in self.lineage]
        assignments += [f"{self.names[name]} = {value}" for name, value in self.target.set.items()]
        where = f" AND ({self.where})" if self.where is not None else ""
        return (
            f"UPDATE {self._or_abort}{self.target.quoted} AS t SET {', '.join(assignments)} FROM {source} "
            f"WHERE {self.same_key}{where} AND {condition}"
        )

    def _new(self, name: str) -> str:
        return f"coalesce({self.value(name)}, t.{self.names[name]})" if name in self.kept else self._filled(name)

    @property
    def updates(self) -> bool:
        """Whether there is anything to write over a row that is there."""
        return bool(self.written) or (self.always and bool(self.target.set))

    def writes_over(self, dataset: Dataset) -> bool:
        """Say whether rows that are there may be written over, too."""
        return bool(self.key) and self.updates and dataset.load.mode != "insert"

    def delete_others(self, kept: str | None) -> str:
        """Return the statement that deletes the rows whose keys are neither staged nor in the table `kept`."""
        return f"DELETE FROM {self.target.quoted} AS t WHERE {self.gone(kept)}"

    def gone(self, kept: str | None) -> str:
        """Return the condition that a row `t` has a key which is neither staged nor in the table `kept`."""
        conditions = [f"({self.where})"] if self.where is not None else []
        conditions.append(f"NOT EXISTS (SELECT 1 FROM {self.stage} s WHERE {self.same_key})")
        if kept is not None:
            conditions.append(f"NOT EXISTS (SELECT 1 FROM {kept} s WHERE {self.same_key})")
        return " AND ".join(conditions)

    def repeated_keys(self, lines: str = ALL) -> str:
        """Return the statement that finds the lines of staged rows which are of one key for the database."""
        keys = ", ".join(map(self._by_collation, self.key))
        return (
            f"SELECT {LINE} FROM (SELECT s.{LINE}, count(*) OVER (PARTITION BY {keys}) AS times "
            f"FROM {self.stage} s WHERE {lines}) AS found WHERE times > 1 ORDER BY {LINE}"
        )

    def _by_collation(self, name: str) -> str:
        # Staged rows among themselves know nothing of the collation by which the table tells texts apart.
        collation = self.target.facts.columns[name].collation
        return self.value(name) if collation is None else f"{self.value(name)} COLLATE {collation}"


def stage_names(spooled: Spooled) -> dict[str, str]:
    """Return the staged name of each field of a file; no column of a table has such a name."""
    return {name: f"headgate_{number}" for number, name in enumerate(spooled.fields, 1)}


def found_names(spooled: Spooled, target: Target) -> dict[str, str]:
    """Return for each field of a file that is looked up the staged name of what is found for it."""
    return {name: f"{staged}_found" for name, staged in stage_names(spooled).items() if target.gives(name)}
