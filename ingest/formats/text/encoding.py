"""The text of a file in UTF-8: its encoding by its mark, its dataset, what it declares, or what its bytes can be."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from ...errors import FileRejectedError, rejected
from ...messages import say
from ...spec.encoding_name import meant_encoding, python_encoding
from .escapes import escaped_encoding
from .leftovers import without_leftovers
from .legacy import CHINESE, decoded_chinese, likely_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from ..hint import Hint

_MARKED: Final = "utf-8-sig"
_BOMS: Final = (
    (codecs.BOM_UTF8, _MARKED),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WESTERN: Final = "cp1252"
_START: Final = 4096
_MARKUP: Final = re.compile(rb"\s*<(?:!doctype|!--|\?xml|[a-z][\w:-]*[\s>])", re.IGNORECASE)
"""Text that begins so is markup, which may declare its encoding."""
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]*?\sencoding\s*=\s*["']\s*([\w.:-]+)|<meta\s[^>]*?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_WEB: Final = {
    **dict.fromkeys(("us-ascii", "ascii", "x-ansi"), "cp1252"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode", "unicodefeff"), "utf-8"),
    "iso-8859-9": "cp1254",
    "big5": "cp950",
    "tis-620": "cp874",
}
"""What a declared name stands for on pages alone (WHATWG Encoding Standard).

A page in UTF-16 is one by its bytes, not by its word.
"""
_SEVERAL_BYTES: Final = ("gb18030", "cp932", "cp949", "cp950", "euc_jp", "big5hkscs")
_NO_TEXT: Final = re.compile(rb"[\x01-\x06\x0e-\x19\x1c-\x1f]")
"""Control characters that no program writes into a text; the others are errors of their cells."""
_MOST_ZEROS: Final = 0.1
"""Share of zero bytes in a text of one byte a character, where a few may have slipped in."""
_BESIDE_ANOTHER: Final = re.compile(rb"[^\0]{2,}")
_PADDING: Final = re.compile(rb"\0+(?=[\r\n\t,;|\"]|\Z)")
_LEAST_BESIDE: Final = 0.5
"""Share of the bytes of a text padded with zeros that have another one beside them: of UTF-16 and UTF-32 none have."""
_LEAST_PADDING: Final = 0.9
"""Share of the zeros of such a text that stand at the end of a field."""
_TAR: Final = slice(257, 262), b"ustar"
"""Where an archive that may hold nothing but texts and zeros says what it is."""
_LINE_END: Final = re.compile("[\r\n]")
_PAIR: Final = re.compile(
    "(?:" + "|".join(f"[{chr(high << 8 | 0x20)}-{chr(high << 8 | 0x7E)}]" for high in range(0x20, 0x7F)) + ")"
)
"""What two ASCII characters of one byte each are when they are read as one: half of the ideographs at most are so."""
_NO_CHARACTER: Final = ("Cn", "Co")
_ASCII: Final = bytes(range(0x80))
_LEAST_UTF8: Final = 0.8
_SAMPLE_BYTES: Final = 1 << 20


def read_text(path: Path, hint: Hint) -> bytes:
    """Return the text of a file in UTF-8, without a mark.

    Raises:
        FileRejectedError: `file.format_unknown` for bytes that are no text, `file.encoding_ambiguous`.

    """
    return utf8_text(path.read_bytes(), hint)


def utf8_text(content: bytes, hint: Hint) -> bytes:
    """Return the text of bytes, likewise: they themselves if they are UTF-8, which is most often so."""
    return without_leftovers(_unicode(content, hint))


def undeclared(content: bytes, hint: Hint) -> bytes:
    """Return the texts of a workbook that does not say how they are encoded, in UTF-8.

    Where that cannot be known they are read as Excel does in the west, if that may be right.

    Raises:
        FileRejectedError: `file.encoding_ambiguous`.

    """
    if hint.encoding is not None:
        return _decoded(content, hint.encoding, "its dataset says so")
    try:
        return _text(content, "utf-8")
    except UnicodeDecodeError as error:
        western = content.decode(_WESTERN, "replace")
        encoding, names = _likely(content, hint.titles, error)
        if encoding is None and not any(content.decode(name, "replace") == western for name in names):
            raise _ambiguous(names) from error
    return _decoded(content, encoding or _WESTERN, say("it reads best so"))


def _unicode(content: bytes, hint: Hint) -> bytes:
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decoded(content, encoding, "it begins as one")
    if hint.encoding is not None:
        return _decoded(content, hint.encoding, "its dataset says so")
    unmarked = _utf16_without_mark(content) if b"\0" in content[:_START] else escaped_encoding(content)
    if unmarked is not None:
        return _decoded(content, unmarked, "its bytes are like that")
    declared = _declared(content) if _MARKUP.match(content) else None
    try:
        text = _text(content, "utf-8")
    except UnicodeDecodeError as error:
        return _declared_or_likely(content, declared, hint.titles, error)
    # Texts of two bytes a character are seldom valid UTF-8, and then by characters of two bytes alone.
    if declared in _SEVERAL_BYTES and not text.isascii() and max(text.decode()) < "\u0800":
        return _declared_or_likely(content, declared, hint.titles, None)
    return text


def _declared(content: bytes) -> str | None:
    """Return the encoding that markup declares, None if it names none that is known."""
    found = _DECLARED.search(content[:_START])
    if found is None:
        return None
    name = (found[1] or found[2]).decode("ascii", "replace").lower()
    try:
        return _WEB.get(name) or meant_encoding(name)
    except LookupError:
        return None


def _declared_or_likely(
    content: bytes, declared: str | None, titles: frozenset[str], error: UnicodeDecodeError | None
) -> bytes:
    if declared is not None:
        try:
            return _text(content, declared)
        except UnicodeDecodeError:
            pass
    encoding, names = _likely(content, titles, error)
    if encoding is None:
        raise _ambiguous(names)
    return _decoded(content, encoding, say("it reads best so"))


def _likely(
    content: bytes, titles: frozenset[str], error: UnicodeDecodeError | None
) -> tuple[str | None, tuple[str, ...]]:
    """Return what `likely_encoding` does; raises `FileRejectedError` for UTF-8 with an error in it."""
    sample = content[:_SAMPLE_BYTES]
    if error is not None and _beyond(sample.decode(errors="ignore").encode()) >= _LEAST_UTF8 * _beyond(sample):
        raise rejected("file.encoding_ambiguous", say("the text is UTF-8, but byte {place} is not", place=error.start))
    return likely_encoding(content, titles)


def _ambiguous(names: tuple[str, ...]) -> FileRejectedError:
    message = (
        say("the text is not UTF-8, and may be {encodings}", encodings=", ".join(names))
        if names
        else say("the text is not UTF-8, and reads well in no old encoding")
    )
    return rejected("file.encoding_ambiguous", message)


def _beyond(content: bytes) -> int:
    """Count the bytes that are not ASCII."""
    return len(content.translate(None, _ASCII))


def _decoded(content: bytes, encoding: str, reason: str) -> bytes:
    try:
        return _text(content, encoding)
    except UnicodeDecodeError as error:
        message = say(
            "the file should be {encoding}, for {reason}, but byte {place} is not",
            encoding=encoding,
            reason=reason,
            place=error.start,
        )
        raise rejected("file.encoding_ambiguous", message) from error


def _text(content: bytes, encoding: str) -> bytes:
    """Return in UTF-8 the text of bytes in an encoding; raises `UnicodeDecodeError`."""
    name = codecs.lookup(python_encoding(encoding)).name
    plain = content.removeprefix(codecs.BOM_UTF8) if name == _MARKED else content
    if name in ("utf-8", _MARKED) and _is_utf8(plain):
        return plain
    text = decoded_chinese(content) if meant_encoding(name) == CHINESE else content.decode(name)
    # Some codecs, which nobody means, make halves of characters.
    return text.encode(errors="replace")


def _is_utf8(content: bytes) -> bool:
    """Say whether bytes are UTF-8, in a third, at most, of the time that it takes to decode them."""
    whole = np.array([0, len(content)], np.int64)
    try:
        pa.LargeStringArray.from_buffers(1, pa.py_buffer(whole), pa.py_buffer(content)).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _utf16_without_mark(content: bytes) -> str | None:
    """Tell UTF-16 by where the zero bytes of ASCII characters stand; None for a text that zeros have slipped into.

    Raises:
        FileRejectedError: `file.format_unknown`: bytes with zeros that are no text.

    """
    start = content[:_START]
    even, odd = start[::2].count(0), start[1::2].count(0)
    least = len(start) // 8
    if odd > least and even == 0:
        return "utf-16-le"
    if even > least and odd == 0:
        return "utf-16-be"
    few, text = even + odd <= _MOST_ZEROS * len(start), not _NO_TEXT.search(start)
    if text and (_is_padded(start) or (few and _is_utf8_start(start.replace(b"\0", b"")))):
        return None
    # Of characters such as 一 and Ā the other byte is the zero.
    likely = "utf-16-le" if odd >= even else "utf-16-be"
    if _has_lines_in(start, likely):
        return likely
    if few and text:
        return None
    raise rejected(
        "file.format_unknown",
        say("the content is no workbook: it starts with {start}", start=repr(content[:8])),
    )


def _has_lines_in(start: bytes, encoding: str) -> bool:
    """Say whether bytes are lines of text in UTF-16, and no text of one byte a character with zeros in it."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    if b"\r\n" in start or not _LINE_END.search(text) or text.count("\0") > _MOST_ZEROS * len(text):
        return False
    pairs = len(_PAIR.findall(text))
    return pairs * 2 < len(text) and not any(unicodedata.category(one) in _NO_CHARACTER for one in text)


def _is_padded(start: bytes) -> bool:
    """Say whether a text in UTF-8 is filled up with zeros, its fields or its last block: those are errors of cells."""
    place, sign = _TAR
    text = start.replace(b"\0", b"")
    beside, padding = (sum(map(len, form.findall(start))) for form in (_BESIDE_ANOTHER, _PADDING))
    if start[place] == sign or not text or padding < _LEAST_PADDING * start.count(0):
        return False
    if beside < _LEAST_BESIDE * len(text):
        return False
    return _is_utf8_start(text)


def _is_utf8_start(text: bytes) -> bool:
    """Say whether bytes are UTF-8, but for a character that they end within."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.end == len(text) and error.reason == "unexpected end of data"
    return True
