"""The table of a sample: its header, which rows hold data, and which look like totals; knows no types of fields."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Column, Kind, SheetCells, empty_column
from ..cells.characters import without_needless_spaces
from ..cells.display import displayed
from ..spec.dataset import Header
from ..spec.titles import in_one_line, normal
from ..table.declared_totals import declared_totals
from ..table.drawn_lines import drawn_lines
from ..table.header import FoundHeader
from ..table.page_headers import repeated_headers
from ..table.table import title_rows
from ..table.totals_words import GROUP_ENDS, STATISTICS, SUBTOTALS, TOTALS
from .header_rows import VALUE, whole_header
from .period_titles import are_periods
from .words import PAGE_FOOTERS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

SEARCH_ROWS: Final = 50
BLANK_ROWS: Final = 100
_LEAST_TITLES: Final = 2
"""A row of fewer texts is no header, where something else may be one."""
_DIGITS: Final = re.compile(r"[0-9]+")
_DAY: Final = re.compile(r"0([-./] ?)0\1 ?0[.]?(?:[ T,]+0:0.*)?")
"""A day, perhaps with a time of day, its digits being one zero for each number."""
_LOOKED_AT: Final = 200
_STATISTICS: Final = frozenset(chain(*STATISTICS.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Rows of the sample, counted from below its header, that are no data, and the keys of a dataset that say so."""

    totals: frozenset[int] = frozenset()
    pages: frozenset[int] = frozenset()
    labels: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    stop: int | None = None
    """The first row below the table, if a row of totals ends it."""


class Sample:
    """The table of the sample, column by column, from the row below its header on."""

    def __init__(self, cells: SheetCells, header_row: int | None = None) -> None:
        self.cells = cells
        header = whole_header(cells, self._first_header() if header_row is None else header_row)
        self.header_row, self.header_rows = header.start, len(header)
        self.titles = self._titles(header)
        start = header.stop
        self.height = cells.rows - start
        self._columns = {
            place: column.part(slice(start, None)) for place, column in cells.columns.items() if self.height
        }
        self._merged = {merge.left for merge in cells.merges if start <= merge.top < merge.bottom < cells.rows}
        visible = {place: filled_cells(column) for place, column in self._columns.items()}
        repeated = self._repeated(visible)
        self._totals = declared_totals(cells, cells.columns, repeated)
        none = repeated | self._totals
        self.filled: Mask = np.logical_or.reduce([np.zeros(self.height, np.bool_), *visible.values()]) & ~none

    def _first_header(self) -> int:
        """Return the first row that looks like a header; -1 if that is the very first one, and of data as those below.

        It has a day where most of them have one, written alike: no column of days is called after one of them.
        """
        found = next(self._headers(), -1)
        for column in self.cells.columns.values() if found == 0 else ():
            texts = column.texts.filter(pa.array(column.kinds == Kind.TEXT))[:_LOOKED_AT]
            title, *below = [_DIGITS.sub("0", text.strip()) for text in texts.to_pylist()] or [""]
            alike = below[:1] == [title] and len(below) <= 2 * below.count(title)
            if column.kinds[0] == Kind.TEXT and alike and _DAY.fullmatch(title):
                return -1
        return found

    def _repeated(self, filled: Mapping[int, Mask]) -> Mask:
        """Say which rows have the header again, or are drawn lines."""
        places = {str(place): place for place, title in enumerate(self.titles) if title}
        header = FoundHeader(row=self.header_row, columns=places, labels=tuple(self.titles), height=self.header_rows)
        rows = range(self.header_row, self.header_row + self.header_rows) if self.header_row >= 0 else ()
        titles = [tuple(self.labels(row)) for row in rows]
        repeated = repeated_headers(self._columns, header, titles, self.height)
        return repeated | drawn_lines(self._columns, filled, self.height)

    def _headers(self) -> Iterator[int]:
        """Yield the rows whose cells are different titles, texts or periods beside some, nearly as many as any has."""
        stop = min(self.cells.rows, SEARCH_ROWS)
        filled = np.zeros((stop, self.cells.width), np.bool_)
        texts = np.zeros((stop, self.cells.width), np.bool_)
        for place, column in self.cells.columns.items():
            filled[:, place] = column.kinds[:stop] != Kind.EMPTY
            texts[:, place] = column.kinds[:stop] == Kind.TEXT
        widths = filled.sum(axis=1)
        for row in np.flatnonzero((widths * 2 > widths.max()) & texts.any(axis=1)).tolist():
            others = [self.cells.columns[place] for place in np.flatnonzero(filled[row] & ~texts[row]).tolist()]
            if others and not are_periods(others, row):
                continue
            labels = [normal(title) for title in self._titles(whole_header(self.cells, row)) if title]
            if len(set(labels)) * 2 > len(labels) and row + 1 < self.cells.rows:
                yield int(row)

    def later_headers(self) -> Iterator[Sample]:
        """Yield what the sample is if its header is a later row: one with more titles, none of which is a value.

        Where the first one may well be the header, a later one has to stand below a blank row: one that does not is
        rather a row of data with a cell too many.
        """
        width = _count(self.titles)
        doubtful = width < _LEAST_TITLES or _has_value(self.titles)
        for row in self._headers():
            labels = self.labels(row)
            if row < self.header_row + self.header_rows or _count(labels) <= width or _has_value(labels):
                continue
            later = Sample(self.cells, row)
            if doubtful or later.stands_apart():
                width = _count(labels)
                yield later

    def stands_apart(self) -> bool:
        """Say whether the row above the header is blank."""
        return self.header_row > 0 and not any(self.labels(self.header_row - 1))

    def _titles(self, header: range) -> list[str | None]:
        """Return the titles of a header by its 0-based rows, what stands in one column as one; none for row -1."""
        if len(header) == 1:
            return self.labels(header.start)
        return list(title_rows(self.cells, Header(rows=len(header)))[header.start])

    def labels(self, row: int) -> list[str | None]:
        """Return the texts in a 0-based sheet row, from column A on; none at all in row -1."""
        labels: list[str | None] = [None] * self.cells.width
        for place, column in self.cells.columns.items() if row >= 0 else ():
            text = displayed(column.part(slice(row, row + 1)), date1904=self.cells.date1904)[0].as_py()
            labels[place] = text if text and text.strip() else None
        return labels

    def column(self, place: int) -> Column:
        """Return the cells below the header in a 0-based sheet column."""
        return self._columns.get(place, empty_column(self.height))

    def is_merged(self, place: int) -> bool:
        """Say whether a sheet column has merged cells of several rows below the header."""
        return place in self._merged

    def ends(self, no_totals: Collection[int] = ()) -> Ends:
        """Return the rows that are called as totals and page footers are, but for those that have proved to be none."""
        totals: dict[int, str] = {}
        statistics: set[int] = set()
        pages: set[int] = set()
        globs: dict[str, None] = {}
        stop = max(np.flatnonzero(self._totals).tolist(), default=None)
        for row, label in self._words():
            plain = normal(label)
            page = next((form for form in PAGE_FOOTERS if form[0].fullmatch(plain)), None)
            if page is not None:
                pages.add(row)
                globs |= dict.fromkeys(glob for glob in page[1:] if glob)
            elif row in no_totals:
                continue
            elif plain.rstrip(":： ") in _STATISTICS:
                statistics.add(row)
            elif footer := _total_glob(label):
                totals[row] = footer
                stop = stop if any(word in plain for word in SUBTOTALS) else max(row, stop or 0)
        if statistics:
            others = self.filled.copy()
            others[[*totals, *statistics, *pages]] = False
            last = int(np.flatnonzero(others).max(initial=-1))
            # Above data it is a mark or a name, of which a draft need not speak.
            statistics = {row for row in statistics if row > last}
        return Ends(
            totals=frozenset(totals.keys() | statistics),
            pages=frozenset(pages),
            labels=tuple(dict.fromkeys(totals.values())),
            globs=tuple(globs),
            stop=stop,
        )

    def _words(self) -> Iterator[tuple[int, str]]:
        """Yield row and text of the cells that come first in their row and are texts."""
        seen = np.zeros(self.height, np.bool_)
        for _, column in sorted(self._columns.items()):
            here = filled_cells(column) & ~seen
            seen |= here
            for row in np.flatnonzero(here & (column.kinds == Kind.TEXT) & _may_be_words(column)).tolist():
                yield row, column.texts[row].as_py()

    def data(self, ends: Ends) -> Mask:
        """Say which rows hold data, when the table ends there."""
        data = self.filled.copy()
        data[sorted(ends.totals | ends.pages)] = False
        if ends.stop is not None:
            data[ends.stop :] = False
        return data

    def table_end(self, ends: Ends, data: Mask) -> dict[str, Any]:
        """Return the keys of a dataset that say where the table ends and which rows in it are no data."""
        gap = int(np.diff(np.flatnonzero(data), prepend=-1).max(initial=0))
        table_end = {
            **({"footers": list(ends.labels)} if ends.labels else {}),
            **({"blank_rows": gap + BLANK_ROWS} if gap > BLANK_ROWS else {}),
            "known_totals": True,
        }
        return {
            "table_end": table_end,
            **({"skip_rows": list(ends.globs)} if ends.globs else {}),
        }


def _count(labels: list[str | None]) -> int:
    return sum(label is not None for label in labels)


def _has_value(labels: list[str | None]) -> bool:
    return any(label and VALUE.fullmatch(label) for label in labels)


def filled_cells(column: Column) -> Mask:
    """Say which cells hold anything but white space."""
    blank = (column.kinds == Kind.TEXT) & truth(pc.equal(pc.utf8_trim_whitespace(column.texts), ""))
    found: Mask = (column.kinds != Kind.EMPTY) & ~blank
    return found


def _total_glob(label: str) -> str | None:
    """Return the glob for a label of totals and those of the next files, None if it is no such label.

    It begins with a word for totals, and not with a longer one, or ends with one behind the name of a group. What else
    stands there may be a month, a count or a group, of which the next file has another.
    """
    text, spaced = label.strip(), in_one_line(label)
    words = [word for plain in (spaced, normal(label)) for word in TOTALS if _begins_with(plain, word)]
    if not words:
        end = next((end for end in GROUP_ENDS if spaced.endswith(end) and spaced != end.strip()), None)
        return None if end is None else "*" + end
    word = max(words, key=len)
    begin = next((text[:end] for end in range(1, len(text) + 1) if normal(text[:end]) == word), text)
    more = text[len(begin) :]
    # With what follows the word, or a longer word would do; `*` would stand for anything.
    return f"{begin}{more[:1]}*".replace("**", "*") if any(map(str.isalnum, more)) else text.replace("*", "?")


def _begins_with(plain: str, word: str) -> bool:
    behind = plain[len(word) : len(word) + 1]
    # The sign of a vowel is a mark: `योगिता` is a name.
    return plain.startswith(word) and not (behind.isalnum() or unicodedata.category(behind or " ")[0] == "M")


def _may_be_words(column: Column) -> Mask:
    """Say which texts may begin as totals or page footers do: a look at all of them, before one at each."""
    begins = {word[:2] for word in (*TOTALS, *_STATISTICS, "page", "seite", "pagina", "página", "第")}
    words = "|".join(map(re.escape, sorted(begins)))
    plain = pc.utf8_lower(pc.utf8_trim_whitespace(pc.utf8_normalize(column.texts, form="NFKC")))
    begin = truth(pc.match_substring_regex(without_needless_spaces(plain), rf"^(?:{words}|\(?[0-9]+ (?:row|zeile))"))
    return begin | truth(pc.match_substring_regex(plain, rf"(?:{'|'.join(GROUP_ENDS)})$"))
