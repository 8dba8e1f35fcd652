"""What people have said that the columns and values of files mean: kept by dataset and titles, for all daemons."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa

from ingest.messages import say
from ingest.spec.mapping import ColumnMapping

from ..errors import HeadgateError
from .tables import insert_into

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from .context import LedgerContext

KEPT_MAX: Final = 200
"""Mappings of one dataset: each parse looks at all of them."""


class TooManyMappingsError(HeadgateError):
    """The dataset has as many mappings as are kept; the message says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMapping:
    """A mapping, by whom and when it was made (seconds since the epoch, the database's)."""

    id: int
    dataset: str
    mapping: ColumnMapping
    made_by: str | None
    made_at: float


class KeptMappings:
    """The mappings of the ledger, each call one transaction."""

    def __init__(self, context: LedgerContext) -> None:
        self._context, self._database = context, context.database
        self._table = context.tables.mapping
        self._contents = sa.select(self._table.c.content).where(self._table.c.dataset == sa.bindparam("dataset"))

    async def onto(self, dataset: Dataset) -> Dataset:
        """Return the dataset with its kept mappings, as far as they still fit it."""
        async with self._database.read() as connection:
            contents = (await connection.execute(self._contents, {"dataset": dataset.dataset})).scalars().all()
        return dataset.with_mappings(map(ColumnMapping.model_validate, contents)) if contents else dataset

    async def keep(self, dataset: str, mapping: ColumnMapping, *, by: str | None) -> KeptMapping:
        """Keep a mapping, in the place of another for the same titles.

        Raises:
            TooManyMappingsError: the dataset has `KEPT_MAX` others.

        """
        table = self._table
        digest = hashlib.sha256("\0".join(sorted(mapping.key)).encode()).hexdigest()
        others = sa.select(sa.func.count()).where(table.c.dataset == dataset, table.c.titles_digest != digest)
        values: dict[str, Any] = {
            "content": mapping.model_dump(mode="json"),
            "made_by": by,
            "made_at": self._context.now,
        }
        insert = insert_into(table, self._database.dialect).values(dataset=dataset, titles_digest=digest, **values)
        enter = insert.on_conflict_do_update(index_elements=["dataset", "titles_digest"], set_=values)
        async with self._database.write() as connection:
            if (await connection.execute(others)).scalar_one() >= KEPT_MAX:
                raise TooManyMappingsError(
                    say(
                        "dataset {name} has {n} mappings, and more are not kept; take some away, "
                        "or put them into the dataset",
                        name=dataset,
                        n=KEPT_MAX,
                    )
                )
            row = (await connection.execute(enter.returning(*table.c))).mappings().one()
        return _kept(row)

    async def all(self, dataset: str | None = None) -> tuple[KeptMapping, ...]:
        """Return the mappings of a dataset, or of all, newest first."""
        asked = sa.select(self._table).order_by(self._table.c.made_at.desc(), self._table.c.id.desc())
        if dataset is not None:
            asked = asked.where(self._table.c.dataset == dataset)
        async with self._database.read() as connection:
            return tuple(_kept(row) for row in (await connection.execute(asked)).mappings())

    async def remove(self, mapping_id: int) -> KeptMapping | None:
        """Take a mapping away and return it; None if there is none of that number."""
        table = self._table
        async with self._database.write() as connection:
            gone = await connection.execute(table.delete().where(table.c.id == mapping_id).returning(*table.c))
            row = gone.mappings().one_or_none()
        return None if row is None else _kept(row)


def _kept(row: sa.RowMapping) -> KeptMapping:
    return KeptMapping(
        id=row["id"],
        dataset=row["dataset"],
        mapping=ColumnMapping.model_validate(row["content"]),
        made_by=row["made_by"],
        made_at=row["made_at"],
    )
