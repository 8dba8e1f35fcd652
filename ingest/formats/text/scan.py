"""One record of delimited text under one reading of its quotes: knows no other records, and judges nothing.

A quote opens a field at its start, two of them within it are one, and one that a delimiter or the line's end follows
closes it (RFC 4180); within a field that does not begin with one, a quote is itself (as in Excel).
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from .dialect import Dialect

Reading = Literal["strict", "within", "doubled", "behind"]
"""What a quote within a quoted field is that neither closes it nor is one of two.

`strict`: an error; `within`: itself; `doubled`: likewise, and of two quotes at a field's end the second one closes it;
`behind`: it closes, and what stands behind it, without another quote, is part of the field.
"""

_LINE: Final = re.compile(r"[^\r\n]*")
_OPENINGS: Final = 50
"""How many quotes of a line are taken for themselves, one by one, before all of them are."""


class Scan(NamedTuple):
    """One reading of a record: its fields, and the offset where it ends.

    `broken` is the offset of a quote that opens a field and does not close; the fields end before it then.
    """

    fields: list[str]
    end: int
    broken: int | None = None


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends: CR, LF or both."""
    return list(io.StringIO(text, newline=""))


def line_end(text: str, place: int) -> int:
    """Return where the line that a place is in ends: before its CR or LF."""
    return _end(_LINE, text, place)


class Scanner:
    """Reads records out of a text, each from an offset on."""

    def __init__(self, text: str, dialect: Dialect) -> None:
        self._text, self._delimiter, self._quote = text, dialect.delimiter, dialect.quote
        delimiter = re.escape(dialect.delimiter)
        self._spaced = dialect.spaced
        self._begin = re.compile(r" *" if dialect.spaced else r"")
        self._plain = re.compile(rf"[^{delimiter}\r\n]*")
        blank = r" *" if dialect.delimiter == "\t" else r"[ \t]*"
        self._closed = re.compile(rf"{blank}(?=[{delimiter}\r\n]|\Z)")
        self._quoted: dict[Reading, Callable[[int], tuple[str, int] | None]] = {
            "strict": self._strict,
            "within": self._within,
            "doubled": self._doubled,
            "behind": self._behind,
        }

    def record(
        self,
        start: int = 0,
        reading: Reading = "strict",
        literal: frozenset[int] = frozenset(),
        most: int | None = None,
    ) -> Scan:
        """Return the record that begins there; quotes at the offsets `literal` open no field.

        One of more fields than `most` is as broken as one whose quote does not close.
        """
        end = line_end(self._text, start)
        if not self._spaced and self._text.find(self._quote, start, end) < 0:
            return Scan(self._text[start:end].split(self._delimiter), end)
        fields: list[str] = []
        place, quoted = start, self._quoted[reading]
        while True:
            place = _end(self._begin, self._text, place)
            if self._text.startswith(self._quote, place) and place not in literal:
                found = quoted(place)
                if found is None:
                    return Scan(fields, place, place)
                field, place = found
            else:
                end = _end(self._plain, self._text, place)
                field, place = self._text[place:end], end
            fields.append(field)
            if not self._text.startswith(self._delimiter, place):
                return Scan(fields, place)
            if len(fields) == most:
                return Scan(fields, place, place)
            place += 1

    def closes(self, opening: int) -> bool:
        """Say whether a quote behind one that opens a field is not one of two, wherever it stands."""
        return self._closing(opening + 1) >= 0

    def literally(self) -> tuple[list[str], int]:
        """Return the fields of a text that is one line, and the offset of the first quote that opens and never closes.

        Such quotes are themselves, as few of them as can be.
        """
        literal: list[int] = []
        while len(literal) < _OPENINGS:
            scan = self.record(literal=frozenset(literal))
            if scan.broken is None:
                return scan.fields, literal[0] if literal else 0
            literal.append(scan.broken)
        return self._text.split(self._delimiter), literal[0]

    def _strict(self, opening: int) -> tuple[str, int] | None:
        return self._field(opening, lenient=False, doubled=False)

    def _within(self, opening: int) -> tuple[str, int] | None:
        return self._field(opening, lenient=True, doubled=False)

    def _doubled(self, opening: int) -> tuple[str, int] | None:
        return self._field(opening, lenient=True, doubled=True)

    def _behind(self, opening: int) -> tuple[str, int] | None:
        closing = self._closing(opening + 1)
        if closing < 0:
            return None
        end = _end(self._plain, self._text, closing + 1)
        behind = self._text[closing + 1 : end]
        return None if self._quote in behind else (self._unescaped(opening, closing) + behind, end)

    def _field(self, opening: int, *, lenient: bool, doubled: bool) -> tuple[str, int] | None:
        """Return a quoted field and the offset behind it, None if it does not close."""
        place = opening + 1
        while (closing := self._closing(place, doubled=doubled)) >= 0:
            closed = self._closed.match(self._text, closing + 1)
            if closed is not None:
                return self._unescaped(opening, closing), closed.end()
            if not lenient:
                break
            place = closing + 1
        return None

    def _closing(self, place: int, *, doubled: bool = False) -> int:
        """Return the offset of the next quote that is not one of two, -1 for none."""
        quote = self._quote
        while (place := self._text.find(quote, place)) >= 0 and self._text.startswith(quote, place + 1):
            if doubled and self._closed.match(self._text, place + 2) and not self._text.startswith(quote, place + 2):
                return place + 1
            place += 2
        return place

    def _unescaped(self, opening: int, closing: int) -> str:
        return self._text[opening + 1 : closing].replace(self._quote * 2, self._quote)


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    """Return where the match of a pattern that takes nothing, too, ends."""
    match = pattern.match(text, place)
    return place if match is None else match.end()
