"""Where the values of a chunk's cells are, by the tags that follow each opening tag; knows no places and no types.

A cell counts only if every byte of it up to the next cell or row is accounted for; any other is not `fine`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow.compute as pc

from ...cells.arrow_masks import truth
from ..zip.xml_bytes import begins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .sheet_tags import SheetTags

_FORMULA: Final = r"^<f(?:\s[^<>]*)?/>$|^<f(?:\s[^<>]*[^<>/])?>[^<]*$"


class _Form(NamedTuple):
    """The tags of a cell from one on: what stands at the first, at which the value ends, what stands there."""

    head: bytes
    ending: int
    tail: bytes
    tags: int
    inline: bool = False
    preserve: bool = False


_KEEP: Final = b' xml:space="preserve"'
_VALUE: Final = _Form(b"<v>", 1, b"</v></c>", 3)
_FORMS: Final = (
    _Form(b"<is><t>", 2, b"</t></is></c>", 5, inline=True),
    _Form(b"</c>", 0, b"", 1),
    _Form(b"<v/></c>", 0, b"", 2),
    _Form(b"<v" + _KEEP + b">", 1, b"</v></c>", 3, preserve=True),
    _Form(b"<is><t" + _KEEP + b">", 2, b"</t></is></c>", 5, inline=True, preserve=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Where the value of each cell begins and ends, and how it is to be read."""

    fine: Mask
    starts: Places
    ends: Places
    inline: Mask
    preserve: Mask
    formulas: Mask


def read_contents(xml: XmlBytes, found: SheetTags, closed: Mask) -> Contents:
    """Return where the values are; `closed` are the cells that are empty elements."""
    tags = found.tags
    formulas, first, known = _formulas(xml, found, closed)
    # Nearly all cells have a bare value, and are read at once; what this says of others is set right below.
    starts, ends = tags[first] + len(_VALUE.head), tags[first + _VALUE.ending]
    fine = begins(xml.words(tags[first]), _VALUE.head) & begins(xml.words(ends), _VALUE.tail)
    fine &= (found.following == first + _VALUE.tags) & known
    behind = ends + len(_VALUE.tail)
    inline, preserve = np.zeros(len(first), np.bool_), np.zeros(len(first), np.bool_)
    if not fine.all():
        fine[closed] = found.following[closed] == first[closed]
        starts[closed] = ends[closed] = behind[closed] = tags[first[closed]]
        rest = np.flatnonzero(~fine & ~closed & known)
        for form in _FORMS:
            here = xml.stands(form.head, tags[first[rest]])
            cells, rest = rest[here], rest[~here]
            last = first[cells] + form.ending
            starts[cells] = tags[first[cells]] + len(form.head)
            ends[cells] = tags[last] if form.ending else starts[cells]
            behind[cells] = ends[cells] + len(form.tail)
            fine[cells] = found.following[cells] == first[cells] + form.tags
            if form.tail:
                fine[cells] &= xml.stands(form.tail, tags[last])
            inline[cells], preserve[cells] = form.inline, form.preserve
    after = tags[found.following]
    gaps = np.flatnonzero(behind != after)
    fine[gaps] &= behind[gaps] == xml.before_space(after[gaps])
    return Contents(fine=fine, starts=starts, ends=ends, inline=inline, preserve=preserve, formulas=formulas)


def _formulas(xml: XmlBytes, found: SheetTags, closed: Mask) -> tuple[Mask, NDArray[np.int64], Mask]:
    """Return which cells have a formula, the tag behind it, and which are of a form that is known so far."""
    tags, next_tag = found.tags, found.cells + 1
    fine = np.ones(len(next_tag), np.bool_)
    formulas = (xml.at[1:][tags[next_tag]] == ord("f")) & ~closed
    cells = np.flatnonzero(formulas)
    if not len(cells):
        return formulas, next_tag, fine
    first = next_tag[cells]
    texts = xml.pieces(tags[first], tags[first + 1])
    empty = xml.stands(b"/>", tags[first + 1] - len(b"/>"))
    whole = xml.stands(b"</f>", tags[first + 1]) & (tags[first + 2] == tags[first + 1] + len(b"</f>"))
    fine[cells] = (empty | whole) & truth(pc.match_substring_regex(texts, _FORMULA))
    next_tag[cells] += np.where(empty, 1, 2)
    return formulas, next_tag, fine
