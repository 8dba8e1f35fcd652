"""The opening tags of a chunk's cells: each cell's place and what kind of tag it has, of which a file has few.

What stands before the reference of a cell and behind it is compared as whole words; of all tags that are the same
but for the reference, one is taken apart. Of a tag that is not `fine`, which only a parser knows, nothing is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ..zip.xml_bytes import WORD, begins, masked, quoted_numbers
from .cell_values import TYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, Words, XmlBytes
    from .sheet_tags import SheetTags

_USUAL: Final = b'<c r="'
_BARE: Final = b"<c"
_MOST_BEGINNINGS: Final = 32
"""Different texts before the reference; a file has one, as a rule."""
_COMMON: Final = 24
"""So many kinds of tags are found by looking for each; what is left then is sorted."""
_LONGEST: Final = 48
"""Bytes of a tag from its reference on, or before it: longer ones are left to a parser."""
_LETTERS: Final = 26


def _columns_of_pairs() -> NDArray[np.int16]:
    """Return, by two bytes as a number, the 0-based column whose one or two letters they begin with; -1 if none."""
    letters = np.arange(1 << 8, dtype=np.uint8) - np.uint8(ord("A"))
    second, first = letters[:, np.newaxis], letters[np.newaxis]  # of a little-endian number the first is the low byte
    columns = np.where(second < _LETTERS, (first + np.int16(1)) * _LETTERS + second, first.astype(np.int16))
    return np.where(first < _LETTERS, columns, np.int16(-1)).ravel().astype(np.int16)


_COLUMN_OF: Final = _columns_of_pairs()
ATTRIBUTE_NAME: Final = r"[A-Za-z_][\w:.-]*"
_NAME: Final = ATTRIBUTE_NAME.encode()
_ATTRIBUTES: Final = rb"(?:[ \t\r\n]+" + _NAME + rb'="[^"<>]*")*'
_TAG: Final = re.compile(rb"<c(" + _ATTRIBUTES + rb")[ \t\r\n]*(/?)>[ \t\r\n]*")
_ATTRIBUTE: Final = re.compile(rb"[ \t\r\n](" + _NAME + rb')="([^"]*)"')
_TO_REFERENCE: Final = re.compile(rb"<c" + _ATTRIBUTES + rb'?[ \t\r\n]+r="')  # as few attributes as there may be
_STYLE: Final = re.compile(rb"[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TagKind:
    """What all cells with the same tag have in common: place in `TYPES`, style, whether they are empty elements."""

    code: int
    style: int
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """Of each cell its 0-based place and its kind, a place in `kinds`; `referred` are those that say where they are.

    `contents` is where the tag behind the opening one begins.
    """

    fine: Mask
    referred: Mask
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    kind_of: NDArray[np.int64]
    kinds: list[TagKind]
    contents: Places


def read_openings(xml: XmlBytes, found: SheetTags) -> Openings:
    """Return what the opening tags of all cells say."""
    starts, ends = found.cells, found.following
    lengths, beginnings = _beginnings(xml, starts)
    referred = lengths > len(_BARE)
    places = starts + lengths
    rows, columns, behind, referable = _references(xml, found, places)
    if not referred.all():
        behind = np.where(referred, behind, places)
        referable |= ~referred
    fine = referable & (lengths > 0) & (behind <= ends)
    behind = np.minimum(behind, ends)
    kind_of, contents, samples = _kinds(xml, behind, beginnings)
    kinds: list[TagKind] = []
    known = np.ones(len(samples), np.bool_)
    for place, sample in enumerate(samples):
        reference = b'A1"' if referred[sample] else b""
        head = xml.bytes[int(starts[sample]) : int(places[sample])]
        text = _to_next_tag(xml, int(behind[sample]))
        kind = _kind(head + reference + text) if len(text) < _LONGEST else None
        known[place] = kind is not None
        kinds.append(kind or TagKind(code=0, style=0, closed=False))
    if not known.all():
        fine &= known[kind_of]
    return Openings(
        fine=fine,
        referred=referred,
        rows=rows,
        columns=columns,
        kind_of=kind_of,
        kinds=kinds,
        contents=np.minimum(contents, ends),
    )


def _to_next_tag(xml: XmlBytes, place: int) -> bytes:
    return xml.bytes[place : xml.bytes.find(b"<", place)]


def _beginnings(xml: XmlBytes, starts: Places) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Return how long what stands before each reference is, and which it is; 0 if it is of no form that is known."""
    usual = begins(xml.words(starts), _USUAL)
    lengths = np.where(usual, len(_USUAL), 0)
    if usual.all():
        return lengths, None
    numbers = np.zeros(len(starts), np.int64)
    rest = np.flatnonzero(~usual)
    for number in range(1, _MOST_BEGINNINGS):
        if not len(rest):
            break
        first = int(starts[rest[0]])
        text = xml.bytes[first : xml.bytes.find(b"<", first + 1) + 1]
        if len(text) > _LONGEST:
            rest = rest[1:]
            continue
        match = _TO_REFERENCE.match(text)
        # Without a reference, what follows is compared as that which stands behind one.
        same = xml.stands(match[0] if match else text, starts[rest])
        lengths[rest[same]] = len(match[0]) if match else len(_BARE)
        numbers[rest[same]] = number
        rest = rest[~same]
    return lengths, numbers


def _references(
    xml: XmlBytes, found: SheetTags, places: Places
) -> tuple[NDArray[np.int64], NDArray[np.int64], Places, Mask]:
    """Return rows, columns and the places behind references that begin at the places, and which of them are such."""
    words, rows, row_of = xml.words(places), found.rows, found.row_of
    columns = _COLUMN_OF[words.astype(np.uint16)].astype(np.int64)
    fine = columns >= 0
    count = _letter_count(columns)
    # Nearly always it ends with the number of its row, as that is written there.
    alike = (rows.digits == rows.digits[0]).all()
    digits, masks = (rows.digits[:1], rows.masks[:1]) if alike else (rows.digits[row_of], rows.masks[row_of])
    whole = int(count.max(initial=0)) + int(rows.digits.max()) < WORD
    numbers = words >> (WORD * count).astype(np.uint64) if whole else xml.words(places + count)
    same = ((numbers & masks) == rows.written[row_of]) & (digits > 0)
    row_numbers = rows.numbers[row_of]
    behind = places + count + digits + 1
    other = np.flatnonzero(fine & ~same)
    if len(other):
        row_numbers[other], columns[other], behind[other], fine[other] = _other_references(
            xml, places[other], words[other], columns[other]
        )
    return row_numbers, columns, behind, fine


def _letter_count(columns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many letters, one or two, each column has; once if that is the same for all."""
    two = columns >= _LETTERS
    return two + np.int64(1) if two.any() else np.ones(1, np.int64)


def _other_references(
    xml: XmlBytes, places: Places, words: Words, columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], Places, Mask]:
    """Return rows, columns and the places behind references of any number and up to three letters, which are such.

    `columns` are those of the first two letters.
    """
    third = words.view(np.uint8).reshape(-1, WORD)[:, 2] - np.uint8(ord("A"))
    three = (columns >= _LETTERS) & (third < _LETTERS)
    columns = np.where(three, (columns + 1) * _LETTERS + third, columns)
    places = places + 1 + (columns >= _LETTERS) + three
    numbers, digits, fine = quoted_numbers(xml.words(places))
    return numbers - 1, columns, places + digits + 1, fine


def _kinds(
    xml: XmlBytes, places: Places, beginnings: NDArray[np.int64] | None
) -> tuple[NDArray[np.int64], Places, list[int]]:
    """Return the kind of each cell by what stands from its place to the next tag, where that is, one of each kind."""
    kind_of, contents, samples = np.zeros(len(places), np.int64), places.copy(), list[int]()
    rest, words = np.arange(len(places)), xml.words(places)
    while len(rest) and len(samples) < _COMMON:
        first = int(rest[0])
        # With the next tag no text is the beginning of another.
        text = _to_next_tag(xml, int(places[first])) + b"<"
        same = begins(words, text)
        for offset in range(WORD, min(len(text), _LONGEST), WORD):
            some = np.flatnonzero(same)
            same[some] = begins(xml.words(places[rest[some]], offset), text[offset:])
        if beginnings is not None:
            same &= beginnings[rest] == beginnings[first]
        cells = rest[same]
        kind_of[cells] = len(samples)
        contents[cells] += len(text) - 1
        samples.append(first)
        rest, words = rest[~same], words[~same]
    if len(rest):
        contents[rest] = xml.behind_next(b"<", places[rest]) - 1
        lengths = contents[rest] - places[rest]
        parts = [] if beginnings is None else [beginnings[rest].astype(np.uint64)]
        parts += [masked(xml.words(places[rest], offset), lengths - offset) for offset in range(0, _LONGEST, WORD)]
        _, firsts, others = np.unique(np.stack(parts), axis=1, return_index=True, return_inverse=True)
        kind_of[rest] = others.ravel() + len(samples)
        samples += rest[firsts].tolist()
    return kind_of, contents, samples


def _kind(tag: bytes) -> TagKind | None:
    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    pairs = _ATTRIBUTE.findall(found[1])
    attributes = dict(pairs)
    style, name = attributes.get(b"s", b"0"), attributes.get(b"t", b"").decode("latin-1")
    if len(attributes) < len(pairs) or not _STYLE.fullmatch(style) or name not in TYPES or b"&" in tag:
        return None
    return TagKind(code=TYPES.index(name), style=int(style), closed=bool(found[2]))
