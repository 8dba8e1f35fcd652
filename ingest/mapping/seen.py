"""What a person sees of a file beside its dataset: imports nothing that reads files, so that it can go anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import ErrorRecord
    from ..output.report import Report

SEEN_VALUES: Final = 200
"""So many different texts of a column that are not allowed are shown; more are no list that a person would map."""

Because = Literal["same words", "similar words", "same kind of values"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A field that a column may be, and what speaks for it."""

    field: str
    because: Because


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenColumn:
    """A titled column of the sheet, 1-based; `field` is the one that it is read as, if any."""

    column: int
    letters: str
    title: str
    field: str | None
    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenField:
    """A field of the dataset; `values` are those that are allowed, if they are listed."""

    name: str
    type: str
    titles: tuple[str, ...]
    required: bool
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangeValue:
    """A text that a field does not allow, in how many rows it stands, and the allowed value that is nearest, if any."""

    text: str
    rows: int
    suggestion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StrangeValues:
    """What the column of a field has that its list of values has not, most frequent first."""

    field: str
    found: tuple[StrangeValue, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What the mapping says by which a sheet was read; see `ColumnMapping`."""

    columns: Mapping[str, str | None]
    values: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSheet:
    """One sheet of a file as it was read, and how its columns stand to the fields.

    `sheets` are all of the file's, `rows` the first ones as texts, at most `SEEN_ROWS` of `SEEN_COLUMNS`.
    `header_row` is 1-based, None where no row looks like titles. `rejection` says why the sheet is not read by the
    dataset, `mapping` by which one it is.
    """

    sheets: tuple[str, ...]
    sheet: str
    rows: tuple[tuple[str | None, ...], ...]
    header_row: int | None
    columns: tuple[SeenColumn, ...]
    fields: tuple[SeenField, ...]
    values: tuple[StrangeValues, ...]
    rejection: ErrorRecord | None
    mapping: Followed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedMapping:
    """What becomes of the whole file by a mapping, its first accepted rows, and how the sheet is seen by it then."""

    report: Report
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    seen: SeenSheet
