"""The rows of a piece of a document that are of common forms, and what their cells say: found by all of its tags.

Every byte of such a row is accounted for; any other row is left to a parser.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .cell_attributes import read_attributes
from .cell_contents import read_contents
from .names import Tag
from .odd import find_odd
from .openings import read_openings
from .tags import find_tags

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .cell_attributes import Attributes
    from .cell_contents import Contents
    from .names import Names
    from .openings import Openings
    from .tags import Tags


class Run(NamedTuple):
    """Rows that follow each other: where they lie in the piece, and which they are of the rows that were found."""

    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCells:
    """Cells in the order of the XML: numbers among the rows that were found, columns, what they say and hold."""

    xml: XmlBytes
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    attributes: Attributes
    contents: Contents

    def part(self, first: int, last: int) -> FoundCells:
        """Return the cells of two places and between."""
        some = np.arange(first, last)
        return FoundCells(
            xml=self.xml,
            rows=self.rows[some],
            columns=self.columns[some],
            attributes=self.attributes.at(some),
            contents=self.contents.at(some),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRows:
    """The runs, how many rows of the sheet each row that was found stands for, and the cells of all of them."""

    runs: list[Run]
    heights: NDArray[np.int64]
    cells: FoundCells


def find_rows(xml: XmlBytes, names: Names) -> FoundRows | None:
    """Return the rows of common forms; None if there are none, or no XML has such bytes."""
    odd = find_odd(xml)
    if odd is None or xml.holds(b"]]>", b"]") or not xml.is_text():
        return None
    tags = find_tags(xml, names, odd)
    if not len(tags.of(Tag.ROW)):
        return None
    openings = read_openings(xml, tags, odd, names)
    attributes = read_attributes(xml, openings)
    are_rows = tags.kinds[openings.tags] == Tag.ROW
    rows, cells = np.flatnonzero(are_rows), np.flatnonzero(~are_rows)
    contents = read_contents(xml, tags, openings, cells, names)
    claimed = np.where(attributes.fine[cells], contents.tags, 0)
    spans = _spans(tags, openings, rows, names)
    row_of = np.searchsorted(spans.first, openings.tags[cells], side="right") - 1
    inside = (row_of >= 0) & (openings.tags[cells] < spans.last[row_of])
    within = np.bincount(row_of[inside], weights=claimed[inside], minlength=len(rows))
    whole = attributes.fine[rows] & spans.ends_first & (within == np.maximum(spans.last - spans.first - 1, 0))
    if not whole.any():
        return None
    kept = np.flatnonzero(inside & whole[row_of])
    return FoundRows(
        runs=_runs(xml, spans, np.flatnonzero(whole)),
        heights=attributes.down[rows[whole]],
        cells=_cells(
            xml,
            (np.cumsum(whole) - 1)[row_of[kept]],
            _styled(attributes.at(cells[kept]), attributes.defaults[rows[row_of[kept]]]),
            contents.at(kept),
        ),
    )


def _cells(xml: XmlBytes, rows: NDArray[np.int64], said: Attributes, held: Contents) -> FoundCells:
    """Return the cells that say anything, with their columns."""
    columns = _columns(rows, said.across)
    some = np.flatnonzero((said.types > 0) | said.formulas | held.paragraphs | (said.high > 1) | (said.wide > 1))
    return FoundCells(xml=xml, rows=rows[some], columns=columns[some], attributes=said.at(some), contents=held.at(some))


def _styled(said: Attributes, defaults: NDArray[np.int32]) -> Attributes:
    """Return what cells say, with the styles that their rows give to those that have none."""
    if not defaults.any():
        return said
    return replace(said, styles=np.where(said.styles > 0, said.styles, defaults))


class _Spans(NamedTuple):
    """Of each row the numbers of its first and last tag, and its places; whether it ends before another one begins."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    starts: Places
    ends: Places
    ends_first: Mask


def _spans(tags: Tags, openings: Openings, rows: NDArray[np.int64], names: Names) -> _Spans:
    first, closed = openings.tags[rows], openings.closed[rows]
    beyond = len(tags.places) - 1
    ends = np.append(tags.of(Tag.ROW_END), beyond)
    last = np.where(closed, first, ends[np.searchsorted(ends, first)])
    return _Spans(
        first=first,
        last=last,
        starts=tags.places[first],
        ends=np.where(closed, openings.behind[rows], tags.places[last] + len(names.tags[Tag.ROW_END])),
        ends_first=last < np.append(first[1:], beyond),
    )


def _runs(xml: XmlBytes, spans: _Spans, whole: NDArray[np.int64]) -> list[Run]:
    """Return the runs of the rows that are whole: nothing but white space is between two of the same run."""
    one, other = whole[:-1], whole[1:]
    joined = (spans.first[other] == spans.last[one] + 1) & (xml.before_space(spans.starts[other]) == spans.ends[one])
    bounds = [0, *(np.flatnonzero(~joined) + 1).tolist(), len(whole)]
    return [
        Run(int(spans.starts[whole[first]]), int(spans.ends[whole[last - 1]]), first, last)
        for first, last in pairwise(bounds)
    ]


def _columns(rows: NDArray[np.int64], across: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the columns of cells, counted from the beginning of each row."""
    ends = np.cumsum(across)
    counts = np.diff(np.flatnonzero(np.diff(rows, prepend=-1, append=-1)))
    firsts = np.cumsum(counts) - counts
    columns: NDArray[np.int64] = ends - across - np.repeat((ends - across)[firsts], counts)
    return columns
