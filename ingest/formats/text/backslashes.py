"""Delimited text in which a backslash stands before each quote within a field, as Spark, MySQL and Python may write it.

Put into the form of all others (two quotes for one), where the quotes prove it; knows no records and no values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from .dialect import Dialect
from .find_dialect import DELIMITERS
from .orderly import Quotes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BACKSLASH: Final = ord("\\")
_QUOTE: Final = ord('"')
_ENDS: Final = b"\r\n"
_WRITTEN: Final = frozenset(b'"\\\r\n')
"""What a backslash stands before in quotes, of writers that put one before itself as well."""
_UNSURE: Final = frozenset(b"\\'")
"""Before itself it may be one or two, where it stands before others; before an apostrophe it is a part of the value."""


def with_doubled_quotes(content: bytes) -> bytes:
    """Return a text in UTF-8 in which no quote needs a backslash; all lines stay where they are.

    It is one where quotes are in order only so, and no two stand for one. Any other text is returned as it is, and so
    is one in which nothing says whether two backslashes are one.
    """
    # One byte is found many times faster than two, and most texts have none.
    if b"\\" not in content or b'\\"' not in content:
        return content
    # Backslashes are paired from the left, so that one behind another one escapes nothing.
    masked = content.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    for delimiter in DELIMITERS:
        dialect = Dialect(delimiter=delimiter)
        quotes = Quotes(masked, dialect)
        if quotes.doubled:
            break
        if quotes.in_order and not Quotes(content, dialect).in_order:
            return _rewritten(np.frombuffer(content, np.uint8), delimiter, quotes)
    return content


def _rewritten(text: NDArray[np.uint8], delimiter: str, quotes: Quotes) -> bytes:
    places = _pairs(text)
    behind, enclosed = text[places + 1], quotes.enclose(places)
    if not np.any(enclosed & (behind == _QUOTE)):
        return text.tobytes()  # what quotes never enclose may have such backslashes in its values
    # Some writers put no quotes around a field for the sake of a quote in it: they write it as one in quotes.
    bare = places[~enclosed & (behind == _QUOTE)]
    meant = np.ones_like(enclosed) if len(bare) else enclosed
    escaped = frozenset(np.unique(behind[meant]).tolist())
    if not escaped <= _WRITTEN and escaped & _UNSURE:
        return text.tobytes()
    written, kept = text.copy(), np.ones(len(text), np.bool_)
    written[places[meant & (behind == _QUOTE)]] = _QUOTE
    if escaped <= _WRITTEN:
        kept[places[meant & (behind != _QUOTE)]] = False
    around = _fields_around(text, bare, delimiter)
    return np.insert(written, around, _QUOTE)[np.insert(kept, around, True)].tobytes()


def _pairs(text: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return where each backslash stands that escapes what is behind it."""
    places = np.flatnonzero(text[:-1] == _BACKSLASH)
    numbers = np.arange(len(places))
    begins = np.diff(places, prepend=-2) != 1
    within = numbers - np.maximum.accumulate(np.where(begins, numbers, 0))
    pairs: NDArray[np.int64] = places[within % 2 == 0]
    return pairs


def _fields_around(text: NDArray[np.uint8], places: NDArray[np.int64], delimiter: str) -> NDArray[np.int64]:
    """Return where the fields begin and end that these places outside of quotes lie in."""
    if not len(places):
        return places
    bounds = np.flatnonzero(np.isin(text, [ord(delimiter), *_ENDS]))
    fields = np.unique(np.searchsorted(bounds, places))
    begins, ends = np.append(0, bounds + 1)[fields], np.append(bounds, len(text))[fields]
    return np.sort(np.concatenate([begins, ends]))
