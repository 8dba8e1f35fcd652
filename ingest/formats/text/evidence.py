"""What the records of a delimited text have in common, as far as their quotes are in order; decides nothing."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Final

from .scan import Scanner, lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .dialect import Dialect

SAMPLE_LINES: Final = 2000
_LEAST_ALIKE: Final = 0.95
_LEAST_RECORDS: Final = 0.8
MOST_LINES: Final = 50
"""How many lines a record may go on while its quotes are in doubt."""
_LEAST_ENCLOSED: Final = 3
"""So many fields a record must have to be told from a text with a delimiter in it."""
BLANK: Final = " \xa0\u2000-\u200a\u202f\u3000"
NUMBER: Final = re.compile(
    rf"[\s$€£¥]*+(?:[-+(][{BLANK}$€£¥]*+)?\.?\d[\d.,:/{BLANK}%)-]*+(?:[eE][-+]?\d++)?[{BLANK}$€£¥%]*+"
)
"""A number, a date or a time, however it is written; nothing is tried twice, for a field may be long.

A tab may stand before it, to keep its zeros; behind one may stand the next number, with a decimal comma in each.
"""


class Evidence:
    """The usual number of fields, and in which of them all records have a number."""

    def __init__(self, lines: Sequence[str], dialect: Dialect) -> None:
        self._dialect = dialect
        delimiter, quote = re.escape(dialect.delimiter), re.escape(dialect.quote)
        field = rf" *+(?:{quote}(?:[^{quote}]|{quote}{quote})*+{quote} *|[^{quote}{delimiter}]*+)"
        self._orderly = re.compile(rf"{field}(?:{delimiter}{field})*+")
        found = list(self._records(lines[:SAMPLE_LINES]))
        # A quoted field that is all of a record says nothing of the others: it may enclose a whole one.
        widths = Counter(len(fields) for line, fields in found if not self._is_enclosed(line, fields))
        self.width = max(widths, key=lambda width: (widths[width], width), default=0)
        """The usual number of fields; 0 if there is no record in good order."""
        usual = [(line, fields) for line, fields in found if len(fields) == self.width]
        self._usual = [fields for _, fields in usual]
        begun = sum(line.startswith(dialect.quote) for line, _ in usual)
        self._begun = bool(usual) and begun >= _LEAST_ALIKE * len(usual)

    def _is_enclosed(self, line: str, fields: Sequence[str]) -> bool:
        quoted = len(fields) == 1 and line.startswith(self._dialect.quote)
        return quoted and self._dialect.delimiter in fields[0]

    def _records(self, lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield each record in good order, also of several lines, with its first line; others are a line each."""
        number = 0
        while number < len(lines):
            line, height = lines[number], 1
            fields = self.record(line)
            if fields is None and self._dialect.quote in line:
                near = "".join(lines[number : number + MOST_LINES])
                scan = Scanner(near, self._dialect).record()
                if scan.broken is None and self._orderly.fullmatch(near, 0, scan.end):
                    fields, height = scan.fields, len(lines_of(near[: scan.end]))
            if fields is not None:
                yield line, fields
            number += height

    def record(self, line: str) -> list[str] | None:
        """Return the fields of a line that is a record without a stray quote, None for any other."""
        line = line.rstrip("\r\n")
        if not line.strip():
            return None
        if self._dialect.quote not in line:
            return line.split(self._dialect.delimiter)
        return Scanner(line, self._dialect).record().fields if self._orderly.fullmatch(line) else None

    def is_record(self, line: str) -> bool:
        """Say whether a line can be a record of the table by itself."""
        return self._alike(line, self.record(line))

    def begins(self, line: str) -> bool:
        """Say whether a line can begin a record that goes on in the next one, after a quote that stays open."""
        scan = Scanner(line.rstrip("\r\n"), self._dialect).record()
        return scan.broken is not None and 0 < len(scan.fields) < self.width and self._looks_alike(scan.fields)

    def encloses(self, field: str) -> bool:
        """Say whether the only field of a record is a whole record, which something has put into quotes once more.

        Numbers where the others have them say so, or quotes within; else it is a text with delimiters in it.
        """
        quote = self._dialect.quote in field
        if self.width < _LEAST_ENCLOSED or (0 in self._numbers and _is_number(field)) or not (quote or self._numbers):
            return False
        scan = Scanner(field, self._dialect).record()
        whole = scan.broken is None and scan.end == len(field) and len(scan.fields) == self.width
        return whole and self._looks_alike(scan.fields)

    def swallows(self, record: str) -> bool:
        """Say whether a record of several lines may as well be a record a line."""
        lines = lines_of(record)
        inner = [line for line in lines[1:-1] if line.strip()]
        if inner:
            return sum(map(self.is_record, inner)) >= _LEAST_RECORDS * len(inner)
        return all(self._alike(line, line.rstrip("\r\n").split(self._dialect.delimiter)) for line in lines)

    def _alike(self, line: str, fields: Sequence[str] | None) -> bool:
        """Say whether a line looks like a record: as many fields, with numbers, spaces and a quote as the others."""
        if fields is None or len(fields) != self.width or self.width <= 1:
            return False
        if self._begun and not line.startswith(self._dialect.quote):
            return False
        return self._looks_alike(fields)

    def _looks_alike(self, fields: Sequence[str]) -> bool:
        """Say whether what is there of a record has numbers and spaces as the others."""
        there = len(fields)
        quote = self._dialect.quote or None
        numbers = all(_is_number(fields[place].strip(quote)) for place in self._numbers if place < there)
        return numbers and not any(fields[place].startswith(" ") for place in self._unspaced if place < there)

    @cached_property
    def _numbers(self) -> tuple[int, ...]:
        return self._places(_is_number, self._usual[1:])

    @cached_property
    def _unspaced(self) -> tuple[int, ...]:
        return self._places(lambda field: not field.startswith(" "), self._usual)

    def _places(self, holds: Callable[[str], bool], records: Sequence[Sequence[str]]) -> tuple[int, ...]:
        """Return the fields of which something holds in all records but a few."""
        least = _LEAST_ALIKE * len(records)
        return tuple(
            place for place in range(self.width) if records and sum(holds(record[place]) for record in records) >= least
        )


def _is_number(field: str) -> bool:
    """Say whether a field holds nothing else; a tab at its end, which keeps its zeros as well, is no delimiter here."""
    return not field.strip() or NUMBER.fullmatch(field.removesuffix("\t")) is not None
