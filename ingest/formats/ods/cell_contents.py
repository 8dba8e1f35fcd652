"""What stands between the tags of cells: nothing, one paragraph of plain text, or what a parser reads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from .names import END, Tag
from .rich_contents import read_rich

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .names import Names
    from .openings import Openings
    from .tags import Tags

_WITHIN: Final = (Tag.TEXT_END, Tag.NO_TEXT, Tag.CELL_END, Tag.COVERED_END)
"""The tags that only white space may follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Of each cell how many tags are its own, 0 if it is not surely well-formed; where its only paragraph is.

    `paragraphs` are the cells that have any, which may be empty. `rich` are places in `texts` of those that hold more
    than one plain paragraph, -1 of all others.
    """

    tags: NDArray[np.int64]
    paragraphs: Mask
    starts: Places
    ends: Places
    rich: NDArray[np.int64]
    texts: pa.LargeStringArray

    def at(self, index: NDArray[np.int64]) -> Contents:
        """Return the contents of some cells."""
        return Contents(
            tags=self.tags[index],
            paragraphs=self.paragraphs[index],
            starts=self.starts[index],
            ends=self.ends[index],
            rich=self.rich[index],
            texts=self.texts,
        )


def read_contents(xml: XmlBytes, tags: Tags, openings: Openings, cells: NDArray[np.int64], names: Names) -> Contents:
    """Return the contents of the cells among the openings."""
    first = openings.tags[cells]
    tidy = _tidy(xml, tags, names)
    end = tags.kinds[first] + END
    opens = ~openings.closed[cells]
    one, two, three = (tags.kinds[first + ahead] for ahead in (1, 2, 3))
    full = opens & (one == Tag.TEXT) & (two == Tag.TEXT_END) & (three == end) & tidy[first + 2] & tidy[first + 3]
    hollow = opens & (one == Tag.NO_TEXT) & (two == end) & tidy[first + 1] & tidy[first + 2]
    bare = opens & (one == end) & tidy[first + 1]
    claimed = ~opens + 2 * bare + 3 * hollow + 4 * full
    starts = tags.places[first + full] + len(names.tags[Tag.TEXT]) * full
    ends = np.where(full, tags.places[first + 2], starts)
    paragraphs, rich, texts = full | hollow, np.full(len(cells), -1), pa.array([], pa.large_string())
    others = np.flatnonzero((claimed == 0) & openings.fine[cells])
    last = _ends(tags, first[others])
    ended = (tags.kinds[last] == end[others]) & tidy[last]
    others, last = others[ended], last[ended]
    if len(others):
        found = read_rich(xml, openings.behind[cells[others]], tags.places[last], names.namespaces)
        if found is not None:
            claimed[others] = last - first[others] + 1
            paragraphs[others], rich[others], texts = found.elements, found.which, found.texts
    return Contents(tags=claimed, paragraphs=paragraphs, starts=starts, ends=ends, rich=rich, texts=texts)


def _ends(tags: Tags, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the next tag behind each cell's own at which a cell or row begins or ends."""
    edges = tags.of(Tag.ROW, Tag.CELL, Tag.COVERED, Tag.ROW_END, Tag.CELL_END, Tag.COVERED_END)
    edges = np.append(edges, len(tags.places) - 1)
    return edges[np.searchsorted(edges, cells, side="right")]


def _tidy(xml: XmlBytes, tags: Tags, names: Names) -> Mask:
    """Say which of the tags within a cell nothing but white space follows, and the one at its end."""
    lengths = np.zeros(len(Tag), np.int64)
    for kind in _WITHIN:
        lengths[kind] = len(names.tags[kind])
    behind = tags.places[:-1] + lengths[tags.kinds[:-1]]
    found = behind == tags.places[1:]
    gaps = np.flatnonzero(~found & (lengths[tags.kinds[:-1]] > 0))
    found[gaps] = xml.before_space(tags.places[1:][gaps]) == behind[gaps]
    return np.append(found, False)  # a value, not a flag
