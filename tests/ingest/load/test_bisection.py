"""How often rows are written until each bad one stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from goods import opened

from ingest.load.bisection import TooManyError, each_suspect

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("bad", "most"),
    [(set(), 1), (set(range(1, 101)), 101), ({1}, 9), ({100}, 25), ({50, 51}, 40)],
    ids=["none", "all", "first", "last", "two"],
)
async def test_suspects_are_found_in_few_writes(tmp_path: Path, bad: set[int], most: int) -> None:
    writes, refused = 0, []

    async def write(start: int, stop: int) -> range:
        nonlocal writes
        writes += 1
        if bad.intersection(range(start, stop + 1)):
            raise ValueError
        return range(start, stop + 1)

    async def refuse(place: int, _: BaseException) -> None:
        refused.append(place)

    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database, database.write() as connection:
        done = await each_suspect(
            connection, 100, write, at_fault=lambda error: isinstance(error, ValueError), refuse=refuse
        )
    assert set(refused) == bad
    assert sorted(place for part in done for place in part) == [n for n in range(1, 101) if n not in bad]
    assert writes <= most


async def test_the_search_ends_when_there_are_too_many(tmp_path: Path) -> None:
    writes, refused = 0, []

    async def write(start: int, stop: int) -> None:
        nonlocal writes
        writes += 1
        raise ValueError(start, stop)

    async def refuse(place: int, _: BaseException) -> None:
        refused.append(place)
        if len(refused) > 3:
            raise TooManyError

    async with opened(f"sqlite+aiosqlite:///{tmp_path / 'd.db'}") as database, database.write() as connection:
        with pytest.raises(TooManyError):
            await each_suspect(connection, 5000, write, at_fault=lambda _: True, refuse=refuse)
    assert (writes, refused) == (5, [1, 2, 3, 4])
