"""What the attributes of rows and cells say, for all of them at once: types, values, styles, how often, how wide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..zip.xml_bytes import quoted_numbers
from .names import Attribute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .openings import Openings

TYPES: Final = ("", "string", "float", "date", "percentage", "currency", "time", "boolean", "error")
"""The types of a cell; the first is that of one that has none."""
_TEXTS: Final = ("", "string", "error")
_VALUES: Final = np.array(
    [
        Attribute.STRING, Attribute.STRING, Attribute.VALUE, Attribute.DATE, Attribute.VALUE, Attribute.VALUE,
        Attribute.TIME, Attribute.BOOLEAN, Attribute.STRING,
    ],
    np.int8,
)  # fmt: skip
"""The attribute that has the value of each type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """Of each opening tag its type (a place in `TYPES`) and value, `given` if one has it; what is not fine is untold.

    It stands for `down` rows or `across` columns that are the same, and spans `high` rows and `wide` columns. `styles`
    are places in `style_names`, told of numbers and times only; `defaults` likewise those that a row gives its cells.
    """

    fine: Mask
    types: NDArray[np.int8]
    calc_errors: Mask
    formulas: Mask
    given: Mask
    starts: Places
    ends: Places
    down: NDArray[np.int64]
    across: NDArray[np.int64]
    high: NDArray[np.int64]
    wide: NDArray[np.int64]
    styles: NDArray[np.int32]
    defaults: NDArray[np.int32]
    style_names: list[str]

    def at(self, index: NDArray[np.int64]) -> Attributes:
        """Return what some openings say."""
        arrays = {name: getattr(self, name)[index] for name in self.__slots__ if name != "style_names"}
        return Attributes(**arrays, style_names=self.style_names)


def read_attributes(xml: XmlBytes, openings: Openings) -> Attributes:
    """Return what all openings say."""
    fine = openings.fine.copy()
    calc = _types(xml, openings, Attribute.CALC_TYPE, fine)
    types = _types(xml, openings, Attribute.VALUE_TYPE, fine)
    types = np.where(types > 0, types, calc)
    given, starts, ends = np.zeros(len(fine), np.bool_), np.zeros(len(fine), np.int64), np.zeros(len(fine), np.int64)
    wanted = _VALUES[types]
    for attribute in np.unique(_VALUES).tolist():
        owners, first, last = openings.values(attribute)
        here = (wanted[owners] == attribute) & (last > first)
        owners = owners[here]
        given[owners], starts[owners], ends[owners] = True, first[here], last[here]
    # A number without a value is the text that is shown, in ways that only the parser's reader knows.
    fine &= given | (wanted == Attribute.STRING)
    formulas = np.zeros(len(fine), np.bool_)
    formulas[openings.values(Attribute.FORMULA)[0]] = True
    styles, defaults, style_names = _styles(xml, openings, is_styled(types))
    counts = {
        name: _counts(xml, openings, attribute, fine)
        for name, attribute in (
            ("down", Attribute.ROWS_REPEATED),
            ("across", Attribute.COLUMNS_REPEATED),
            ("high", Attribute.ROWS_SPANNED),
            ("wide", Attribute.COLUMNS_SPANNED),
        )
    }
    return Attributes(
        fine=fine,
        types=types,
        calc_errors=calc == TYPES.index("error"),
        formulas=formulas,
        given=given,
        starts=starts,
        ends=ends,
        styles=styles,
        defaults=defaults,
        style_names=style_names,
        **counts,
    )


def _types(xml: XmlBytes, openings: Openings, attribute: Attribute, fine: Mask) -> NDArray[np.int8]:
    """Return what an attribute says of the type; of a type that is unknown, the opening is not fine."""
    types = np.zeros(len(fine), np.int8)
    rest, places, _ = openings.values(attribute)
    for code, name in enumerate(TYPES[1:], 1):
        if not len(rest):
            break
        here = xml.stands(name.encode() + b'"', places)
        types[rest[here]] = code
        rest, places = rest[~here], places[~here]
    fine[rest] = False
    return types


def _counts(xml: XmlBytes, openings: Openings, attribute: Attribute, fine: Mask) -> NDArray[np.int64]:
    """Return what an attribute says in plain digits; 1 where there is none."""
    counts = np.ones(len(fine), np.int64)
    owners, places, _ = openings.values(attribute)
    if len(owners):
        numbers, _, plain = quoted_numbers(xml.words(places))
        counts[owners] = np.maximum(1, numbers)
        fine[owners[~plain]] = False
    return counts


def is_styled(types: NDArray[np.int8]) -> Mask:
    """Say which types are those whose cells hold what their styles say."""
    found: Mask = (types == TYPES.index("float")) | (types == TYPES.index("time"))
    return found


def _styles(xml: XmlBytes, openings: Openings, where: Mask) -> tuple[NDArray[np.int32], NDArray[np.int32], list[str]]:
    """Return the styles of some openings, those that rows give to cells, and their names: the first is that of none."""
    owners, starts, ends = openings.values(Attribute.STYLE)
    some = where[owners] & (ends > starts)
    givers, first, last = openings.values(Attribute.DEFAULT_STYLE)
    names = xml.pieces(np.append(starts[some], first), np.append(ends[some], last)).dictionary_encode()
    found = names.indices.to_numpy() + 1
    styles, defaults = np.zeros(len(where), np.int32), np.zeros(len(where), np.int32)
    own = np.count_nonzero(some)
    styles[owners[some]] = found[:own]
    defaults[givers] = np.where(last > first, found[own:], 0)
    return styles, defaults, ["", *(name.decode() for name in names.dictionary.to_pylist())]
