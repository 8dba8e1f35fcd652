"""Delimiters that are none of the usual ones: told by the titles around them, or by all lines having as many."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from ...spec.titles import normal
from .scan import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SIGNS: Final = re.compile(r"""[^\w \t\r\n"'.]+""")
_QUOTED: Final = re.compile(r'"[^"\r\n]*"')
_UNMISTAKABLE: Final = "^~¦§¬\x01\x1f"
"""What hardly stands in values, so that as many of them in each line are no chance."""
_LINES: Final = 50
_CANDIDATES: Final = 20
_LEAST_TITLES: Final = 2
_LEAST_FIELDS: Final = 3
_LEAST_RECORDS: Final = 2
_LEAST_CONSISTENT: Final = 0.7
"""Share of the lines from the titles on that have it as often, outside of quotes."""


def delimiter_between(sample: str, titles: frozenset[str]) -> str:
    """Return what stands between titles, as `normal` has them, in one of the first lines, and in most lines below it.

    It may have several characters. Nothing if no line has two of the titles.
    """
    lines = [line for line in lines_of(sample) if line.strip()]
    bare = [_QUOTED.sub("", line) for line in lines]
    for number, line in enumerate(lines[:_LINES]):
        for delimiter in _candidates(line):
            fields = {normal(field.strip().strip('"')) for field in line.split(delimiter)}
            if len(titles & fields) >= _LEAST_TITLES and _is_usual(delimiter, bare[number:]):
                return delimiter
    return ""


def delimiter_of_all(sample: str) -> str:
    """Return what all lines have equally often, of what hardly stands in values; nothing if there is no such sign."""
    lines = [line for line in lines_of(sample) if line.strip()]
    if len(lines) < _LEAST_RECORDS:
        return ""
    counts = {sign: {line.count(sign) for line in lines} for sign in _UNMISTAKABLE}
    return next((sign for sign, found in counts.items() if len(found) == 1 and min(found) >= _LEAST_FIELDS - 1), "")


def _is_usual(delimiter: str, lines: Sequence[str]) -> bool:
    count = lines[0].count(delimiter)
    return sum(line.count(delimiter) == count for line in lines) >= _LEAST_CONSISTENT * len(lines)


def _candidates(line: str) -> Iterator[str]:
    """Yield the signs of a line, those that stand together first: each of them stands between titles as well."""
    runs = dict.fromkeys(_SIGNS.findall(line))
    yield from islice((run for run in runs if len(run) > 1), _CANDIDATES)
    yield from islice(dict.fromkeys("".join(runs)), _CANDIDATES)
