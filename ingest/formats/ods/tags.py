"""The tags of a piece of a document: where each is, which of them common rows consist of; knows no structure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ...cells.byte_set import ByteSet
from .names import Tag

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .names import Names
    from .odd import Odd

AHEAD: Final = 4
"""So many tags that are none stand behind the last one: a look ahead at the tags of a cell never leaves them."""
_OPENINGS: Final = (Tag.ROW, Tag.CELL, Tag.COVERED)
_BEHIND_NAME: Final = ByteSet(b" />")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags in their order, with `AHEAD` more: their places and kinds, as `Tag` has them.

    `marks` are the places of all tags and quotation marks, `numbers` says where in them each tag stands.
    """

    places: Places
    kinds: NDArray[np.int8]
    marks: Places
    numbers: NDArray[np.int64]

    def of(self, *kinds: Tag) -> NDArray[np.int64]:
        """Return which tags are of one of the kinds."""
        here = self.kinds == kinds[0]
        for kind in kinds[1:]:
            here |= self.kinds == kind
        return np.flatnonzero(here)


def find_tags(xml: XmlBytes, names: Names, odd: Odd) -> Tags:
    """Return the tags of the XML; the one of a text with a reference that only a parser resolves is of no kind."""
    marks = xml.places(b'<"')
    numbers = np.flatnonzero(xml.at[marks] == ord("<"))
    places = marks[numbers]
    kinds = np.zeros(len(places), np.int8)
    rest = np.arange(len(places))
    for kind, text in names.tags.items():
        here = _stands(xml, text, places[rest], opening=kind in _OPENINGS)
        kinds[rest[here]] = kind
        rest = rest[~here]
    more = np.full(AHEAD, xml.size)
    places, kinds = np.append(places, more), np.append(kinds, np.zeros(AHEAD, np.int8))
    unresolved = np.searchsorted(places, odd.places[~odd.named]) - 1
    kinds[unresolved[kinds[unresolved] == Tag.TEXT]] = Tag.OTHER
    return Tags(
        places=places,
        kinds=kinds,
        marks=np.append(marks, more),
        numbers=np.append(numbers, np.full(AHEAD, len(marks))),
    )


def _stands(xml: XmlBytes, text: bytes, places: Places, *, opening: bool) -> Mask:
    found = xml.stands(text, places)
    if opening:
        found &= _BEHIND_NAME.has(xml.at[np.minimum(places + len(text), xml.size)])
    return found
