"""Where records of a stream begin: many walkers come to what one alone finds, and what looks like none costs little."""

from __future__ import annotations

import random
import struct
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np
import pytest
from xlsb_records import record, wide

from ingest.formats.binary.chain import find_records
from ingest.formats.binary.stream import Stream
from ingest.formats.xlsb.layout import CELLS, STRINGS, XlsbLayout

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Counted(XlsbLayout):
    """Counts how often it is asked, for the records behind any number of places or for one of them."""

    steps = alone = 0

    def following(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        self.steps += 1
        return super().following(places)

    def after(self, place: int) -> int:
        self.alone += 1
        return super().after(place)


def chained(records: list[bytes]) -> list[int]:
    return list(accumulate(map(len, records), initial=0))


def shared(chance: random.Random) -> bytes:
    return record(19, b"\0" + wide("字" * chance.choice([0, 1, 3, 12, 90, 9000 if chance.random() < 0.01 else 5])))


def real_cell(chance: random.Random) -> bytes:
    return record(5, struct.pack("<IId", chance.randrange(20), 1, chance.random()))


def unknown(chance: random.Random) -> bytes:
    return record(200 + chance.randrange(50), chance.randbytes(chance.randrange(30)))


@pytest.mark.parametrize("seed", range(20))
def test_walkers_find_what_the_records_say(seed: int) -> None:
    chance = random.Random(seed)
    kinds = chance.choice([[shared], [real_cell], [unknown], [real_cell, unknown], [shared, unknown, real_cell]])
    records = [chance.choice(kinds)(chance) for _ in range(6000)]
    if seed % 2:
        records[2000:4000] = [unknown(chance) for _ in range(2000)]
    expected = chained(records)
    stream = Stream([b"".join(records)])
    for likely in (CELLS, STRINGS):
        places, end = find_records(XlsbLayout(stream, likely), 0, stream.end)
        assert (places.tolist(), end) == (expected[:-1], expected[-1])


def test_the_list_of_shared_strings_is_walked_by_many() -> None:
    chance = random.Random(1)
    stream = Stream([b"".join(shared(chance) for _ in range(50_000))])
    layout = Counted(stream, STRINGS)
    places, _ = find_records(layout, 0, stream.end)
    assert len(places) == 50_000
    assert layout.steps + layout.alone < 1_000


def test_one_walker_with_a_long_way_does_not_make_the_others_wait() -> None:
    """Half of the part looks like no cells: who comes there goes on alone."""
    chance = random.Random(2)
    cells = [real_cell(chance) for _ in range(20_000)]
    others = [unknown(chance) for _ in range(20_000)]
    stream = Stream([b"".join([*cells, *others])])
    layout = Counted(stream, CELLS)
    places, end = find_records(layout, 0, stream.end)
    assert (places.tolist(), end) == (chained([*cells, *others])[:-1], stream.end)
    assert layout.steps < 1_000
    assert layout.alone > 19_000


@pytest.mark.parametrize("long", [2_000, 40_000])
@pytest.mark.parametrize("likely", ["cells", "strings"])
def test_what_only_looks_like_records_leads_nobody_astray(long: int, likely: str) -> None:
    """The data of long records are whole chains of others, on which walkers set out that no right one ever meets."""
    chance = random.Random(long)
    false = [b"\x13\x07" + bytes(7), b"\x0d\x08" + bytes(8), b"\x05\x10" + bytes(16)]
    records = []
    for _ in range(60):
        decoy = chance.choice(false)
        records += [record(200, bytes(chance.randrange(9)) + decoy * (long // len(decoy))), real_cell(chance)]
        records += [shared(chance) for _ in range(chance.randrange(200))]
    expected = chained(records)
    stream = Stream([b"".join(records)])
    layout = Counted(stream, CELLS if likely == "cells" else STRINGS)
    places, end = find_records(layout, 0, stream.end)
    assert (places.tolist(), end) == (expected[:-1], expected[-1])
    assert layout.alone > 0


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 20_000, 3_000_000])
@pytest.mark.parametrize("number", [0, 19, 127, 128, 650])
def test_one_record_ends_where_many_of_them_do(number: int, size: int) -> None:
    stream = Stream([record(number, bytes(size)), b"\xff" * 8])
    layout = XlsbLayout(stream, CELLS)
    for place in (0, stream.end - 8):
        assert layout.after(place) == int(layout.following(np.array([place]))[0])
