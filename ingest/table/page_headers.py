"""Rows that have the header's titles again: as reports do on each page, or in another order; knows no values' types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import bytes_of, offsets_of, truth
from ..cells.byte_set import ByteSet
from ..cells.cells import Kind
from ..cells.characters import without_case, without_needless_spaces
from ..spec.titles import normal
from .header import LEAST_TITLES
from .marks import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..cells.cells import Column
    from ..spec.dataset import Dataset
    from .header import FoundHeader, Labels

    Mask = NDArray[np.bool_]

_DIGITS: Final = re.compile(r"\d+")
_PAGE: Final = re.compile(
    r"[-–(\[ ]*(?:(?:page|seite|blatt|pagina|página|pág\.|pag\.|strona|str\.|sida|side|sivu|oldal|sayfa|trang"
    r"|страница|стр\.) ?:? ?\d+(?: ?(?:of|/|von|sur|de|di|van|z|ze|av|af|из|-) ?\d+)?"
    r"|第 ?\d+ ?[页頁](?:.{0,3}[共总總] ?\d+ ?[页頁])?"
    r"|\d+ ?(?:ページ|쪽|페이지)(?: ?/ ?\d+ ?(?:ページ|쪽|페이지)?)?)[-–)\] ]*"
)
"""The number of a page, in lower case and in one line."""


def repeated_headers(columns: Mapping[int, Column], header: FoundHeader, titles: Sequence[Labels], rows: int) -> Mask:
    """Say which rows below the header belong to a repetition of it: every title of a field stands in its column again.

    `titles` are the texts of the header's own rows, one or more; what stands in other columns must be the titles
    there, or nothing. Of a header of one row, one title may be missing, or anything stand in the other columns, such as
    the number of a page, where the titles are no values.
    """
    repeated = np.zeros(rows, np.bool_)
    places = sorted(header.columns.values())
    marks = [place for place in places if titles and normal(titles[0][place] or "")]
    if not marks or marks[0] not in columns:
        return repeated
    nearly = len(titles) == 1 and len(marks) >= LEAST_TITLES
    begins = _titled(columns[marks[0]], titles[0][marks[0]])
    if nearly and marks[1] in columns:
        # Where the first title is missing: to bring a second column into a comparable form would take as long again.
        second, title = columns[marks[1]], titles[0][marks[1]] or ""
        alike = np.flatnonzero((second.kinds == Kind.TEXT) & _may_be_among(second.texts, {title.strip()}))
        begins[alike[_are_among(second.texts.take(pa.array(alike)), {title})]] = True
    for row in np.flatnonzero(begins).tolist():
        if row + len(titles) <= rows and all(
            _repeats(columns, row + line, labels, places) for line, labels in enumerate(titles)
        ):
            repeated[row : row + len(titles)] = True
    if nearly:
        likely = [
            row for row in np.flatnonzero(begins & ~repeated).tolist() if _nearly(columns, row, titles[0], places)
        ]
        repeated[likely if likely and _are_no_values(columns, titles[0], places) else []] = True
    return repeated


def page_headings(above: Mapping[int, Column], below: Mapping[int, Column], headers: Mask) -> Mask:
    """Say which rows directly above those with the header's titles are the ones above the header again.

    Only their digits may differ: so reports write their name, the number of the page and the date on each page.
    """
    found = np.zeros_like(headers)
    height = max((len(column.kinds) for column in above.values()), default=0)
    for start in np.flatnonzero(headers & ~np.append(False, headers[:-1])).tolist():
        for back in range(1, min(height, start) + 1):
            first, again = ({p: _text(of, p, row - back) for p in of} for of, row in ((above, height), (below, start)))
            if any(_undigited(first.get(p, "")) != _undigited(again.get(p, "")) for p in first.keys() | again.keys()):
                break
            found[start - back] = any(map(str.isalpha, "".join(again.values())))
    return found


def page_numbers(below: Mapping[int, Column], headers: Mask, blank: Mask) -> Mask:
    """Say which rows have nothing but the number of a page: above a repeated header, and then the last of all."""
    found = np.zeros_like(headers)
    rows = np.flatnonzero(~blank)
    for end in (*np.flatnonzero(headers & ~np.append(False, headers[:-1])).tolist(), len(headers)):
        before = int(np.searchsorted(rows, end)) - 1
        texts = [_text(below, place, int(rows[before])).strip() for place in below] if before >= 0 else []
        said = [text for text in texts if text]
        if len(said) == 1 and _PAGE.fullmatch(normal(said[0])) and (end < len(headers) or found.any()):
            found[rows[before]] = True
    return found


def moved_headers(columns: Mapping[int, Column], header: FoundHeader, dataset: Dataset, rows: int) -> Mask:
    """Say which rows below the header have a title of each of its fields, but not the header's own in its columns.

    Tables of other files were put below the first one: what stands there may belong into other fields. Titles of
    several rows are not looked for, nor those without a letter, which may be values; and who has said which row the
    header is wants no other one.
    """
    moved = np.zeros(rows, np.bool_)
    titles = _titles_of_fields(header, dataset)
    if len(titles) < LEAST_TITLES or header.height > 1 or dataset.header.row is not None:
        return moved
    if not all(any(map(str.isalpha, title)) for one in titles.values() for title in one):
        return moved
    places = _with_any_title(columns, titles, rows)
    if not len(places):
        return moved
    found = {place: _compared(column.texts.take(pa.array(places))) for place, column in columns.items()}
    wanted = [set(_compared(pa.array(sorted(one), pa.large_string()))) for one in titles.values()]
    own = dict(
        zip(titles, _compared(pa.array([header.labels[place] for place in titles], pa.large_string())), strict=True)
    )
    for number, row in enumerate(places.tolist()):
        here = {texts[number] for texts in found.values()}
        same = all(place in found and found[place][number] == label for place, label in own.items())
        moved[row] = not same and not any(here.isdisjoint(one) for one in wanted)
    return moved


def _with_any_title(columns: Mapping[int, Column], titles: Mapping[int, set[str]], rows: int) -> NDArray[np.int64]:
    """Return the rows that may have a title of each field, each in a column of its own.

    Of `n` columns such a row has titles of `k` fields in all but `n - k`: of any `n - k + 1` at least one has a title.
    Those with the fewest texts are looked at, and the others where one is found.
    """
    texts = {place: np.count_nonzero(column.kinds == Kind.TEXT) for place, column in columns.items()}
    found, wanted = np.zeros(rows, np.bool_), set().union(*titles.values())
    for place in sorted(texts, key=lambda place: texts[place])[: max(0, len(columns) - len(titles) + 1)]:
        column = columns[place]
        alike = np.flatnonzero((column.kinds == Kind.TEXT) & _may_be_among(column.texts, wanted))
        found[alike[_are_among(column.texts.take(pa.array(alike)), wanted)]] = True
    places = np.flatnonzero(found)
    # A title may be a value of many rows as well: those with as many of them as there are fields are few.
    index = pa.array(places)
    here = (_are_among(column.texts.take(index), wanted) for column in (columns.values() if len(places) else ()))
    return places[counted(here, len(places)) >= len(titles)]


def _titles_of_fields(header: FoundHeader, dataset: Dataset) -> dict[int, set[str]]:
    """Return the titles of the field of each column, as they are written, its own one among them."""
    fields = {field.name: field for field in dataset.cell_fields}
    mapping = header.mapping
    titles = {
        place: {*(mapping.labels(fields[name]) if mapping else fields[name].labels), header.labels[place] or ""}
        for name, place in header.columns.items()
        if place < len(header.labels)
    }
    return {place: {title.strip() for title in one if title.strip()} for place, one in titles.items()}


def _may_be_among(texts: pa.LargeStringArray, titles: set[str]) -> Mask:
    """Say which texts are as long as one of the titles, and begin and end as one: few others have to be looked at."""
    forms = [form.encode() for title in titles for form in (title, title.lower(), title.upper())]
    offsets, content = offsets_of(texts), bytes_of(texts)
    lengths = np.diff(offsets)
    found: Mask = np.logical_or.reduce([lengths == length for length in {len(form) for form in forms}])
    for place, beside in ((0, offsets[:-1]), (-1, offsets[1:] - 1)):
        here = np.flatnonzero(found)
        found[here] = ByteSet(form[place] for form in forms).has(content[beside[here] - offsets[0]])
    return found


def _are_among(texts: pa.LargeStringArray, titles: set[str]) -> Mask:
    wanted = _comparable(pa.array(sorted(titles), pa.large_string()))
    return truth(pc.is_in(_comparable(texts), value_set=wanted))


def _compared(texts: pa.LargeStringArray) -> list[str]:
    compared: list[str] = _comparable(texts.fill_null("")).to_pylist()
    return compared


def _comparable(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    # To bring all of a column into NFKC would take longer than all else that is done here.
    plain = pc.replace_substring(pc.utf8_trim_whitespace(texts), "\u3000", " ")
    return without_needless_spaces(without_case(plain))


def _repeats(columns: Mapping[int, Column], row: int, labels: Labels, places: Sequence[int]) -> bool:
    """Say whether a row has the titles again, and enough of them to be no chance."""
    found = 0
    for place, label in enumerate(labels):
        again = normal(_text(columns, place, row))
        if again != normal(label or "") and (again or place in places):
            return False
        found += bool(again)
    return found >= LEAST_TITLES


def _nearly(columns: Mapping[int, Column], row: int, labels: Labels, places: Sequence[int]) -> bool:
    """Say whether a row has the titles of all fields but one, and nothing else, or all of them and something beside."""
    again = [normal(_text(columns, place, row)) for place in range(len(labels))]
    other = [place for place, label in enumerate(labels) if again[place] != normal(label or "")]
    missing = [place for place in other if place in places]
    beside = [place for place in other if place not in places and again[place]]
    found = sum(bool(again[place]) for place in places)
    return not any(again[place] for place in missing) and len(missing) + bool(beside) == 1 and found >= LEAST_TITLES


def _are_no_values(columns: Mapping[int, Column], labels: Labels, places: Sequence[int]) -> bool:
    """Say whether columns hold other things than their titles, as those that say which answer was given do not."""
    others = (
        truth(pc.not_equal(_comparable(columns[place].texts), "")) & ~_titled(columns[place], labels[place])
        for place in places
        if place in columns
    )
    return sum(bool(other.any()) for other in others) >= len(places) - 1


def _titled(column: Column, label: str | None) -> Mask:
    title = _comparable(pa.array([label or ""], pa.large_string()))[0]
    titled: Mask = truth(pc.equal(_comparable(column.texts), title)) & (column.kinds == Kind.TEXT)
    return titled


def _undigited(text: str) -> str:
    return _DIGITS.sub("0", normal(text))


def _text(columns: Mapping[int, Column], place: int, row: int) -> str:
    if place not in columns:
        return ""
    text: pa.LargeStringScalar = columns[place].texts[row]
    return text.as_py() or ""
