"""The opening tags of rows and cells: where each ends, and the attributes of all of them in one list.

Of a tag that is not `fine`, which only a parser knows, nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from .names import Attribute, Tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .names import Names
    from .odd import Odd
    from .tags import Tags

_MOST_NAMES: Final = 64
_STRANGE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Of each opening tag its number among all tags and the place behind it; `closed` are those of empty elements.

    The attributes of all are in the order of the XML: `owners` says whose each is, `names` which (an `Attribute`, or a
    number of its own), and the values lie from `starts` to `ends`.
    """

    tags: NDArray[np.int64]
    behind: Places
    closed: Mask
    fine: Mask
    owners: NDArray[np.int64]
    names: NDArray[np.int8]
    starts: Places
    ends: Places

    def values(self, attribute: Attribute) -> tuple[NDArray[np.int64], Places, Places]:
        """Return the openings that have an attribute, and where its value begins and ends in each."""
        found = np.flatnonzero(self.names == attribute)
        return self.owners[found], self.starts[found], self.ends[found]


def read_openings(xml: XmlBytes, tags: Tags, odd: Odd, names: Names) -> Openings:
    """Return what the opening tags of rows and cells say."""
    lengths = np.zeros(len(Tag), np.int64)
    for kind in (Tag.ROW, Tag.CELL, Tag.COVERED):
        lengths[kind] = len(names.tags[kind])
    opening = tags.of(Tag.ROW, Tag.CELL, Tag.COVERED)
    first, following = tags.numbers[opening], tags.numbers[opening + 1]
    name_ends = tags.places[opening] + lengths[tags.kinds[opening]]
    quotes = following - first - 1
    ends = np.where(quotes > 0, tags.marks[following - 1] + 1, name_ends)
    ends = ends + (xml.at[ends] == ord(" "))
    closed = xml.at[ends] == ord("/")
    behind = ends + closed + 1
    fine = (xml.at[behind - 1] == ord(">")) & (quotes % 2 == 0)
    after = tags.places[opening + 1]
    gaps = np.flatnonzero(fine & (behind != after))
    fine[gaps] = xml.before_space(after[gaps]) == behind[gaps]
    counts = np.where(fine, quotes // 2, 0)
    owners = np.repeat(np.arange(len(opening)), counts)
    number = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
    quote = first[owners] + 1 + 2 * number
    before = np.where(number == 0, name_ends[owners], tags.marks[quote - 1] + 1)
    starts, value_ends = tags.marks[quote] + 1, tags.marks[quote + 1]
    which = _names(xml, before, starts, names)
    fine[owners[which == _STRANGE]] = False
    fine[_twice(owners, which)] = False
    inside = np.searchsorted(starts, odd.places, side="right") - 1
    within = (inside >= 0) & (odd.places < value_ends[inside]) if len(starts) else np.zeros(len(inside), np.bool_)
    # What means nothing, or only that there is a formula, may hold anything that is well-formed.
    read = which[inside[within]]
    fine[owners[inside[within]][~odd.named[within] | ((read < len(Attribute)) & (read != Attribute.FORMULA))]] = False
    return Openings(
        tags=opening,
        behind=behind,
        closed=closed,
        fine=fine,
        owners=owners,
        names=which,
        starts=starts,
        ends=value_ends,
    )


def _names(xml: XmlBytes, before: Places, starts: Places, names: Names) -> NDArray[np.int8]:
    """Return which name stands from each place to each start."""
    which = np.full(len(starts), _STRANGE, np.int8)
    lengths, rest = starts - before, np.arange(len(starts))
    for attribute, text in names.attributes.items():
        same = lengths[rest] == len(text)
        same[same] = xml.stands(text, before[rest[same]])
        which[rest[same]] = attribute
        rest = rest[~same]
    if len(rest):
        others = xml.pieces(before[rest], starts[rest]).dictionary_encode()
        known: dict[tuple[str, bytes], int] = {}
        numbers = np.array([_number(text, names, known) for text in others.dictionary.to_pylist()], np.int8)
        which[rest] = numbers[others.indices.to_numpy()]
    return which


def _number(text: bytes, names: Names, known: dict[tuple[str, bytes], int]) -> int:
    """Return the number of an attribute that means nothing, the same for all ways to write it."""
    name = names.means_nothing(text)
    if name is None or len(known) >= _MOST_NAMES:
        return _STRANGE
    return known.setdefault(name, len(Attribute) + len(known))


def _twice(owners: NDArray[np.int64], which: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the openings that have an attribute twice, which no XML may."""
    keys = np.sort(owners * (_MOST_NAMES * 2) + which)
    found: NDArray[np.int64] = keys[1:][keys[1:] == keys[:-1]] // (_MOST_NAMES * 2)
    return found
