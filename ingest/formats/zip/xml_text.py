"""Text out of XML, as Excel reads it: references, line ends, white space, escapes, encodings; knows no cells."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...cells.arrow_masks import bytes_of, has_byte, offsets_of, with_places
from ...errors import rejected
from ...messages import say
from ...spec.encoding_name import is_text_encoding
from .references import SURROGATES, resolved
from .xml_bytes import WHITE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

WHITE_SPACE: Final = " \t\r\n"
_ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DECLARATION: Final = re.compile(rb"^\s*<\?xml[^>]*\?>\s*")
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9_.:-]+)["']""")


def plain_texts(raw: pa.LargeStringArray, preserve: NDArray[np.bool_]) -> pa.LargeStringArray:
    r"""Return the character data of XML text nodes (no nulls) as Excel reads it.

    References are resolved, line ends are `\n`, `_x000D_` stands for that character, and white space around the
    text goes except where `preserve` is true: Excel strips it from a text without xml:space="preserve".
    """
    texts, rare = _trimmed(raw, preserve), _rare(raw)
    if not rare.any():
        return texts
    meant = _unescaped(_trimmed(resolved(raw.filter(pa.array(rare))), preserve[rare]))
    return pc.replace_with_mask(texts, pa.array(rare), meant)


def _trimmed(texts: pa.LargeStringArray, preserve: NDArray[np.bool_]) -> pa.LargeStringArray:
    if not has_byte(texts, WHITE_SPACE.encode()) or not (_white_edges(texts) & ~preserve).any():
        return texts
    return pc.if_else(pa.array(preserve), texts, pc.utf8_trim(texts, WHITE_SPACE))


def _rare(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which texts may hold a reference, a line end of another kind or an escape."""
    content = bytes_of(texts)
    escapes = np.flatnonzero(content == ord("_"))
    escapes = escapes[content[np.minimum(escapes + 1, len(content) - 1)] == ord("x")]
    found = np.concatenate([np.flatnonzero((content == ord("&")) | (content == ord("\r"))), escapes])
    return with_places(texts, found)


def _white_edges(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which texts, not all of which are empty, begin or end with white space."""
    content, offsets = bytes_of(texts), offsets_of(texts) - offsets_of(texts)[0]
    filled = offsets[1:] > offsets[:-1]
    last = len(content) - 1
    edges = WHITE.has(content[np.minimum(offsets[:-1], last)]) | WHITE.has(content[np.maximum(offsets[1:] - 1, 0)])
    white: NDArray[np.bool_] = edges & filled
    return white


def excel_text(text: str, *, preserve: bool) -> str:
    """Return the text of an XML node, its references resolved already, as Excel reads it."""
    text = text if preserve else text.strip(WHITE_SPACE)
    return _ESCAPE.sub(_escaped, text) if "_x" in text else text


def _unescaped(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    escapes = pc.match_substring(texts, "_x")
    some = texts.filter(escapes).dictionary_encode()
    if not len(some):
        return texts
    plain = [_ESCAPE.sub(_escaped, text) for text in some.dictionary.to_pylist()]
    return pc.replace_with_mask(texts, escapes, pa.array(plain, pa.large_string()).take(some.indices))


def _escaped(match: re.Match[str]) -> str:
    code = int(match[1], 16)
    return match[0] if code in SURROGATES else chr(code)


def utf8_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield an XML part as UTF-8 without a byte order mark, whatever its encoding.

    Raises:
        FileRejectedError: the encoding is unknown or the bytes are not of it.

    """
    decoder: codecs.IncrementalDecoder | None = None
    first = True
    try:
        for piece in pieces:
            if first:
                decoder, first = _decoder(piece), False
            yield piece.removeprefix(codecs.BOM_UTF8) if decoder is None else decoder.decode(piece).encode()
    except (LookupError, UnicodeError) as error:
        raise rejected("file.corrupt_xml", say("the encoding of a part is wrong: {error}", error=error)) from error


def is_utf8(start: bytes) -> bool:
    """Say whether an XML part that begins like this is in UTF-8 by its own word."""
    declared = _DECLARED.match(start.removeprefix(codecs.BOM_UTF8))
    return _decoder(start) is None and (declared is None or declared[1].lower() == b"utf-8")


def _decoder(start: bytes) -> codecs.IncrementalDecoder | None:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return codecs.getincrementaldecoder("utf-16")()
    if b"\0" in start[:2]:  # by which the parsers tell it, too: they must not see what nobody has looked at
        return codecs.getincrementaldecoder("utf-16-le" if start[1] == 0 else "utf-16-be")()
    declared = _DECLARED.match(start)
    if declared is None or declared[1].lower() in (b"utf-8", b"utf8", b"us-ascii", b"ascii"):
        return None
    name = declared[1].decode("ascii")
    if not is_text_encoding(name):  # Python calls some compressions so, too
        raise LookupError(f"unknown encoding: {name}")
    return codecs.getincrementaldecoder(name)()


def parse_xml(content: bytes, name: str) -> ET.Element:
    """Return the root element of a small part.

    Raises:
        FileRejectedError: it is not well-formed, or declares a document type.

    """
    content = b"".join(utf8_pieces([content]))
    refuse_doctype(content, name)
    try:
        # Entities can only be declared in a document type, which is refused above: nothing can expand.
        return ET.fromstring(_DECLARATION.sub(b"", content))  # noqa: S314
    except (ET.ParseError, ValueError, LookupError) as error:
        refuse_no_memory(error)
        raise rejected(
            "file.corrupt_xml", say("the part {name} is not well-formed XML: {error}", name=name, error=error)
        ) from error


def refuse_doctype(content: bytes, name: str) -> None:
    """Refuse a part that declares a document type, the only place where entities can be made to expand.

    Raises:
        FileRejectedError: it does.

    """
    # Few parts have an exclamation mark, and one byte is looked for much faster than several.
    if b"!" in content and b"<!DOCTYPE" in content:
        raise rejected("file.bomb", say("the part {name} has a document type declaration", name=name))


def refuse_no_memory(error: Exception) -> None:
    """Raise MemoryError where that is what an error of the XML parser says: nothing is wrong with the part then."""
    if getattr(error, "code", None) == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
        raise MemoryError from error


def local_name(tag: str) -> str:
    """Return the name of an element or attribute without its namespace."""
    return tag.rpartition("}")[2]
