"""Which field a column may be, and which allowed value a text: by words, and by whether the field takes the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from rapidfuzz import fuzz, process, utils

from ..columns.converted import faulty
from ..columns.validate import check_field
from ..infer.names import identifier
from ..infer.sample import filled_cells
from ..spec.titles import normal
from .seen import Suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..cells.cells import Column
    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from .seen import Because

SAME: Final = 100.0
SIMILAR: Final = 70.0
"""Words of which so much is alike, of 100 (rapidfuzz's `WRatio`), are worth to be suggested."""
TAKEN: Final = 0.9
"""A field that takes so many of a column's cells may be meant by it; one that takes hardly any is not."""
HARDLY: Final = 0.5
SUGGESTED: Final = 3
PROBED_ROWS: Final = 1000
"""Rows that are tried."""


def suggestions(
    titles: Mapping[int, str],
    columns: Mapping[int, Column],
    fields: Sequence[Field],
    dataset: Dataset,
    *,
    date1904: bool,
) -> dict[int, tuple[Suggestion, ...]]:
    """Return for columns, by their places, the fields that they may be, the likeliest first.

    `columns` have the cells below the header; `fields` are those of the dataset that have no column yet. Where words
    say nothing, the one field that takes a column's values is suggested, if it does not take everything.
    """
    found: dict[int, tuple[Suggestion, ...]] = {}
    for place, title in titles.items():
        probe = columns[place].part(slice(0, PROBED_ROWS)) if place in columns else None
        taken = {field.name: _taken(probe, field, dataset, date1904=date1904) for field in fields}
        found[place] = (*_by_words(title, fields, taken),) or (*_by_values(fields, taken),)
    return found


def nearest(text: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed value that a text is likeliest to mean, if any is near enough."""
    match = process.extractOne(_plain(text), {one: _plain(one) for one in allowed}, scorer=fuzz.WRatio)
    return str(match[2]) if match is not None and match[1] >= SIMILAR else None


def _by_words(title: str, fields: Sequence[Field], taken: Mapping[str, float]) -> Iterable[Suggestion]:
    alike = {field.name: max(_likeness(title, label) for label in {*field.labels, field.name}) for field in fields}
    near = [name for name, likeness in alike.items() if likeness >= SIMILAR and taken[name] >= HARDLY]
    for name in sorted(near, key=lambda name: (-alike[name], -taken[name]))[:SUGGESTED]:
        because: Because = "same words" if alike[name] >= SAME else "similar words"
        yield Suggestion(field=name, because=because)


def _by_values(fields: Sequence[Field], taken: Mapping[str, float]) -> Iterable[Suggestion]:
    fitting = [field for field in fields if taken[field.name] >= TAKEN and not _takes_all(field)]
    if len(fitting) == 1:
        yield Suggestion(field=fitting[0].name, because="same kind of values")


def _takes_all(field: Field) -> bool:
    limits = field.constraints
    return field.type.kind == "string" and limits.enum is None and limits.pattern is None


def _taken(column: Column | None, field: Field, dataset: Dataset, *, date1904: bool) -> float:
    """Return what part of a column's filled cells a field takes; all of one without any."""
    live = np.zeros(0, np.bool_) if column is None else filled_cells(column)
    if column is None or not live.any():
        return 1.0
    limits = field.constraints.model_copy(update={"unique": False, "required": False})
    alone = field.model_copy(update={"constraints": limits})
    faults = check_field(column, live, alone, dataset, date1904=date1904).faults
    return 1.0 - float((faulty(faults, len(live)) & live).sum()) / float(live.sum())


def _likeness(one: str, other: str) -> float:
    """Return how alike two titles are, of 100: as they are written, or in Latin letters."""
    written = fuzz.WRatio(_plain(one), _plain(other))
    first, second = (identifier(text).replace("_", " ") for text in (one, other))
    return max(written, fuzz.WRatio(first, second) if first and second else 0.0)


def _plain(text: str) -> str:
    return utils.default_process(normal(text))
