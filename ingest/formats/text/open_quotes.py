"""Where records end that a quote leaves open at the end of a line: looks at no line twice, and judges nothing."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from .scan import Scanner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .dialect import Dialect


class Ending(NamedTuple):
    """The offset of a text at which a record ends, and how many fields it has."""

    end: int
    fields: int


class OpenQuotes:
    """The lines of a text, each read as one that begins within quotes.

    What follows is the same whatever line opened them. So each line is looked at once, where it would be once for every
    line above it in a text of which hardly a quote closes.
    """

    def __init__(self, lines: Sequence[str], dialect: Dialect) -> None:
        self._lines, self._dialect = lines, dialect
        self.starts = [0, *accumulate(map(len, lines))]
        """Where each line begins, and where the text ends."""
        self._behind: dict[int, Ending | None] = {len(lines): None}
        """How a record ends that is within quotes where a line begins; None if a quote in it does not close."""

    def ending(self, number: int) -> Ending | None:
        """Return how the record that begins with a line ends; None if a quote in it does not close."""
        found, fields = self._line(number, "")
        if fields is None:
            return found
        behind = self._from(number + 1)
        return behind and Ending(behind.end, fields + behind.fields)

    def _from(self, number: int) -> Ending | None:
        passed: list[tuple[int, int]] = []
        while number not in self._behind:
            found, fields = self._line(number, self._dialect.quote)
            if fields is None:
                self._behind[number] = found
                break
            passed.append((number, fields))
            number += 1
        behind = self._behind[number]
        for line, fields in reversed(passed):
            behind = behind and Ending(behind.end, fields + behind.fields)
            self._behind[line] = behind
        return behind

    def _line(self, number: int, before: str) -> tuple[Ending | None, int | None]:
        """Return how a record ends in a line, and how many of its fields do if it goes on within quotes, else None."""
        scanner = Scanner(before + self._lines[number], self._dialect)
        scan = scanner.record()
        if scan.broken is None:
            return Ending(self.starts[number] + scan.end - len(before), len(scan.fields)), None
        return None, None if scanner.closes(scan.broken) else len(scan.fields)
