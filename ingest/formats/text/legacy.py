"""The old encoding of a text that is not in Unicode: by the titles that stand in it, or by how likely it reads."""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from ...spec.titles import normal
from .languages import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

CHINESE: Final = "gb18030"
_START_BYTES: Final = 1 << 20
_SAMPLE_BYTES: Final = 1 << 12
_NEAR: Final = 1 << 7
"""So many bytes on either side of one are near it."""
_BEYOND: Final = re.compile(rb"[\x80-\xff]")
_RUN: Final = re.compile(rb"[\x00-\x7f]?[\x80-\xff]+[\x00-\x7f]?")
"""Bytes beyond ASCII, and what they stand between."""
_TIMES: Final = 6
"""How often such a run counts: the same letter in the same place (`straße`) makes none of its readings likelier."""
_MOST_FIELDS: Final = 200_000
"""So many fields beyond ASCII are looked at, where most of them say no more."""
_BOUNDS: Final = (b"\r", b"\n", b"\t", b",", b";")
"""Line ends and delimiters that are no part of a character in any encoding."""
_BOUND: Final = re.compile(b"[" + b"".join(_BOUNDS) + b"]")
_WESTERN: Final = ("german", "french", "spanish", "portuguese", "italian", "nordic", "icelandic")
_CENTRAL: Final = ("polish", "czech", "hungarian", "romanian", "croatian", "german")
_LANGUAGES: Final = {
    CHINESE: ("simplified", "traditional"),
    "cp950": ("traditional",),
    "cp932": ("japanese", "half-width"),
    "euc_jp": ("japanese",),
    "cp949": ("korean",),
    "cp1251": ("russian", "ukrainian", "serbian"),
    "koi8_r": ("russian",),
    "koi8_u": ("russian", "ukrainian"),
    "koi8_t": ("tajik",),
    "cp866": ("russian",),
    "cp1125": ("russian", "ukrainian"),
    "iso8859_5": ("russian", "ukrainian"),
    "mac_cyrillic": ("russian", "ukrainian"),
    "cp1253": ("greek",),
    "iso8859_7": ("greek",),
    "mac_greek": ("greek",),
    "cp737": ("greek",),
    "cp1255": ("hebrew",),
    "cp862": ("hebrew",),
    "cp1256": ("arabic",),
    "iso8859_6": ("arabic",),
    "cp720": ("arabic",),
    "cp874": ("thai",),
    "cp1252": (*_WESTERN, "estonian"),
    "iso8859_15": (*_WESTERN, "estonian"),
    "cp850": _WESTERN,
    "mac_roman": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859_2": _CENTRAL,
    "cp852": _CENTRAL,
    "mac_latin2": _CENTRAL,
    "cp1254": ("turkish",),
    "cp857": ("turkish",),
    "cp1257": ("lithuanian", "latvian", "estonian"),
    "cp775": ("lithuanian", "latvian"),
}
"""The encodings that files of tables come in, and the languages that are written in each."""
_BROKEN: Final = re.compile(
    # What frames and shades a table on a terminal stands within no word.
    "(?<=[^\\W\\d_a-zA-Z])[\u2500-\u259f](?=[^\\W\\d_a-zA-Z])"
    # The letters of Hebrew that end a word.
    "|[ךםןףץ](?=[א-ת])"
    # The sigma of Greek that does likewise, and the sign that Windows has in the place of its Ά.
    "|ς(?=[α-ωά-ώ])"
    "|(?<!\\w)’(?=[Α-ώ])"
    # The vowels of Thai that are behind or above a consonant.
    "|(?<![\u0e01-\u0e5b])[\u0e30-\u0e3a\u0e45\u0e47-\u0e4e]"
    # Signs and fractions, where other encodings of Latin letters have some more of these.
    "|(?<=[A-Za-zÀ-ÖØ-öø-ž])[£¥¦¬±¹²³¼½¾](?=[A-Za-zÀ-ÖØ-öø-ž])"
    # A letter of half a width alone, but for the abbreviations of companies: `ｶ)ﾔﾏﾀﾞ`.
    "|(?<![ｦ-ﾟ(])[ｦ-ﾟ](?![ｦ-ﾟ)])"
    # Letters and digits by turns, twice: GB 18030 has letters of four bytes, two of which are digits.
    "|(?:[^\\W\\da-zA-Z_][0-9]){2}"
)
"""What is in no word of any language, but where a blank is missing or one too many."""
_NO_SIGN: Final = re.compile("[Ѐ-ӿ]€|€[Ѐ-ӿ]|[®©™»”’…÷≈∆√¬](?=[а-яё])")
"""Letters of Windows that are signs on a Macintosh: the last small one of Russian, and some capitals."""
_BREAK: Final = math.log(0.001)
"""How much rarer a text is for each of those: a wrong reading has many, a right one a slip here and there."""
_NOISE: Final = math.log(1 / 128)
"""How likely a byte beyond ASCII is if it means nothing."""
_SELDOM: Final = frozenset(
    {"iso8859_15", "koi8_u", "koi8_t", "mac_cyrillic", "mac_greek", "mac_latin2"}
    | {"cp737", "cp1125", "cp862", "cp720", "cp775", "cp857"}
)
_SELDOM_SHARE: Final = math.log(0.02)
"""How much rarer files in these encodings are than in the others."""
_MARGIN: Final = 7.0
_MARGIN_PER_CHARACTER: Final = 0.3
"""How much likelier, as a logarithm, the best reading must be than the next one, and than noise: the greater of both.

The tables are rough, and what they miss adds up with the characters that are read in two ways.
"""
_SELDOM_MARGIN: Final = 3.0
"""The least margin before a seldom encoding: its share speaks against it already, and few words are to be read."""
_CHINESE_BYTES: Final = re.compile(
    rb"[\x81-\xfe][\x30-\x39][\x81-\xfe][\x30-\x39]|[\x81-\xfe][\x40-\x7e\x80-\xfe]|(\x80)"
)
_EURO: Final = "€".encode(CHINESE)


class _Reading(NamedTuple):
    titles: int
    likelihood: float
    encoding: str
    text: str


class _Judged(NamedTuple):
    """The encoding of a sample, None if it cannot be known; which ones it may be; by which ones it is the same text."""

    encoding: str | None
    names: tuple[str, ...]
    alike: tuple[str, ...] = ()


def decoded_chinese(content: bytes) -> str:
    """Return the text of bytes in GB 18030, or in Windows' code page 936, where 0x80 is the euro sign.

    Raises:
        UnicodeDecodeError: they are in neither.

    """
    try:
        return content.decode(CHINESE)
    except UnicodeDecodeError:
        if b"\x80" not in content:
            raise
        return _CHINESE_BYTES.sub(lambda found: _EURO if found[1] else found[0], content).decode(CHINESE)


def likely_encoding(content: bytes, titles: frozenset[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the encoding of bytes that are no Unicode, None if it cannot be known; and those that it may be.

    `titles` are those that the text may have, in the form of `normal`: a reading in which more of them stand wins.
    """
    told = frozenset(title for title in titles if not title.isascii())
    sample = _joined(_fields_beyond(content[:_START_BYTES]))
    judged = _likely(sample, told)
    looked: tuple[str, ...] = ()
    # Where encodings have the same text for the sample, the first bytes that they read differently may stand anywhere.
    while judged.encoding and judged.alike != looked:
        looked = judged.alike
        sample = b"\n".join((sample, _joined(_fields_with(content, _read_apart(looked)))))
        judged = _likely(sample, told)
    return judged.encoding, judged.names


@lru_cache(maxsize=8)  # a file is looked at twice: to know what it is, and to read it
def _likely(sample: bytes, titles: frozenset[str]) -> _Judged:
    readings = sorted(_readings(sample, titles), reverse=True)
    if not readings:
        return _Judged(None, ())
    best = readings[0]
    others = [reading for reading in readings if reading.text != best.text]
    beyond = [character for character in best.text if not character.isascii()]
    near = [reading for reading in others if best.likelihood - reading.likelihood < _margin(best, reading)]
    names = tuple(dict.fromkeys(reading.encoding for reading in (best, *near)))
    noise = (len(sample) - len(best.text) + len(beyond)) * _NOISE
    told = best.titles and all(reading.titles < best.titles for reading in others)
    if not told and (near or best.likelihood - noise < _MARGIN):
        return _Judged(None, names)
    return _Judged(best.encoding, names, tuple(one.encoding for one in readings if one.text == best.text))


def _read_apart(encodings: tuple[str, ...]) -> bytes:
    """Return the bytes that not all of some encodings take for the same character."""
    return bytes(byte for byte in range(0x80, 0x100) if len({_alone(byte, one) for one in encodings}) > 1)


def _alone(byte: int, encoding: str) -> str:
    """Return the character that a byte is by itself; the name of the encoding if it is none, as a part of one is."""
    try:
        return _decoded(bytes([byte]), encoding)
    except UnicodeDecodeError:
        return encoding


def _margin(best: _Reading, other: _Reading) -> float:
    """Return how much likelier one text must be than another: they differ by so many characters beyond ASCII."""
    if len(best.text) == len(other.text):
        differ = sum(here != there for here, there in zip(best.text, other.text, strict=True))
    else:
        differ = sum(not character.isascii() for character in best.text)
    least = _SELDOM_MARGIN if other.encoding in _SELDOM and best.encoding not in _SELDOM else _MARGIN
    return max(least, _MARGIN_PER_CHARACTER * differ)


def _joined(found: Iterator[bytes]) -> bytes:
    """Return different fields, up to a size: what is there again and again says no more."""
    fields: dict[bytes, None] = {}
    seen: Counter[bytes] = Counter()
    size = 0
    for whole in islice(found, _MOST_FIELDS):
        field = whole[:_SAMPLE_BYTES]
        runs = () if field in fields else _RUN.findall(field)
        if all(seen[run] >= _TIMES for run in runs):
            continue
        seen.update(runs)
        size += len(field)
        fields[field] = None
        if size >= _SAMPLE_BYTES:
            break
    return b"\n".join(fields)


def _fields_beyond(content: bytes) -> Iterator[bytes]:
    """Yield what stands between bounds and is not all ASCII; no byte is looked at more than a few times."""
    end = 0
    while beyond := _BEYOND.search(content, end):
        start, end = _field(content, beyond.start(), end)
        yield content[start:end]


def _fields_with(content: bytes, signs: bytes) -> Iterator[bytes]:
    """Yield the first fields that each of some bytes stands in, or what is near it where they are long."""
    others = bytes(set(range(0x100)) - set(signs))
    for sign in sorted(set(content.translate(None, others))):
        end = 0
        for _ in range(_TIMES):
            if (place := content.find(sign, end)) < 0:
                break
            start, end = _field(content, place, max(end, place - _NEAR), place + _NEAR)
            yield content[start:end]


def _field(content: bytes, place: int, first: int, last: int | None = None) -> tuple[int, int]:
    """Return where the field of a byte begins and ends, both within a first and a last place."""
    last = len(content) if last is None else min(last, len(content))
    bound = _BOUND.search(content, place, last)
    start = max(first, *(content.rfind(before, first, place) + 1 for before in _BOUNDS))
    return start, bound.start() if bound else last


def _readings(sample: bytes, titles: frozenset[str]) -> Iterator[_Reading]:
    for encoding, languages in _LANGUAGES.items():
        try:
            text = _decoded(sample, encoding)
        except UnicodeDecodeError:
            continue
        plain = normal(text) if titles else ""
        found = sum(title in plain for title in titles)
        likelihood = max(LANGUAGES[language].likelihood(text) for language in languages)
        likelihood += _SELDOM_SHARE if encoding in _SELDOM else 0.0
        yield _Reading(found, likelihood + _breaks(text, encoding) * _BREAK, encoding, text)


def _decoded(content: bytes, encoding: str) -> str:
    return decoded_chinese(content) if encoding == CHINESE else content.decode(encoding)


def _breaks(text: str, encoding: str) -> int:
    """Count what stands in a text and in no word."""
    broken = len(_BROKEN.findall(text))
    return broken + (len(_NO_SIGN.findall(text)) if encoding == "mac_cyrillic" else 0)
