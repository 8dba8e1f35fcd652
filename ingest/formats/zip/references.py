"""Character references and line ends in XML text, resolved in all texts of a column at once; knows no elements."""

from __future__ import annotations

import re
from string import hexdigits
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ...cells.arrow_masks import bytes_of, offsets_of
from ...errors import rejected
from ...messages import say
from .xml_bytes import MASKS, WORD, XmlBytes, begins, put_together

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .xml_bytes import Places, Words

    Numbers = NDArray[np.int64]

NAMED: Final = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
"""Those that every document knows; the last one's character begins others."""
_REFERENCE: Final = re.compile(rb"&#(?:x([0-9A-Fa-f]+)|([0-9]+));")
_LAST_CHARACTER: Final = 0x10FFFF
SURROGATES: Final = range(0xD800, 0xE000)
_NOTHING: Final = -1
_MOST_DIGITS: Final = 7
"""Of the last character, in decimal."""
_DIGITS: Final = bytes(int(letter, 16) if letter in hexdigits else 16 for letter in map(chr, range(256)))
"""What each letter is as a digit; 16 is none."""
_EACH: Final = np.uint64(int.from_bytes(b"\1" * WORD, "little"))
_HIGHEST: Final = 0x80
"""The bit of a byte that no sum of digits has."""
_LONGER: Final = ((0x80, 0xC0), (0x800, 0xE0), (0x10000, 0xF0))
"""The first characters of two, three and four bytes, and what the first of these bytes has (RFC 3629, 3)."""
_MARK: Final = b"\xff"
"""What no UTF-8 has."""


def resolved(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    r"""Return texts (no nulls) with the characters that references stand for, all line ends as `\n`.

    Raises:
        FileRejectedError: an ampersand begins no known reference, or there is no such character.

    """
    offsets = offsets_of(raw) - offsets_of(raw)[0]
    xml = XmlBytes(bytes_of(raw).tobytes())
    places = xml.places(b"&\r")
    words = xml.words(places)
    codes, lengths = _replacements(xml, places, words, offsets)
    written, sizes = _utf8(codes)
    # A character stands where its reference began; the rest of that is marked, and all marks are taken out at once.
    replaced = MASKS[np.minimum(lengths, WORD)]
    content = bytearray(xml.bytes)
    windows: Words = np.ndarray((xml.size,), dtype="<u8", buffer=content, strides=(1,))
    windows[places] = written | (replaced & ~MASKS[sizes]) | (words & ~replaced)
    for place in np.flatnonzero(lengths > WORD).tolist():
        start, length = int(places[place]), int(lengths[place])
        content[start + WORD : start + length] = _MARK * (length - WORD)
    shorter = np.append(0, np.cumsum(lengths - sizes))
    ends = offsets - shorter[np.searchsorted(places, offsets)]
    left = content[: xml.size].translate(None, _MARK)
    return pa.LargeStringArray.from_buffers(len(raw), pa.py_buffer(ends), pa.py_buffer(left))


def _replacements(xml: XmlBytes, places: Places, words: Words, offsets: Places) -> tuple[Numbers, Numbers]:
    """Return the character for each reference and line end, and how long what it replaces is."""
    codes, lengths = _numeric(words, b"&#", 10)
    rest = np.flatnonzero(lengths == 0)
    if len(rest):
        codes[rest], lengths[rest] = _numeric(words[rest], b"&#x", 16)
        for name, character in NAMED.items():
            here = rest[begins(words[rest], name.encode())]
            codes[here], lengths[here] = ord(character), len(name)
    behind = offsets[np.searchsorted(offsets, places, side="right")]
    returns = xml.at[places] == ord("\r")
    paired = returns & (xml.at[1:][places] == ord("\n")) & (places + 1 < behind)
    codes[returns], lengths[returns] = ord("\n"), 1
    codes[paired] = _NOTHING
    for place in np.flatnonzero(lengths == 0).tolist():
        found = _REFERENCE.match(xml.bytes, int(places[place]))
        if found is not None:
            codes[place] = _code(found[2], 10) if found[1] is None else _code(found[1], 16)
            lengths[place] = len(found[0])
    if ((lengths == 0) | (places + lengths > behind)).any():
        raise rejected("file.corrupt_xml", say("a text has an ampersand that begins no known reference"))
    wrong = np.flatnonzero((codes > _LAST_CHARACTER) | ((codes >= SURROGATES.start) & (codes < SURROGATES.stop)))
    if len(wrong):
        first, length = int(places[wrong[0]]), int(lengths[wrong[0]])
        reference = xml.bytes[first : first + length].decode()
        raise rejected("file.corrupt_xml", say("there is no character {reference}", reference=reference))
    return codes, lengths


def _code(digits: bytes, base: int) -> int:
    digits = digits.lstrip(b"0")
    return int(digits or b"0", base) if len(digits) <= _MOST_DIGITS else _LAST_CHARACTER + 1


def _numeric(words: Words, opening: bytes, base: int) -> tuple[Numbers, Numbers]:
    """Return the number of each reference that a word holds, and its length; 0 for all others."""
    codes, lengths = np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
    rest = np.flatnonzero(begins(words, opening))
    for count in range(WORD - len(opening) - 1, 0, -1):
        if not len(rest):
            break
        behind = words[rest] >> np.uint64(8 * len(opening))
        digits = np.frombuffer((behind & MASKS[count]).tobytes().translate(_DIGITS), np.uint64)
        wrong = (digits + _EACH * np.uint64(_HIGHEST - base)) & MASKS[count] & (_EACH * np.uint64(_HIGHEST))
        here = begins(behind >> np.uint64(8 * count), b";") & (wrong == 0)
        codes[rest[here]] = put_together(digits[here] & MASKS[count], count, base)
        lengths[rest[here]] = len(opening) + count + 1
        rest = rest[~here]
    return codes, lengths


def _utf8(codes: Numbers) -> tuple[Words, Numbers]:
    """Return the UTF-8 of each character, its first byte the lowest of a word, and how many bytes of that count."""
    rest = np.maximum(codes, 0).astype(np.uint64)
    written, sizes = rest.copy(), np.ones(len(codes), np.int64)
    for size, (first, lead) in enumerate(_LONGER, 2):
        here = np.flatnonzero(codes >= first)
        if not len(here):
            break
        left, word = rest[here], np.zeros(len(here), np.uint64)
        for place in range(size - 1, 0, -1):
            word |= (np.uint64(0x80) | (left & np.uint64(0x3F))) << np.uint64(8 * place)
            left = left >> np.uint64(6)
        written[here], sizes[here] = word | left | np.uint64(lead), size
    sizes[codes == _NOTHING] = 0
    return written, sizes
