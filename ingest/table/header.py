"""The header row: found by the declared titles, never guessed; knows rows of text, not sheets or formats."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final

from ..errors import rejected
from ..languages import in_language, languages
from ..messages import in_a_row, say
from ..spec.mapping import titles_key
from ..spec.titles import compact, folded, normal, trimmed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..spec.dataset import Dataset, Header
    from ..spec.field import Field
    from ..spec.mapping import ColumnMapping

LEAST_TITLES: Final = 2
"""A single title that stands again in its column may as well be a value."""

NAMED: Final = 20
"""How many titles a message lists."""
_COMPARED: Final = 2_000
_LONGEST_TITLE: Final = 60
"""How many texts are compared with the titles wanted, and how long they are: every letter of both takes its time."""

REJECT_TITLES: Final = (say("Headgate row"), say("Headgate code"), say("Headgate reason"), say("Headgate remedy"))
"""Titles of the columns that a workbook of rejected rows has in addition; when it comes back, they are passed over."""

# No title has these characters, and nothing around them changes them or is changed by them.
_SEPARATOR: Final = "\0"
_ROW_END: Final = "\1"

Labels = tuple[str | None, ...]
"""The texts of one row, from column A on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundHeader:
    """Where the titles are: the 0-based first row (-1 for none), and the 0-based column of each field that is there.

    `mapping` is the one that has said which field a title is of, if there is one for these titles; `behind` are the
    columns behind all fields of a sheet without titles that hold anything. The only labels of such a sheet are those of
    what it was handed back with.
    """

    row: int
    columns: Mapping[str, int]
    labels: Labels = ()
    height: int = 1
    mapping: ColumnMapping | None = None
    behind: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """The 0-based row below the header."""
        return self.row + self.height

    @property
    def handed_back(self) -> bool:
        """Whether the titles are those of rejected rows."""
        return any(map(is_own_title, self.labels))

    @property
    def extra(self) -> tuple[int, ...]:
        """The columns that have a title but belong to no field, and of which nobody has said that they are left out.

        Without titles they are those behind all fields.
        """
        if self.row < 0:
            return self.behind
        known = set(self.columns.values())
        left_out = self.mapping.left_out if self.mapping else ()
        return tuple(
            column
            for column, label in enumerate(self.labels)
            if label and label.strip() and column not in known and not is_own_title(label)
            if normal(label) not in left_out
        )


def is_own_title(label: str | None) -> bool:
    """Say whether a title is one of `REJECT_TITLES`, in whichever language; others may begin as those do."""
    return label is not None and label.strip() in _own_titles()


@cache
def _own_titles() -> frozenset[str]:
    return frozenset(in_language(title, language) for title in REJECT_TITLES for language in languages())


def find_header(rows: Sequence[Labels], dataset: Dataset, sheet: str) -> FoundHeader:
    """Return the header among the first rows of a sheet, as the dataset says where to look.

    Raises:
        FileRejectedError: `header.not_found`, `.ambiguous`, `.missing_required` or `.duplicate_label`.

    """
    if dataset.header.mode == "none":
        return FoundHeader(row=-1, columns={field.name: place for place, field in enumerate(dataset.cell_fields)})
    if dataset.header.rows > 1:
        rows = joined_rows(rows, dataset.header)
    if dataset.mappings and (mapped := _mapped(rows, dataset)):
        row, mapping = mapped
        return _checked(rows[row], row, dataset, sheet, mapping)
    if dataset.header.row is not None:
        row = dataset.header.row - 1
        return _checked(rows[row] if row < len(rows) else (), row, dataset, sheet)
    scores = _scores(rows, dataset)
    best = max(scores, default=0)
    if best < _needed(dataset):
        raise _not_found(rows, dataset, sheet)
    candidates = [row for row, score in enumerate(scores) if score == best]
    # Of rows that repeat each other the first is the header, and the others are page headers.
    first = rows[candidates[0]]
    if any(not _is_same_header(first, rows[other], dataset) for other in candidates[1:]):
        places = ", ".join(str(row + 1) for row in candidates[:NAMED])
        raise rejected("header.ambiguous", say("rows {rows} look equally like the header", rows=places), sheet=sheet)
    return _checked(rows[candidates[0]], candidates[0], dataset, sheet)


def _is_same_header(one: Labels, other: Labels, dataset: Dataset) -> bool:
    """Say whether two rows have the same titles in the same columns, and enough of them to be no chance.

    Of a header of one row these are the titles of fields: beside them may stand the number of a page.
    """
    titles = [(normal(label or ""), normal(again or "")) for label, again in zip(one, other, strict=True)]
    if dataset.header.rows == 1:
        known = {normal(label) for field in dataset.cell_fields for label in field.labels}
        titles = [(label, again) for label, again in titles if label in known or again in known]
    return all(label == again for label, again in titles) and sum(bool(label) for label, _ in titles) >= LEAST_TITLES


def own_titles(labels: Labels) -> tuple[str, ...]:
    """Return the titles of a row that the file itself has, and not a workbook of rejected rows in addition."""
    return tuple(label for label in labels if label and label.strip() and not is_own_title(label))


def _mapped(rows: Sequence[Labels], dataset: Dataset) -> tuple[int, ColumnMapping] | None:
    """Return the first row of which a mapping has exactly the titles, and the mapping."""
    by_titles = {mapping.key: mapping for mapping in reversed(dataset.mappings)}
    for row, labels in enumerate(rows):
        if (mapping := by_titles.get(titles_key(own_titles(labels)))) is not None:
            return row, mapping
    return None


def joined_rows(rows: Sequence[Labels], header: Header) -> list[Labels]:
    """Return for each row what it and the ones below it say of each column, as one title."""
    height, join = header.rows, header.join
    joined: list[Labels] = []
    for top in range(len(rows) - height + 1):
        columns = zip(*rows[top : top + height], strict=True)
        texts = (join.join(label.strip() for label in column if label and label.strip()) for column in columns)
        joined.append(tuple(text or None for text in texts))
    return joined


def _scores(rows: Sequence[Labels], dataset: Dataset) -> list[int]:
    """Return for each row how many fields have one of their titles in it."""
    fields: dict[str, set[str]] = {}
    for field in dataset.cell_fields:
        for label in field.labels:
            fields.setdefault(normal(label), set()).add(field.name)
    return [len(set().union(*(fields[text] for text in texts if text in fields))) for texts in _normal_rows(rows)]


def _normal_rows(rows: Sequence[Labels]) -> Iterator[list[str]]:
    """Yield the texts of each row in the form in which titles are compared, all of them put into it at once."""
    texts = [_SEPARATOR.join([label or "" for label in labels]) for labels in rows]
    whole = _ROW_END.join(texts)
    if whole.count(_SEPARATOR) + len(rows) != sum(map(len, rows)) or whole.count(_ROW_END) + 1 != len(rows):
        # A cell has one of the characters that no title has.
        clean = [[(label or "").replace(_SEPARATOR, "").replace(_ROW_END, "") for label in labels] for labels in rows]
        whole = _ROW_END.join(map(_SEPARATOR.join, clean))
    for row in folded(whole).split(_ROW_END) if rows else ():
        yield [compact(text) for text in row.split(_SEPARATOR)]


def _needed(dataset: Dataset) -> int:
    """Return how many fields a row must name to be a header with gaps rather than a row that shares a word.

    Half of them: a row that names fewer says too little to be blamed for what it does not name.
    """
    return (len(dataset.cell_fields) + 1) // 2


def _checked(
    labels: Labels, row: int, dataset: Dataset, sheet: str, mapping: ColumnMapping | None = None
) -> FoundHeader:
    """Return the header at a row that has been chosen, or say what it lacks."""
    places = _Places(labels, dataset)
    columns: dict[str, int] = {}
    for field in dataset.cell_fields:
        found = places.of(mapping.labels(field) if mapping else field.labels)
        if len(found) > 1:
            titles = ", ".join(f"{labels[column]!r}" for column in found[:NAMED])
            message = say(
                "field {name} has more than one column in row {row}: {titles}",
                name=field.name,
                row=row + 1,
                titles=titles,
            )
            raise rejected("header.duplicate_label", message, sheet=sheet)
        if found:
            columns[field.name] = found[0]
    missing = [field for field in dataset.cell_fields if field.name not in columns and dataset.is_needed(field)]
    if not columns:
        raise _not_found((labels,), dataset, sheet, first=row)
    if missing:
        raise _missing(missing, labels, row, sheet)
    return FoundHeader(row=row, columns=columns, labels=labels, height=dataset.header.rows, mapping=mapping)


class _Places:
    """Where each title of a row stands: titles that differ only in the white space within them are told apart."""

    def __init__(self, labels: Labels, dataset: Dataset) -> None:
        self._alike: dict[str, list[tuple[int, str]]] = {}
        for column, label in enumerate(labels):
            if label:
                self._alike.setdefault(normal(label), []).append((column, trimmed(label)))
        self._declared = {trimmed(label) for field in dataset.cell_fields for label in field.labels}

    def of(self, wanted: Sequence[str]) -> list[int]:
        """Return the columns with one of the titles: as it is, or else with other white space within it.

        Such a column is not taken from the field that has its very title.
        """
        found = [(title, place) for title in map(trimmed, wanted) for place in self._alike.get(normal(title), ())]
        same = dict.fromkeys(column for title, (column, text) in found if text == title)
        return list(same or dict.fromkeys(column for _, (column, text) in found if text not in self._declared))


def _missing(missing: list[Field], labels: Labels, row: int, sheet: str) -> Exception:
    wanted = in_a_row(
        say("{name} ({titles})", name=field.name, titles=listed(field.labels)) for field in missing[:NAMED]
    )
    near = _nearest([label for field in missing for label in field.labels], labels)
    message = say("the header in row {row} has no column for {wanted}; {near}", row=row + 1, wanted=wanted, near=near)
    return rejected("header.missing_required", message, sheet=sheet)


def _not_found(rows: Sequence[Labels], dataset: Dataset, sheet: str, first: int = 0) -> Exception:
    names = [label for field in dataset.cell_fields for label in field.labels]
    where = (
        say("row {first}", first=first + 1)
        if len(rows) == 1
        else say("rows {first} to {last}", first=first + 1, last=first + len(rows))
    )
    texts = [label for labels in rows for label in labels]
    message = say(
        "no header in {where} of sheet {sheet}: looked for {titles}; {near}",
        where=where,
        sheet=repr(sheet),
        titles=listed(names),
        near=_nearest(names, texts),
    )
    return rejected("header.not_found", message, sheet=sheet)


def listed(names: Sequence[str]) -> str:
    """Return the first names of several for a message, and how many more there are."""
    first = ", ".join(map(repr, names[:NAMED]))
    return say("{listed} and {more} more", listed=first, more=len(names) - NAMED) if len(names) > NAMED else first


def _nearest(names: Sequence[str], texts: Sequence[str | None]) -> str:
    """Return the part of a message that names the titles of the sheet which are nearest to the wanted ones."""
    there = dict.fromkeys(text.strip() for text in texts if text)
    short = islice((text for text in there if 0 < len(text) <= _LONGEST_TITLE), _COMPARED)
    by_form = {normal(text): text for text in short}
    near = {by_form[match] for name in names[:NAMED] for match in difflib.get_close_matches(normal(name), by_form, n=1)}
    if not near:
        return say("nothing like them is there")
    return say("the nearest found: {titles}", titles=listed(sorted(near)))
