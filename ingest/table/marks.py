"""What rows look like before their values are read: which begin as footers do, which fill what data must fill."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.characters import without_case, without_needless_spaces
from ..cells.display import displayed
from .totals_words import KNOWN_TOTALS, STATISTICS, SUBTOTALS, TOTALS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..cells.cells import Column
    from ..spec.dataset import Dataset
    from .header import FoundHeader

    Mask = NDArray[np.bool_]

_COLONS: Final = ("", ":", "：")
"""What may stand behind the word for a total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMarks:
    """Of each row below the header: what its first filled cell says, and whether it looks like data.

    `first` is the 0-based sheet column of that cell, -1 in a blank row. `footers` begin as one of the dataset's footer
    globs has it, `exact` as one without a wildcard, `known` with a word for totals that no glob names, where such are
    looked for; `bare` have nothing but the word, `statistics` nothing but one of `STATISTICS`, counted from 1.
    `subtotals` have a word for a sum of some rows; `skipped` begin as one of `skip_rows` has it, `kept` too, but those
    hold data. `likely` rows fill what every data row must, the required fields and the key, and more than one column;
    where nothing is required, half of the columns. `totals` are those that the file itself calls so, or that count the
    rows above.
    """

    first: NDArray[np.int64]
    footers: Mask
    exact: Mask
    known: Mask
    bare: Mask
    statistics: NDArray[np.int8]
    subtotals: Mask
    skipped: Mask
    kept: Mask
    likely: Mask
    totals: Mask

    @property
    def like_footers(self) -> Mask:
        """Which rows begin as footers, or as `skip_rows` and hold data, or have nothing but a word for totals."""
        found: Mask = self.footers | self.kept | (self.known & self.bare)
        return found


def mark_rows(
    below: Mapping[int, Column],
    filled: Mapping[int, Mask],
    header: FoundHeader,
    height: int,
    dataset: Dataset,
    *,
    totals: Mask,
    date1904: bool,
) -> RowMarks:
    """Return the marks of the rows below a header; `below` and `filled` are by 0-based sheet column."""
    first = _first_filled(filled, sorted(below), height)
    none = np.zeros(height, np.bool_)
    globs, skips = dataset.table_end.footers, dataset.skip_rows
    count = counted((filled.get(place, none) for place in header.columns.values()), height)
    likely = _looks_like_data(filled, count, header, dataset)
    if not (globs or skips or dataset.table_end.known_totals):
        nothing = dict.fromkeys(("footers", "exact", "known", "bare", "subtotals", "skipped", "kept"), none)
        return RowMarks(first=first, likely=likely, totals=totals, statistics=none.astype(np.int8), **nothing)
    labels = _first_texts(below, first, date1904=date1904)
    plain = without_needless_spaces(labels)
    matching = partial(_matching, labels, plain)
    footers, known = matching(globs), none
    words = [word for glob in globs if (word := glob.rstrip("* "))]
    if dataset.table_end.known_totals:
        known = truth(pc.match_substring_regex(plain, KNOWN_TOTALS)) & ~footers
        words += (*TOTALS, *chain(*STATISTICS.values()))
    bare = matching(_with_colons(words))
    statistics = np.zeros(height, np.int8)
    for number, names in enumerate(STATISTICS.values(), 1):
        statistics[bare] += number * _matching(labels.filter(bare), plain.filter(bare), _with_colons(names))
    passed, data = matching(skips), likely & (count > 1)
    return RowMarks(
        first=first,
        footers=footers,
        known=known,
        exact=matching(glob for glob in globs if not re.search(r"[*?]", glob)),
        bare=bare,
        statistics=statistics,
        subtotals=matching(f"*{word}*" for word in SUBTOTALS),
        skipped=passed & ~data,
        kept=passed & data,
        likely=likely,
        totals=totals,
    )


def _first_filled(filled: Mapping[int, Mask], places: Iterable[int], height: int) -> NDArray[np.int64]:
    """Return the first of the columns that each row fills, -1 for none: most rows fill the very first."""
    first, rest = np.full(height, -1, np.int64), np.arange(height)
    for place in places:
        if not len(rest):
            break
        here = filled[place][rest]
        first[rest[here]] = place
        rest = rest[~here]
    return first


def counted(masks: Iterable[Mask], height: int) -> NDArray[np.int32]:
    """Return for each row how many of the masks are true."""
    count = np.zeros(height, np.int32)
    for mask in masks:
        count += mask
    return count


def stacked_marks(marks: Sequence[RowMarks]) -> RowMarks:
    """Return the marks of tables that lie one below the other."""
    return RowMarks(
        **{mark.name: np.concatenate([getattr(one, mark.name) for one in marks]) for mark in fields(RowMarks)}
    )


def _first_texts(below: Mapping[int, Column], first: NDArray[np.int64], *, date1904: bool) -> pa.LargeStringArray:
    """Return the text of each row's first filled cell, in the form in which titles are compared."""
    texts = pa.nulls(len(first), pa.large_string())
    for place in np.unique(first[first >= 0]).tolist():
        here = pa.array(first == place)
        texts = pc.if_else(here, displayed(below[place], date1904=date1904), texts)
    return _comparable(texts)


def _comparable(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    return without_case(pc.utf8_trim_whitespace(pc.utf8_normalize(texts, form="NFKC")))


def _with_colons(words: Iterable[str]) -> Iterable[str]:
    return (word + colon for word in words for colon in _COLONS)


def _matching(labels: pa.LargeStringArray, plain: pa.LargeStringArray, globs: Iterable[str]) -> Mask:
    """Say which labels one of the globs matches, as they are or (`plain`) both without needless spaces.

    A space beside `*` or `?` ends a word, and is needed: `合计 *` is no `合计器`.
    """
    spaced = _comparable(pa.array(list(globs), pa.large_string()))
    compact = without_needless_spaces(spaced.filter(pc.invert(pc.match_substring_regex(spaced, r"[*?]\s|\s[*?]"))))
    if plain is labels:
        return _matching_as_written(labels, pa.concat_arrays([spaced, compact]))
    return _matching_as_written(labels, spaced) | _matching_as_written(plain, compact)


def _matching_as_written(labels: pa.LargeStringArray, globs: pa.LargeStringArray) -> Mask:
    form = "|".join(map(_glob_pattern, globs.to_pylist()))
    if not form:
        return np.zeros(len(labels), np.bool_)
    return truth(pc.match_substring_regex(labels, rf"(?s)\A(?:{form})\z"))


def _glob_pattern(glob: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)


def _looks_like_data(
    filled: Mapping[int, Mask], count: NDArray[np.int32], header: FoundHeader, dataset: Dataset
) -> Mask:
    """Say which rows fill what every data row must, `count` being how many fields each of them fills.

    Such a row below the end of the table is no footer: counting it as one would lose it silently. A single text is a
    note.
    """
    needed = {field.name for field in dataset.cell_fields if dataset.is_needed(field)}
    width = len(header.columns)
    enough: Mask = count >= (min(2, width) if needed else (width + 1) // 2)
    none = np.zeros(len(count), np.bool_)
    must = (filled.get(header.columns.get(name, -1), none) for name in sorted(needed))
    return reduce(np.logical_and, must, enough)
