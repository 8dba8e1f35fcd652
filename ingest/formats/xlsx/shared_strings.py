"""The shared strings of an xlsx workbook as one Arrow array: by whole columns, or by a parser if they are unusual."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

import numpy as np
import pyarrow as pa

from ...cells.arrow_masks import offsets_of
from ...cells.byte_set import ByteSet
from ...errors import rejected
from ...messages import say
from ..zip.xml_bytes import XmlBytes
from ..zip.xml_text import plain_texts, refuse_doctype, refuse_no_memory
from .string_list import StringListReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Places

_ROOT: Final = re.compile(rb"^\s*+(?:<\?xml[^>]*\?>\s*+)?<((?:[A-Za-z_][\w.-]{0,30}:)?)sst[\s>]")
_MOST_STRETCHES: Final = 2_000
"""So many different stretches of markup are read as fast by one parser as each by one of its own."""
_CONTEXTS: Final = (("sst", "si", "t"), ("sst", "si", "r", "t"), ("sst", "si", "rPh", "t"))
"""Where in the list a text may stand: plain, in a run of rich text, in a phonetic guide that nobody reads."""
_PHONETIC: Final = 2
_NEXT: Final = (*_CONTEXTS, ("sst",))
_END: Final = 3
_BEHIND_NAME: Final = ByteSet(b"> \t\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Markup after a text: the context of that text and of the next one, the strings that end, how the next begins."""

    before: int
    after: int
    strings: int
    preserve: bool


def shared_strings(content: bytes, name: str) -> pa.LargeStringArray:
    """Return the strings of a UTF-8 part, in order; of rich text the runs, without phonetic guides.

    Raises:
        FileRejectedError: the part is not well-formed XML.

    """
    found = by_stretches(content, name)
    if found is not None:
        return found
    refuse_doctype(content, name)
    reader = StringListReader()
    try:
        content.decode()
        reader.read(content, whole=True)
    except UnicodeDecodeError as error:
        raise rejected("file.corrupt_xml", say("the part {name} is not UTF-8", name=name)) from error
    except expat.ExpatError as error:
        refuse_no_memory(error)
        raise rejected(
            "file.corrupt_xml", say("the part {name} is not well-formed XML: {error}", name=name, error=error)
        ) from error
    return pa.array(reader.texts, pa.large_string())


def by_stretches(content: bytes, name: str) -> pa.LargeStringArray | None:
    """Read the strings by the stretches of markup between their texts; None if anything is unusual.

    What a stretch means depends on the elements that are open around it and not on any text, and there are only a
    few different ones: a parser reads each of those once.
    """
    root = _ROOT.match(content)
    if root is None:
        return None
    prefix, found = root[1], XmlBytes(content)
    places = _texts(found, prefix)
    if places is None:
        return None
    starts, ends = places
    if not len(starts) or len(starts) != len(ends) or not (starts <= ends).all() or not (ends[:-1] < starts[1:]).all():
        return None
    head = _read(content[: int(starts[0])])
    if head is None or head.stack not in _CONTEXTS:
        return None
    opening = b"<" + prefix + b"sst" + (b' xml:space="preserve">' if head.inherited else b">")
    encoded = found.between(starts, ends).dictionary_encode()
    tail, closing, behind = content[int(ends[-1]) :].rpartition(b"</" + prefix + b"si>")
    # What follows the last string says nothing; the list may even be cut off there.
    if b"si" in behind:
        return None
    if len(encoded.dictionary) > _MOST_STRETCHES:
        return None
    kinds = [_stretch(text, opening, prefix) for text in [*encoded.dictionary.to_pylist(), tail + closing]]
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds) or known[-1].after != _END:
        return None
    order = np.append(encoded.indices.to_numpy(), len(known) - 1)
    before = np.array([kind.before for kind in known])[order]
    after = np.append(_CONTEXTS.index(head.stack), np.array([kind.after for kind in known])[order])
    if not (before == after[:-1]).all() or any(kind.after == _END for kind in known[:-1]):
        return None
    preserve = np.append(head.preserve, np.array([kind.preserve for kind in known])[order])[:-1]
    texts = _cut(found, starts, np.where(before == _PHONETIC, starts, ends), name)
    strings = np.array([kind.strings for kind in known])[order]
    last = np.repeat(np.arange(1, len(strings) + 1), strings)
    return (
        None if texts is None else _joined(plain_texts(texts, preserve), np.append([0] * (len(head.texts) + 1), last))
    )


def _texts(found: XmlBytes, prefix: bytes) -> tuple[Places, Places] | None:
    """Return where the texts of all `<t>` begin and end; None if there is anything else than elements."""
    name = prefix + b"t"
    tags = found.tags_with((name, b"/" + name, b"!", b"?"))
    first = found.at[1:][tags]
    if (first == ord("!")).any() or (first[1:] == ord("?")).any():
        return None
    ends, opens = tags[first == ord("/")], tags[first == name[0]] + len(b"<" + name)
    ends = ends[found.at[ends + len(b"</" + name)] == ord(">")]
    opens = opens[_BEHIND_NAME.has(found.at[opens])]
    starts, others = opens + 1, found.at[opens] != ord(">")
    starts[others] = found.behind_next(b">", opens[others])
    return starts[found.at[starts - 2] != ord("/")], ends


def _cut(found: XmlBytes, starts: Places, ends: Places, name: str) -> pa.LargeStringArray | None:
    texts = found.pieces(starts, ends)
    whole = texts.buffers()[2]
    if whole is not None and (np.frombuffer(whole, np.uint8) == ord("<")).any():
        return None
    try:
        return texts.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise rejected("file.corrupt_xml", say("the part {name} is not UTF-8", name=name)) from error


def _joined(texts: pa.LargeStringArray, bounds: NDArray[np.int64]) -> pa.LargeStringArray:
    """Return texts that lie one behind the other as longer ones; each goes from one bound to the next."""
    offsets = offsets_of(texts)
    return pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(offsets[bounds]), texts.buffers()[2])


def _read(text: bytes) -> StringListReader | None:
    """Return what a parser makes of the beginning of a list; None if it is damaged or unusual."""
    reader = StringListReader()
    try:
        reader.read(text, whole=False)
    except expat.ExpatError:
        return None
    return None if reader.unusual else reader


def _stretch(text: bytes, opening: bytes, prefix: bytes) -> _Stretch | None:
    """Return what a stretch means; None unless there is exactly one context in which it may stand."""
    found: list[_Stretch] = []
    for before, context in enumerate(_CONTEXTS):
        opened = opening + b"".join(b"<" + prefix + name.encode() + b">" for name in context[1:])
        reader = _read(opened + text)
        if reader is not None and reader.stack in _NEXT:
            after = _NEXT.index(reader.stack)
            kind = _Stretch(before=before, after=after, strings=len(reader.texts), preserve=reader.preserve)
            found.append(kind)
    return found[0] if len(found) == 1 else None
