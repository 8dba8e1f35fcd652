"""What programs leave in a text that is none of it: marks where files were put together, the end of file of DOS.

Knows UTF-8 and the quotes that values may stand in, no records and no fields.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Final

_MARKS: Final = re.compile(rb"(?:\A|(?<=[\r\n]))(?:%b)+" % BOM_UTF8)
_QUOTE: Final = b'"'
_BEFORE: Final = b'\r\n\t,;| "'
"""What a quote that opens a field stands behind, if it is not the first byte; a sign of inches is behind a number."""
_DOS_END: Final = b"\x1a"
_BEHIND_END: Final = _DOS_END + b"\0\r\n"
_TAIL_BYTES: Final = 1 << 12
"""What may stand behind the end: editors of old filled up the last block of the disk."""


def without_leftovers(content: bytes) -> bytes:
    """Return a text in UTF-8 without byte order marks at the starts of lines, and without the end of file of DOS.

    Marks within quotes are left: they are a part of a value.
    """
    # One byte is looked for first: that takes a tenth of the time.
    if BOM_UTF8[:1] in content and BOM_UTF8 in content:
        content = _without_marks(content)
    tail = content[-_TAIL_BYTES:]
    if _DOS_END not in tail:
        return content
    behind = len(tail) - len(tail.rstrip(_BEHIND_END))
    place = tail.find(_DOS_END, len(tail) - behind)
    return content if place < 0 else content[: len(content) - len(tail) + place]


def _without_marks(content: bytes) -> bytes:
    parts: list[bytes] = []
    end = quotes = 0
    within = False
    for marks in _MARKS.finditer(content):
        part = content[end : marks.start()]
        if (last := part.rfind(_QUOTE)) >= 0:
            quotes += part.count(_QUOTE)
            within = quotes % 2 == 1 and part[last - 1 : last] in _BEFORE
        parts += (part, marks[0]) if within else (part,)
        end = marks.end()
    return b"".join((*parts, content[end:]))
