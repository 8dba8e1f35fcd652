"""How a delimited text is written: owns the choice of delimiter and quote by the rows they make, reads no values."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from ...cells.characters import DRAWN_PIECE
from ...spec.titles import normal
from .dialect import Dialect
from .dressed import without_formula
from .evidence import BLANK, NUMBER
from .open_quotes import OpenQuotes
from .other_delimiters import delimiter_between, delimiter_of_all
from .scan import Scanner, line_end, lines_of

if TYPE_CHECKING:
    from collections.abc import Sequence

SAMPLE_RECORDS: Final = 200
DELIMITERS: Final = ",;\t|"
_SEPARATOR: Final = re.compile(
    r'[\r\n]*"?sep=(?P<delimiter>[^\r\n])"?(?P<behind>[,;\t| ]*)(?:\r\n|\r|\n)', re.IGNORECASE
)
"""A first line that tells Excel the delimiter; behind it stands what a program filled the row up with."""
_AMOUNT: Final = re.compile(
    r"\d+,\d+|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?"
)
"""A number with a decimal comma, or with groups of digits, without what stands around it."""
_MEASURE: Final = re.compile(
    rf"(?:[^\d\s,;|]{{1,5}}[{BLANK}])?[-+\u2212]?\d[\d.'\u2019{BLANK}]*+,\d++(?:[{BLANK}]?[^\d\s,;|]{{1,6}})?"
)
"""A number with a comma and its unit or currency: `1,5 m`, `EUR 1.234,50`, `< 0,5`."""
_AROUND: Final = re.compile(r"[^\d.,]")
_LEAST_CONSISTENT: Final = 0.7
"""Share of the records below the header that must have equally many fields."""
_LEAST_QUOTED: Final = 3
_LEAST_SPACED: Final = 2
_LEAST_TITLES: Final = 2
"""A single title may be any word of a text."""
_DRAWN: Final = re.compile(DRAWN_PIECE)
_WIDTHS: Final = 3
_PLAIN_RECORDS: Final = 50
_TEXT: Final = 0.9
_EMPTY: Final = 0.6
_SEVERAL: Final = 0.4
"""How much a field looks like one value, other than a number: a text, nothing, a text with another delimiter in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDialect:
    """A dialect; where the text begins behind a line that declares it; whether the text looks like a table by it."""

    dialect: Dialect
    start: int = 0
    tabular: bool = True


class _Rating(NamedTuple):
    """How many titles a record has by a dialect, how good it is, and the share of records that are of one width."""

    titles: int
    score: float
    share: float


def find_dialect(sample: str, titles: frozenset[str] = frozenset()) -> FoundDialect:
    """Return the dialect of a text that begins with these lines; `titles`, as `normal` has them, may be its header."""
    if declared := _SEPARATOR.match(sample):
        dialect, rest = Dialect(delimiter=declared["delimiter"]), sample[declared.end() :]
        # Whoever filled the row up with another one has written the rows with that, too.
        meant = not declared["behind"].strip(f"{dialect.delimiter} \t")
        if meant and (_titles(_records(rest, dialect), titles) or most_titles(rest, titles) < _LEAST_TITLES):
            return FoundDialect(dialect=dialect, start=declared.end())
        found = find_dialect(rest, titles)
        return replace(found, start=declared.end() + found.start)
    # By all that do not stand in the text it has the same records.
    absent = [delimiter for delimiter in DELIMITERS if delimiter not in sample]
    asked = [delimiter for delimiter in DELIMITERS if delimiter not in absent[1:]]
    if absent and _is_of_amounts(sample):
        asked.remove(",")
    dialects = [Dialect(delimiter=delimiter, spaced=_is_spaced(sample, delimiter)) for delimiter in asked]
    read = {dialect.delimiter: _records(sample, dialect) for dialect in dialects}
    ratings = {delimiter: _rated(records, delimiter, titles) for delimiter, records in read.items()}
    best = max(ratings, key=lambda delimiter: ratings[delimiter])
    if not ratings[best].titles and (other := _other_delimiter(sample, titles, ratings[best])):
        return FoundDialect(dialect=Dialect(delimiter=other))
    if not ratings[best].titles and ratings[best].share < _LEAST_CONSISTENT:
        return FoundDialect(dialect=Dialect(delimiter=asked[0]), tabular=False)
    records = read[best]
    spaced = len(records) > 1 and dialects[asked.index(best)].spaced
    dialect = Dialect(delimiter=best, quote=_quote(sample, records), spaced=spaced)
    prose = dialect.spaced or sample.count(f"{best} ") * 2 >= sample.count(best)
    table = len(records) > 1 and not prose and sample.lstrip()[:1] not in {"{", "["}
    return FoundDialect(dialect=dialect, tabular=table or ratings[best].titles > 0)


def _other_delimiter(sample: str, titles: frozenset[str], usual: _Rating) -> str:
    """Return another delimiter, by which the records have the titles that they lack, or the text without is a table."""
    if titles:
        return delimiter_between(sample, titles)
    return delimiter_of_all(sample) if usual.share < _LEAST_CONSISTENT else ""


def most_titles(sample: str, titles: frozenset[str]) -> int:
    """Return how many of the titles, as `normal` has them, a record has by whichever delimiter."""
    return max(_titles(_records(sample, Dialect(delimiter=delimiter)), titles) for delimiter in DELIMITERS)


def _titles(records: Sequence[Sequence[str]], titles: frozenset[str]) -> int:
    """Return how many of the titles a record has."""
    if not titles:
        return 0
    plain = (map(normal, map(without_formula, fields)) for fields in records)
    return max((len(titles.intersection(fields)) for fields in plain), default=0)


def _is_of_amounts(sample: str) -> bool:
    """Say whether commas stand in amounts alone, below a title without one: one column, and nothing to split."""
    title, *lines = [line for line in sample.splitlines() if line.strip()] or [""]
    amounts = [line for line in lines if "," in line]
    return (
        bool(amounts)
        and "," not in title
        and NUMBER.fullmatch(title) is None
        and all(NUMBER.fullmatch(line) and _AMOUNT.fullmatch(_AROUND.sub("", line)) for line in amounts)
    )


def _records(sample: str, dialect: Dialect) -> list[list[str]]:
    """Return the first records of a text that have any text in them, and are not only lines drawn between others."""
    records: list[list[str]] = []
    scanner, place = Scanner(sample, dialect), 0
    lines = OpenQuotes(lines_of(sample), dialect)
    while place < len(sample) and len(records) < SAMPLE_RECORDS:
        if lines.ending(bisect_left(lines.starts, place)) is None:
            end = line_end(sample, place)
            fields = sample[place:end].split(dialect.delimiter)
        else:
            fields, end, _ = scanner.record(place)
        if any(field.strip() and not _DRAWN.match(field) for field in fields):
            records.append(fields)
        place = end + (2 if sample.startswith("\r\n", end) else 1)
    return records


def _rated(records: Sequence[Sequence[str]], delimiter: str, titles: frozenset[str]) -> _Rating:
    """Rate a delimiter by the records from the first one of a usual width on: those above may be a preamble."""
    named = _titles(records, titles)
    widths = Counter(len(fields) for fields in records if len(fields) > 1)
    best = _Rating(0, 0.0, 0.0)
    for width, _ in widths.most_common(_WIDTHS):
        first = next(place for place, fields in enumerate(records) if len(fields) == width)
        below = records[first:]
        share = sum(len(fields) == width for fields in below) / len(below)
        bare = (_bare(fields, delimiter) for fields in below[:_PLAIN_RECORDS])
        plain = [_plainness(field, delimiter) for fields in bare for field in fields]
        score = share * (len(below) / len(records)) ** 0.5 * sum(plain) / len(plain) * (1 - 0.5 / width)
        best = max(best, _Rating(0, score, share))
    # A single title may be any word of a text; all of them are no chance.
    return best._replace(titles=named if named > 1 or named == len(titles) else 0)


def _bare(fields: Sequence[str], delimiter: str) -> Sequence[str]:
    """Return fields without the tab that writers put behind each of them, so that Excel leaves it as it is.

    One behind the last field alone may as well stand before an empty one.
    """
    if delimiter == "\t" or not any(field.endswith("\t") for field in fields[:-1]):
        return fields
    return [field.removesuffix("\t") for field in fields]


def _plainness(field: str, delimiter: str) -> float:
    """Say how much a field looks like one value: between two values of another dialect stands another delimiter."""
    if not field.strip():
        return _EMPTY
    if NUMBER.fullmatch(field):
        return 1.0
    if delimiter != "," and _MEASURE.fullmatch(field):
        return _TEXT
    return _SEVERAL if any(other in field for other in DELIMITERS if other != delimiter) else _TEXT


def _quote(sample: str, records: Sequence[Sequence[str]]) -> str:
    """Return the apostrophe if it stands around all fields of a column, at no other field's start, and no quote is."""
    if '"' in sample or "'" not in sample:
        return '"'
    begin = Counter(place for fields in records for place, field in enumerate(fields) if field.startswith("'"))
    around = Counter(
        place for fields in records for place, field in enumerate(fields) if re.fullmatch("'[^']*'", field)
    )
    whole = any(count >= max(_LEAST_QUOTED, 0.9 * len(records)) for count in around.values())
    return "'" if whole and begin == around else '"'


def _is_spaced(sample: str, delimiter: str) -> bool:
    """Say whether a space stands behind every delimiter that something stands behind."""
    if f"{delimiter} " not in sample:
        return False
    # What stands within quotes is a part of a field.
    bare = re.sub(rf'(?m)((?:^|{re.escape(delimiter)})\x20*)"(?:[^"\r\n]|"")*"', r'\1""', sample)
    behind = Counter(match[1] for match in re.finditer(re.escape(delimiter) + r"(\x20|[^\r\n\x20])", bare))
    behind.pop(delimiter, None)
    return delimiter not in "\t " and behind[" "] >= _LEAST_SPACED and set(behind) == {" "}
