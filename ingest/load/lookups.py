"""What other tables give for staged values, filled in beside them by one statement a field; for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .comparison import equal
from .facts import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from .merge import Merge


def translation(merge: Merge, name: str, stage: str) -> str:
    """Return the statement that fills in, beside a field's staged values, what the other table gives for them."""
    parent = merge.target.parents[name]
    assert parent.gives is not None  # noqa: S101  # only such fields are among those found
    same = equal(parent.sought, f"p.{quoted(parent.sought.name)}", merge.raw(name))
    return (
        f"UPDATE {stage} AS s SET {merge.found[name]} = p.{quoted(parent.gives.name)} FROM {parent.quoted} p "
        f"WHERE {same}"
    )


async def translate(connection: AsyncConnection, merge: Merge, stage: str, names: Iterable[str] | None = None) -> None:
    """Fill in what the other tables give, for the named fields or all."""
    for name in merge.found if names is None else names:
        if name in merge.found:
            await connection.exec_driver_sql(translation(merge, name, stage))


async def translated_keys(connection: AsyncConnection, merge: Merge, kept: str | None) -> str | None:
    """Translate the keys in the table `kept`; None if one of them is not found: which row it means cannot be told."""
    found = [name for name in merge.key if name in merge.found]
    if kept is None or not found:
        return kept
    await translate(connection, merge, kept, found)
    unknown = " OR ".join(f"{merge.found[name]} IS NULL" for name in found)
    lost = await connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {kept} WHERE {unknown})")
    return None if lost.scalar_one() else kept
