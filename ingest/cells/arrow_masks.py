"""Masks over Arrow columns, as numpy arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from .byte_set import ByteSet

if TYPE_CHECKING:
    from numpy.typing import NDArray


_PRINTABLE: Final = 0x20
"""The first byte of ASCII that prints."""
_SPACES: Final = bytes(range(_PRINTABLE + 1)) + b"\xc2\xe1\xe2\xe3"
"""The first bytes in UTF-8 of all that `pc.utf8_trim_whitespace` trims, and of `[\\s\\p{Z}]`."""


def spread(values: pa.Array, where: NDArray[np.bool_]) -> pa.Array:
    """Return an array as long as `where` that has the values, in order, at its true places and nulls elsewhere."""
    if where.all():
        return values
    place = np.cumsum(where) - 1
    return values.take(pa.array(place, mask=~where))


def truth(mask: pa.BooleanArray) -> NDArray[np.bool_]:
    """Return an Arrow mask as a NumPy one; null is false."""
    known = mask.fill_null(fill_value=False) if mask.null_count else mask
    found: NDArray[np.bool_] = known.to_numpy(zero_copy_only=False)
    return found


def offsets_of(texts: pa.LargeStringArray) -> NDArray[np.int64]:
    """Return where each text begins in the bytes of all of them, and where the last one ends."""
    return np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]


def bytes_of(texts: pa.LargeStringArray) -> NDArray[np.uint8]:
    """Return the bytes of all texts, one text behind the other, without a copy."""
    offsets = offsets_of(texts)
    return np.frombuffer(texts.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]


def with_places(texts: pa.LargeStringArray, places: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say which texts have any of the places, which count from the first byte of all of them."""
    offsets = offsets_of(texts)
    found = np.zeros(len(texts), np.bool_)
    found[np.searchsorted(offsets, places + offsets[0], side="right") - 1] = True
    return found


def may_begin_with(texts: pa.LargeStringArray, words: tuple[str, ...] = ()) -> NDArray[np.bool_]:
    """Say which texts are empty, or begin as white space or one of the words does: a look before a closer one.

    Of nulls it says either.
    """
    offsets, content = offsets_of(texts), texts.buffers()[2]
    if content is None or not content.size:
        return np.ones(len(texts), np.bool_)
    first = np.frombuffer(content, np.uint8).take(offsets[:-1], mode="clip")
    found: NDArray[np.bool_] = _beginnings(words).has(first) | (offsets[1:] == offsets[:-1])
    return found


@lru_cache(maxsize=16)
def _beginnings(words: tuple[str, ...]) -> ByteSet:
    return ByteSet((*_SPACES, *(word.encode()[0] for word in words if word)))


def has_byte(texts: pa.LargeStringArray, wanted: bytes) -> bool:
    """Say whether any of the bytes may be in any of the texts: a look at all of them at once, before a closer one."""
    looked_at = bytes_of(texts)
    if any((looked_at == byte).any() for byte in wanted if byte >= _PRINTABLE):
        return True
    # Few texts have any of those that do not print: one comparison finds that out for all of them.
    low = looked_at[looked_at < _PRINTABLE]
    found = np.zeros(_PRINTABLE, np.bool_)
    found[[byte for byte in wanted if byte < _PRINTABLE]] = True
    return bool(found[low].any())


def with_nulls(texts: pa.LargeStringArray, where: NDArray[np.bool_]) -> pa.LargeStringArray:
    """Return texts that are null at the true places too, without copying any."""
    if not where.any():
        return texts
    known = ~where if not texts.null_count else ~where & truth(texts.is_valid())
    bits = pa.py_buffer(np.packbits(known, bitorder="little"))
    offsets = texts.buffers()[1].slice(texts.offset * np.dtype(np.int64).itemsize)
    return pa.LargeStringArray.from_buffers(len(texts), offsets, texts.buffers()[2], bits)
