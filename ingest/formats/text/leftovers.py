"""What programs leave in a text that is none of it: marks where files were put together, the end of file of DOS.

Knows UTF-8 alone, no records and no fields.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Final

_MARKS: Final = re.compile(rb"(^|[\r\n])(?:%b)+" % BOM_UTF8)
_DOS_END: Final = b"\x1a"
_BEHIND_END: Final = _DOS_END + b"\0\r\n"
_TAIL_BYTES: Final = 1 << 12
"""What may stand behind the end: editors of old filled up the last block of the disk."""


def without_leftovers(content: bytes) -> bytes:
    """Return a text in UTF-8 without byte order marks at the starts of lines, and without the end of file of DOS."""
    if BOM_UTF8 in content:
        content = _MARKS.sub(rb"\1", content)
    tail = content[-_TAIL_BYTES:]
    if _DOS_END not in tail:
        return content
    behind = len(tail) - len(tail.rstrip(_BEHIND_END))
    place = tail.find(_DOS_END, len(tail) - behind)
    return content if place < 0 else content[: len(content) - len(tail) + place]
