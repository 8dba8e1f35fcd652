"""The bytes of an XML part as a NumPy array: where tags stand and what lies between places; knows no elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ...cells.byte_set import ByteSet
from ..pieces import between, in_sequence, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Places = NDArray[np.int64]
    Words = NDArray[np.uint64]

WORD: Final = 8
MASKS: Final = np.array([(1 << 8 * length) - 1 for length in range(WORD + 1)], np.uint64)
_ZEROS: Final = np.uint64(int.from_bytes(b"0" * WORD, "little"))
_ABOVE_NINE: Final = np.uint64(int.from_bytes(b"\6" * WORD, "little"))
"""What makes a byte above nine reach its upper half, or the next byte if that is filled already."""
_HIGH_HALVES: Final = np.uint64(int.from_bytes(b"\xf0" * WORD, "little"))
_PAIRS: Final = np.uint64(0x000000FF000000FF)
"""Where every second pair of digits stands."""
_PADDING: Final = 64
WHITE: Final = ByteSet(b" \t\r\n")
"""The white space of XML."""
_FIRST_PRINTABLE: Final = 0x20
_NO_CHARACTERS: Final = tuple(chr(code).encode() for code in (0xFFFE, 0xFFFF))
_NEAR: Final = 32
"""As long as nearly every tag is."""
_AT_ONCE: Final = 1 << 14
_FEW: Final = 1_000
"""So many bytes are found by themselves faster than all that there are."""
_WINDOW: Final = 1 << 18
"""What is looked through at once should stay in a core's own cache."""


class XmlBytes:
    """Bytes with enough zeros behind them that looking a little ahead never leaves them."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self.bytes = content + bytes(_PADDING)
        self.at = np.frombuffer(self.bytes, np.uint8)
        # NumPy gathers texts faster than words that are not aligned.
        self._windows: NDArray[np.bytes_] = np.ndarray(
            (self.size + _PADDING - WORD + 1,), dtype=f"S{WORD}", buffer=self.bytes, strides=(1,)
        )

    def places(self, wanted: bytes) -> Places:
        """Return where any of the bytes stands."""
        # That there is none is found out much faster than where some are.
        wanted = bytes(byte for byte in wanted if byte in self.bytes)
        if not wanted:
            return np.empty(0, np.int64)
        return self._where(lambda part: _any_of(part, wanted))

    def tags(self) -> Places:
        """Return where each tag begins."""
        return self.places(b"<")

    def tags_with(self, beginnings: Sequence[bytes]) -> Places:
        """Return where each tag begins behind whose `<` any of the texts, of fewer than 64 bytes each, stands."""
        ahead = max(map(len, beginnings))

        def test(part: NDArray[np.uint8]) -> Mask:
            behind, size = part[1:], len(part) - ahead
            found = _stands_from(behind, beginnings[0], size)
            for text in beginnings[1:]:
                found |= _stands_from(behind, text, size)
            found &= part[:size] == ord("<")
            return found

        return self._where(test, ahead)

    def count(self, byte: bytes) -> int:
        """Return how often the byte stands anywhere."""
        return sum(int(np.count_nonzero(part == ord(byte))) for _, part in self._parts())

    def holds(self, text: bytes, rare: bytes) -> bool:
        """Say whether a text stands anywhere; `rare` is a byte of it that few others are."""
        return bool(self.stands(text, self.places(rare) - text.index(rare)).any())

    def controls(self) -> Places:
        """Return where what does not print stands, line ends and tabs too."""
        return self._where(lambda part: part < _FIRST_PRINTABLE)

    def _where(self, test: Callable[[NDArray[np.uint8]], Mask], ahead: int = 0) -> Places:
        parts = [np.flatnonzero(test(part)) + start for start, part in self._parts(ahead)]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _parts(self, ahead: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield windows with so many bytes more behind each, and where each begins."""
        for start in range(0, self.size, _WINDOW):
            yield start, self.at[start : min(start + _WINDOW, self.size) + ahead]

    def is_text(self) -> bool:
        """Say whether all is UTF-8, and none of it the two characters of three bytes that XML does not allow."""
        try:
            in_sequence(self.bytes, np.array([0, self.size])).cast(pa.large_string())
        except pa.ArrowInvalid:
            return False
        return not any(self.holds(character, character[:1]) for character in _NO_CHARACTERS)

    def words(self, places: Places, offset: int = 0) -> Words:
        """Return the eight bytes at each place, or so far behind it, as one number, the first byte the lowest."""
        found: Words = self._windows[offset:][places].view("<u8")
        return found

    def stands(self, text: bytes, places: Places) -> Mask:
        """Say at which places the text stands."""
        found = begins(self.words(places), text)
        for offset in range(WORD, len(text), WORD):
            found &= begins(self.words(places, offset), text[offset:])
        return found

    def behind_next(self, byte: bytes, places: Places) -> Places:
        """Return the place behind the next such byte that stands at or behind each place; 0 without one."""
        ends = np.zeros(len(places), np.int64)
        window: NDArray[np.bytes_] = np.ndarray(
            (self.size + _PADDING - _NEAR + 1,), dtype=f"S{_NEAR}", buffer=self.bytes, strides=(1,)
        )
        for start in range(0, len(places), _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            found = window[some].view(np.uint8).reshape(len(some), _NEAR) == ord(byte)
            first = found.argmax(axis=1)
            ends[start : start + _AT_ONCE] = np.where(found[np.arange(len(some)), first], some + first + 1, 0)
        far = np.flatnonzero(ends == 0)
        if len(far) > _FEW:
            every = np.append(self.places(byte), -1)
            ends[far] = every[np.searchsorted(every[:-1], places[far])] + 1
        else:
            ends[far] = [self.bytes.find(byte, place) + 1 for place in places[far].tolist()]
        return ends

    def before_space(self, places: Places) -> Places:
        """Return the places behind what stands before the white space before each place, if that is not long."""
        return self._past_space(places, -1)

    def behind_space(self, places: Places) -> Places:
        """Return the places of what stands behind the white space at each place, if that is not long."""
        return self._past_space(places, 1)

    def _past_space(self, places: Places, step: int) -> Places:
        ahead = min(step, 0)  # what is passed backwards stands before the place
        white = np.flatnonzero(WHITE.has(self.at[places + ahead]) & (places + ahead >= 0))
        if not len(white):
            return places
        found = places.copy()
        for _ in range(_PADDING):
            found[white] += step
            here = found[white] + ahead
            white = white[WHITE.has(self.at[here]) & (here >= 0)]
            if not len(white):
                break
        return found

    def pieces(self, starts: Places, ends: Places) -> pa.LargeBinaryArray:
        """Return the bytes from each start to its end, wherever they are."""
        return pieces(self.bytes, starts, ends)

    def between(self, starts: Places, ends: Places) -> pa.LargeBinaryArray:
        """Return what lies between each end and the next start."""
        return between(self.bytes, starts, ends)


def _any_of(part: NDArray[np.uint8], wanted: bytes) -> Mask:
    found: Mask = part == wanted[0]
    for byte in wanted[1:]:
        found |= part == byte
    return found


def _stands_from(part: NDArray[np.uint8], text: bytes, size: int) -> Mask:
    """Say from which of the first places on the text stands."""
    found: Mask = part[:size] == text[0]
    for place, byte in enumerate(text[1:], 1):
        found &= part[place : place + size] == byte
    return found


def begins(words: Words, text: bytes) -> Mask:
    """Say which words begin with the text, of which only the first eight bytes count."""
    text = text[:WORD]
    mask, value = np.uint64((1 << 8 * len(text)) - 1), np.uint64(int.from_bytes(text, "little"))
    found: Mask = (words & mask) == value
    return found


def masked(words: Words, lengths: NDArray[np.int64]) -> Words:
    """Return words of which only the first bytes are left, as many as the lengths say: eight at most."""
    found: Words = words & MASKS[np.clip(lengths, 0, WORD)]
    return found


def numbers(words: Words, digits: NDArray[np.int64]) -> tuple[NDArray[np.int64], Mask]:
    """Return the numbers that the first bytes of words are, so many digits each (0 without), and which are such."""
    values = (words ^ _ZEROS) & MASKS[digits]
    fine: Mask = ((values | (values + _ABOVE_NINE)) & _HIGH_HALVES) == 0
    return put_together(values, digits), fine


def put_together(values: Words, digits: NDArray[np.int64] | int, base: int = 10) -> NDArray[np.int64]:
    """Return the numbers that the values of digits make, a byte each, so many of each word and zeros behind them.

    All of a word are worked on at once: neighbours make pairs, and these count by where they stand, 32 bits up.
    """
    values = values << np.asarray(8 * (WORD - digits)).astype(np.uint64)
    pairs = values * np.uint64(base) + (values >> np.uint64(8))
    even, odd = np.uint64(base**2 + (base**6 << 32)), np.uint64(1 + (base**4 << 32))
    found: Words = ((pairs & _PAIRS) * even + ((pairs >> np.uint64(16)) & _PAIRS) * odd) >> np.uint64(32)
    return found.astype(np.int64)


def quoted_numbers(words: Words) -> tuple[NDArray[np.int64], NDArray[np.int64], Mask]:
    """Return the numbers that words begin with, their digits' count, and which are such: a quotation mark ends each."""
    marks = words.view(np.uint8).reshape(len(words), WORD)
    digits = (marks == ord('"')).argmax(axis=1).astype(np.int64)
    found, fine = numbers(words, digits)
    return found, digits, fine & (digits > 0)
