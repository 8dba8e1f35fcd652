"""What the parts of a form are called, and in which encoding; knows nothing of bodies or of where they go."""

from __future__ import annotations

import re
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from multipart import MultipartSegment

ENCODINGS: Final = ("utf-8", "gb18030")
"""Of the texts in a form, tried in this order."""
BYTES: Final = "latin-1"
"""As which the heads of parts are taken for the time being: it keeps every byte."""
_QUOTED: Final = re.compile(r'"(?:\\.|[^\\"])*"')
_EXTENDED: Final = re.compile(r"; *filename\* *= *([\w.:+-]+)'[^';]*'([^;\s]*)", re.IGNORECASE)
_ENCODED_WORDS: Final = re.compile(r"=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=(?:\s+=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=)*")


def file_name(part: MultipartSegment) -> str | None:
    """Return the name of a part's file; None if it is a field.

    RFC 7578 wants it as it is. Clients of .NET send it as `filename*` (RFC 8187) beside an encoded word (RFC 2047),
    those of Spring send one of the two, old ones of Python `filename*` alone.
    """
    extended = _EXTENDED.search(_QUOTED.sub("", part.header("Content-Disposition", "")))
    if extended is not None:
        with suppress(LookupError, ValueError):
            return unquote_to_bytes(extended[2].encode(BYTES)).decode(extended[1])
    return None if part.filename is None else _without_words(text_of(part.filename.encode(BYTES)))


def text_of(text: bytes | bytearray) -> str:
    """Read a name or a short text; nobody says in which encoding a form is, and old programs send their system's."""
    for encoding in ENCODINGS:
        with suppress(UnicodeDecodeError):
            return text.decode(encoding)
    return text.decode("utf-8", "replace")


def _without_words(name: str) -> str:
    """Read a name that consists of encoded words; any other is returned as it is."""
    if _ENCODED_WORDS.fullmatch(name):
        with suppress(HeaderParseError, LookupError, ValueError):
            return str(make_header(decode_header(name)))
    return name
