"""The encodings of mail, which have no bytes beyond ASCII: told by the sequences that lead out of it and back."""

from __future__ import annotations

import re
from typing import Final

from .languages import LANGUAGES

_ESCAPE: Final = b"\x1b"
_SEQUENCES: Final = (
    (re.compile(rb"\x1b\$\)C"), "iso2022_kr"),
    (re.compile(rb"\x1b(?:\$[@B]|\$\([@BD]|\(I)"), "iso2022_jp_ext"),
)
_HZ: Final = "hz"
_HZ_PART: Final = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e])+)~\}")
_HZ_OPENING: Final = b"~{"
_LEAST_CHINESE: Final = 8
"""How many characters of Chinese stand in a text at least, those of the same word once."""
_LEAST_LIKELY: Final = -9.5
"""How likely such a character is on average, as a logarithm: the usual ones are at -7, the others at -12.

Letters between such braces, as templates have them, are seldom usual ones.
"""
_WORD: Final = re.compile(rb"\w+")
"""What a name of a template is; of Chinese hardly a text has nothing but letters and digits."""
_HIGH: Final = bytes(byte | 0x80 for byte in range(0x100))


def escaped_encoding(content: bytes) -> str | None:
    """Return the encoding of a text in which escape sequences lead out of ASCII; None for any other text."""
    if _ESCAPE in content and content.isascii():
        return next((encoding for sequence, encoding in _SEQUENCES if sequence.search(content)), None)
    # One byte is looked for first: that takes a tenth of the time.
    if _HZ_OPENING[:1] in content and _HZ_OPENING in content and content.isascii() and _is_hz(content):
        return _HZ
    return None


def _is_hz(content: bytes) -> bool:
    """Say whether all that may be Chinese in a text of HZ (RFC 1843) is, and no part of a plain text."""
    parts = _HZ_PART.findall(content)
    if len(parts) != content.count(_HZ_OPENING):
        return False
    different = b"".join(dict.fromkeys(parts))
    try:
        text = different.translate(_HIGH).decode("gb2312")
    except UnicodeDecodeError:
        return False
    likely = LANGUAGES["simplified"].likelihood(text) >= _LEAST_LIKELY * len(text)
    return likely and len(text) >= _LEAST_CHINESE and not _WORD.fullmatch(different)
