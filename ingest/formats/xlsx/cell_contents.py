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
from .cell_openings import ATTRIBUTE_NAME
from .sheet_tags import accounted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .sheet_tags import SheetTags

_ATTRIBUTES: Final = rf"(?:[ \t\r\n]+{ATTRIBUTE_NAME}=(?:\"[^\"<>]*\"|'[^'<>]*'))*[ \t\r\n]*"
_EMPTY_FORMULA: Final = f"^<f{_ATTRIBUTES}/>$"
_OPENED_FORMULA: Final = f"^<f{_ATTRIBUTES}>[^<]*$"
"""One up to its end tag."""


class _Form(NamedTuple):
    """What stands before a value and what behind it, in its cell or `within` its `<is>`.

    `tags` are all of the cell behind its opening one, its end tag included.
    """

    head: bytes
    tail: bytes
    tags: int
    valued: bool = True
    inline: bool = False
    within: bool = False
    preserve: bool = False


_KEEP: Final = b' xml:space="preserve"'
_END: Final = b"</c>"
_INLINE, _INLINE_END = b"<is>", b"</is>"
_NOTHING: Final = _Form(b"", b"", 1, valued=False)
_VALUE: Final = _Form(b"<v>", b"</v>", 3)
_TEXT: Final = _Form(b"<t>", b"</t>", 5, inline=True, within=True)
_BARE_HEAD, _BARE_TAIL = _INLINE + _TEXT.head, _TEXT.tail + _INLINE_END + _END
"""What stands before a text in its cell and behind it, as most writers have it."""
_EMPTY_ELEMENTS: Final = (b"/>", b" />")
"""As which writers end an element without a content."""
_FORMS: Final = (
    _VALUE,
    _TEXT,
    _NOTHING,
    _Form(b"<v" + _KEEP + b">", b"</v>", 3, preserve=True),
    _Form(b"<t" + _KEEP + b">", b"</t>", 5, inline=True, within=True, preserve=True),
    *(_Form(b"<v" + end, b"", 2, valued=False) for end in _EMPTY_ELEMENTS),
    *(_Form(b"<t" + end, b"", 4, valued=False, inline=True, within=True) for end in _EMPTY_ELEMENTS),
    *(_Form(b"<t" + _KEEP + end, b"", 4, valued=False, inline=True, within=True) for end in _EMPTY_ELEMENTS),
    *(_Form(b"<is" + end, b"", 2, valued=False, inline=True) for end in _EMPTY_ELEMENTS),
    _Form(b"", b"", 3, valued=False, inline=True, within=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Where the value of each cell begins and ends, and how it is to be read; `ended` are those with an end tag.

    Nothing but white space stands behind that. `unset` are those with a formula and nothing else.
    """

    fine: Mask
    ended: Mask
    starts: Places
    ends: Places
    inline: Mask
    preserve: Mask
    formulas: Mask
    unset: Mask


def read_contents(xml: XmlBytes, found: SheetTags, contents: Places, closed: Mask) -> Contents | None:
    """Return where the values are, by where what follows the opening tags begins; `closed` are the empty elements.

    None if there is anything else than elements, or a tag between those of rows and cells.
    """
    formulas, first, tags = _formulas(xml, contents, closed)
    # Nearly all cells have a bare value, and are read at once; what this says of others is set right below.
    tail = _VALUE.tail + _END
    starts, ends = first + len(_VALUE.head), found.following - len(tail)
    known = (tags > 0) & ~closed
    fine = begins(xml.words(first), _VALUE.head) & begins(xml.words(ends), tail) & (starts <= ends) & known
    tags[fine] += _VALUE.tags
    inline, preserve, unset, ended = *np.zeros((3, len(first)), np.bool_), fine.copy()
    if not fine.all():
        starts[closed] = ends[closed] = found.following[closed]
        fine[closed] = contents[closed] == found.following[closed]
        texts = _bare_texts(xml, np.flatnonzero(known & ~fine), first, found)
        fine[texts] = ended[texts] = inline[texts] = True
        starts[texts], ends[texts] = first[texts] + len(_BARE_HEAD), found.following[texts] - len(_BARE_TAIL)
        tags[texts] += _TEXT.tags
        rest, bounds, within = _bounds(xml, np.flatnonzero(~fine & ~closed), first, found)
        ended[rest] = True
        rest, bounds, within = rest[known[rest]], bounds[:, known[rest]], within[known[rest]]
        for form in _FORMS:
            if not len(rest):
                break
            begin, end = bounds[0] + len(form.head), bounds[1] - len(form.tail)
            here = xml.stands(form.head, bounds[0]) & xml.stands(form.tail, end) & (within == form.within)
            # Where there is no value, only white space may be left.
            here &= begin <= end if form.valued else begin >= end
            end = np.maximum(begin, end)
            cells = rest[here]
            fine[cells], starts[cells], ends[cells] = True, begin[here], end[here]
            tags[cells] += form.tags
            inline[cells], preserve[cells], unset[cells] = form.inline, form.preserve, form is _NOTHING
            rest, bounds, within = rest[~here], bounds[:, ~here], within[~here]
    counted = accounted(xml, found, np.where(fine, tags, 0))
    if counted is None:
        return None
    return Contents(
        fine=fine & counted,
        ended=ended,
        starts=starts,
        ends=ends,
        inline=inline,
        preserve=preserve,
        formulas=formulas,
        unset=formulas & unset,
    )


def _bare_texts(xml: XmlBytes, cells: NDArray[np.int64], first: Places, found: SheetTags) -> NDArray[np.int64]:
    """Return those of the cells that are nothing but an inline text, without white space beside its tags."""
    for text, start in ((_BARE_HEAD, first), (_BARE_TAIL, found.following - len(_BARE_TAIL))):
        cells = cells[xml.stands(text, start[cells])]
    return cells[first[cells] + len(_BARE_HEAD) <= found.following[cells] - len(_BARE_TAIL)]


def _bounds(
    xml: XmlBytes, cells: NDArray[np.int64], first: Places, found: SheetTags
) -> tuple[NDArray[np.int64], Places, Mask]:
    """Return those of the cells that have an end tag, what lies before it or in `<is>` (begin, end), which the latter.

    White space beside tags belongs to neither.
    """
    ends = xml.before_space(found.following[cells]) - len(_END)
    ended = xml.stands(_END, ends)
    cells, ends = cells[ended], xml.before_space(ends[ended])
    starts = first[cells]
    within = xml.stands(_INLINE, starts) & xml.stands(_INLINE_END, ends - len(_INLINE_END))
    inner = xml.behind_space(starts[within] + len(_INLINE)), xml.before_space(ends[within] - len(_INLINE_END))
    starts[within], ends[within] = inner
    return cells, np.stack([starts, ends]), within


def _formulas(xml: XmlBytes, contents: Places, closed: Mask) -> tuple[Mask, Places, NDArray[np.int64]]:
    """Return which cells have a formula, the tag behind it, and how many tags stand before that (0: nobody knows)."""
    tags = np.ones(len(contents), np.int64)
    formulas = (xml.at[1:][contents] == ord("f")) & ~closed
    cells = np.flatnonzero(formulas)
    if not len(cells):
        return formulas, contents, tags
    starts = contents[cells]
    ends = xml.behind_next(b"<", starts + 1) - 1
    bare, whole = xml.stands(b"<f>", starts), xml.stands(b"</f>", ends)
    closes = xml.before_space(ends)
    empty = ~bare & ~whole & xml.stands(b"/>", closes - len(b"/>"))
    ends = np.where(empty, closes, ends)
    fine = empty | whole
    for others, form in ((empty, _EMPTY_FORMULA), (whole & ~bare, _OPENED_FORMULA)):
        texts = xml.pieces(starts[others], ends[others])
        fine[others] = truth(pc.match_substring_regex(texts, form))
    tags[cells] = np.where(fine, np.where(empty, 2, 3), 0)
    behind = contents.copy()
    behind[cells] = xml.behind_space(np.where(empty, ends, ends + len(b"</f>")))
    return formulas, behind, tags
