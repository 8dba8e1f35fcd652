"""Delimited text that lies in the first column of another one: takes it out, knows titles and no other values.

A spreadsheet whose language has another list separator opens a CSV in one column, and writes each line of it as one
field: in quotes where there are quotes in it, with its own delimiters behind it, or both (`"sku,qty"`, `sku,qty;;;`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from .dialect import Dialect
from .file import START_CHARACTERS
from .find_dialect import DELIMITERS, find_dialect, most_titles
from .scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEAST_TITLES: Final = 2
"""A single title may as well be a part of another one."""
_LEAST_FIELDS: Final = 3
"""So many fields a row must have, or one in quotes, to be told from a text with a delimiter in it."""
_HEADERS: Final = 50
"""How many records are looked at for the header, and for what is in quotes."""


class _Record(NamedTuple):
    """A record of a single field as it is written, and the field; each with the line end behind it."""

    written: str
    field: str


def unwrapped(content: bytes, titles: frozenset[str]) -> bytes:
    """Return the text within such a one, if a dataset's titles, in the form of `normal`, say that it is one.

    All lines stay where they are.
    """
    start = content[:START_CHARACTERS]
    line = start.lstrip(b"\r\n").splitlines()[:1]
    padded = bool(line) and line[0].endswith(tuple(map(str.encode, DELIMITERS)))
    if not titles or not (padded or start.startswith(b'"') or b'\n"' in start or b'\r"' in start):
        return content
    sample = start.decode(errors="ignore")
    for delimiter in DELIMITERS:
        dialect = Dialect(delimiter=delimiter)
        first = _records(sample, dialect, _HEADERS)
        # Of the whole text only where its beginning has titles: it is scanned character by character.
        if not _differ(first) or most_titles("".join(one.field for one in first), titles) < _LEAST_TITLES:
            continue
        if records := _records(content.decode(), dialect):
            inner = "".join(record.field for record in records)
            if _is_meant(records, inner, titles):
                return inner.encode()
    return content


def _records(text: str, dialect: Dialect, most: int | None = None) -> Sequence[_Record]:
    """Return the records of a text of a single column, none if any record has another field that is not empty."""
    scanner, place = Scanner(text, dialect), 0
    records: list[_Record] = []
    while place < len(text) and len(records) != most:
        scan = scanner.record(place)
        if most is not None and records and scan.broken is not None:
            break  # a sample ends anywhere
        if scan.broken is not None or any(scan.fields[1:]):
            return ()
        end = scan.end + (2 if text.startswith("\r\n", scan.end) else 1)
        records.append(_Record(text[place:end], scan.fields[0] + text[scan.end : end]))
        place = end
    return records


def _differ(records: Sequence[_Record]) -> bool:
    return any(record.written != record.field for record in records)


def _is_meant(records: Sequence[_Record], inner: str, titles: frozenset[str]) -> bool:
    """Say whether more titles stand in the fields than in what is written, or as many above rows of as many fields."""
    written = "".join(record.written for record in records[:_HEADERS])
    found, before = (most_titles(text[:START_CHARACTERS], titles) for text in (inner, written))
    if found < _LEAST_TITLES or found > before:
        return found >= _LEAST_TITLES
    dialect = find_dialect(inner[:START_CHARACTERS], titles).dialect
    header = next(
        (row for row, record in enumerate(records) if most_titles(record.field, titles) == found), len(records)
    )
    rows = [record for record in records[header + 1 :] if record.field.strip()]
    width = len(Scanner(records[header].field, dialect).record().fields) if rows else 0
    return bool(rows) and all(
        row.written != row.field
        and len(Scanner(row.field, dialect).record().fields) == width
        and (width >= _LEAST_FIELDS or dialect.delimiter + dialect.quote in dialect.delimiter + row.field)
        for row in rows
    )
