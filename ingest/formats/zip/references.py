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
from .xml_bytes import WORD, XmlBytes, begins

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
_DIGITS: Final = np.array([int(letter, 16) if letter in hexdigits else 16 for letter in map(chr, range(256))], np.uint8)
"""What each letter is as a digit; 16 is none."""
_LEADS: Final = (0x00, 0xC0, 0xE0, 0xF0)
"""The first byte of a character of one byte, of two, three and four (RFC 3629, 3)."""
_LONGER_FROM: Final = np.array([0x80, 0x800, 0x10000])
"""The first characters of two, three and four bytes."""


def resolved(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    r"""Return texts (no nulls) with the characters that references stand for, all line ends as `\n`.

    Raises:
        FileRejectedError: an ampersand begins no known reference, or there is no such character.

    """
    offsets = offsets_of(raw) - offsets_of(raw)[0]
    xml = XmlBytes(bytes_of(raw).tobytes())
    places = xml.places(b"&\r")
    codes, lengths = _replacements(xml, places, offsets)
    written, sizes = _utf8(codes)
    content, keep = xml.at[: xml.size].copy(), np.ones(xml.size, np.bool_)
    for place in range(len(_LEADS)):
        here = sizes > place
        content[places[here] + place] = written[here, place]
    spare = lengths - sizes
    shorter = np.append(0, np.cumsum(spare))
    keep[np.repeat(places + sizes - shorter[:-1], spare) + np.arange(shorter[-1])] = False
    ends = offsets - shorter[np.searchsorted(places, offsets)]
    return pa.LargeStringArray.from_buffers(len(raw), pa.py_buffer(ends), pa.py_buffer(content[keep]))


def _replacements(xml: XmlBytes, places: Places, offsets: Places) -> tuple[Numbers, Numbers]:
    """Return the character for each reference and line end, and how long what it replaces is."""
    words = xml.words(places)
    codes, lengths = _numeric(words, b"&#", 10)
    rest = np.flatnonzero(lengths == 0)
    codes[rest], lengths[rest] = _numeric(words[rest], b"&#x", 16)
    for name, character in NAMED.items():
        here = begins(words, name.encode())
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
    letters = words.view(np.uint8).reshape(-1, WORD)
    codes, lengths = np.zeros(len(words), np.int64), np.zeros(len(words), np.int64)
    goes_on = begins(words, opening) & (letters[:, len(opening)] != ord(";"))
    for place in range(len(opening), WORD):
        digits = _DIGITS[letters[:, place]]
        lengths[goes_on & (letters[:, place] == ord(";"))] = place + 1
        goes_on &= digits < base
        codes = np.where(goes_on, codes * base + digits, codes)
    return codes, lengths


def _utf8(codes: Numbers) -> tuple[NDArray[np.uint8], Numbers]:
    """Return the UTF-8 of each character in a row of its own, and how many bytes of that count."""
    sizes = 1 + np.searchsorted(_LONGER_FROM, codes, side="right")
    written = np.zeros((len(codes), len(_LEADS)), np.uint8)
    for size, lead in enumerate(_LEADS, 1):
        here = np.flatnonzero(sizes == size)
        rest = codes[here]
        for place in range(size - 1, 0, -1):
            written[here, place] = 0x80 | (rest & 0x3F)
            rest = rest >> 6
        written[here, 0] = lead | rest
    sizes[codes == _NOTHING] = 0
    return written, sizes
