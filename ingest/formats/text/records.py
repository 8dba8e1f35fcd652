"""Delimited text as records, however its quotes are: owns which reading of a quote holds, knows no columns.

What breaks the rules is read by the line that it stands in: a reading that gives the line as many fields as the others
have is what was meant. A quote that opens a field and never closes makes its row suspect, and the next line begins a
new record: no line is lost. A quoted field that is a whole record by itself makes its row suspect, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...errors import FileRejectedError, rejected
from ...messages import say
from .evidence import MOST_LINES, SAMPLE_LINES, Evidence
from .open_quotes import OpenQuotes
from .scan import Scanner, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .dialect import Dialect
    from .scan import Reading

_ON_THE_LINE: Final[tuple[Reading, ...]] = ("within", "doubled", "behind")
_OVER_LINES: Final[tuple[Reading, ...]] = ("within", "doubled")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitText:
    """The records of a text, and what is wrong with the quotes of those (0-based) that are suspect."""

    records: Sequence[Sequence[str]]
    suspects: Mapping[int, str]


def split_text(text: str, dialect: Dialect, above: int = 0) -> SplitText:
    """Return the records of a text that has so many lines above it in its file.

    Raises:
        FileRejectedError: `file.quote_ambiguous`: lines within quotes are as well records of their own.

    """
    return _Splitter(text, dialect, above).split()


def swallowed(record: str, dialect: Dialect, line: int) -> FileRejectedError:
    """Return the refusal of a file whose record in a 1-based line encloses lines that look like records."""
    _, opening = Scanner(lines_of(record)[0].rstrip("\r\n"), dialect).literally()
    message = say(
        "the quote that opens in line {line}, column {column} encloses lines that look like records",
        line=line,
        column=opening + 1,
    )
    return rejected("file.quote_ambiguous", message)


class _Splitter:
    def __init__(self, text: str, dialect: Dialect, above: int) -> None:
        self._text, self._dialect, self._above = text, dialect, above
        self._lines = lines_of(text)
        self._scanner = Scanner(text, dialect)
        self._evidence = Evidence(self._lines, dialect)
        self._open_quotes = OpenQuotes(self._lines, dialect)
        self._starts = self._open_quotes.starts
        self._refused: set[int] = set()
        """Where records end that hold lines which are records as well."""

    def split(self) -> SplitText:
        dialect, number = self._dialect, 0
        opening = dialect.delimiter + dialect.quote
        records: list[Sequence[str]] = []
        suspects: dict[int, str] = {}
        while number < len(self._lines):
            line = self._lines[number].rstrip("\r\n")
            quoted = dialect.quote in line and (dialect.spaced or line.startswith(dialect.quote) or opening in line)
            if not quoted:
                fields: Sequence[str] = line.split(dialect.delimiter)
                records.append([field.lstrip(" ") for field in fields] if dialect.spaced else fields)
                number += 1
                continue
            found = self._on_the_line(line) or self._over_lines(number)
            if found is None:
                fields, column = Scanner(line, dialect).literally()
                line_number = self._above + number + 1
                suspects[len(records)] = f"the quote that opens in line {line_number}, column {column + 1} never closes"
                found = fields, 1
            fields, height = found
            if len(fields) == 1 and self._evidence.encloses(fields[0]):
                suspects[len(records)] = f"quotes enclose all fields of line {self._above + number + 1}: take them away"
            records.append(fields)
            number += height
        return SplitText(records=records, suspects=suspects)

    def _on_the_line(self, line: str) -> tuple[Sequence[str], int] | None:
        """Return the fields of a record that ends on its line, with the number of its lines."""
        scanner, width = Scanner(line, self._dialect), self._evidence.width
        strict = scanner.record()
        whole = len(strict.fields) >= width or self._evidence.record(line) is not None
        if strict.broken is None and whole:
            return strict.fields, 1
        for reading in _ON_THE_LINE:
            scan = scanner.record(0, reading)
            fits = reading != "behind" or self._bounds(scan.fields, scanner.literally()[0])
            if scan.broken is None and len(scan.fields) == (width or len(scan.fields)) and fits:
                return scan.fields, 1
        return None if strict.broken is not None else (strict.fields, 1)

    def _bounds(self, fields: Sequence[str], literal: Sequence[str]) -> bool:
        """Say whether fields are the only ones of the usual number, or the literal ones but for the quotes."""
        bare = [field.replace(self._dialect.quote, "") for field in literal]
        return len(literal) != self._evidence.width or bare == list(fields)

    def _over_lines(self, number: int) -> tuple[Sequence[str], int] | None:
        """Return likewise a record that goes on in the next lines.

        Raises:
            FileRejectedError: `file.quote_ambiguous`: it holds lines that are records as well.

        """
        start, width = self._starts[number], self._evidence.width
        ending = self._open_quotes.ending(number)
        if ending is not None:
            if ending.end in self._refused and ending.fields != width:
                return None
            strict = self._scanner.record(start)
            record, height = self._text[start : strict.end], self._height(number, strict.end)
            # The line in which quotes close is no record by itself, or they close nothing there.
            ends_alone = self._evidence.is_record(self._lines[number + height - 1])
            if not ends_alone and not self._swallows(number, height, record):
                return strict.fields, height
            if len(strict.fields) == width:
                raise swallowed(record, self._dialect, self._above + number + 1)
            self._refused.add(strict.end)
            return None
        near = Scanner("".join(self._lines[number : number + MOST_LINES]), self._dialect)
        for reading in _OVER_LINES:
            scan = near.record(0, reading, most=width)
            if scan.broken is None and len(scan.fields) == width:
                height = self._height(number, start + scan.end)
                inner = self._lines[number + 1 : number + height]
                if not any(self._evidence.is_record(line) or self._evidence.begins(line) for line in inner):
                    return scan.fields, height
        return None

    def _swallows(self, number: int, height: int, record: str) -> bool:
        """Say whether a record encloses others by what the lines around it are, which is no matter of its own lines."""
        if not self._evidence.swallows(record):
            return False
        near = slice(max(0, number - SAMPLE_LINES), number), slice(number + height, number + height + SAMPLE_LINES)
        around = [line for part in near for line in self._lines[part]]
        return Evidence(around[-SAMPLE_LINES:], self._dialect).swallows(record)

    def _height(self, number: int, end: int) -> int:
        """Return how many lines a record has that ends at an offset of the text."""
        height = 1
        while self._starts[number + height] <= end and number + height < len(self._lines):
            height += 1
        return height
