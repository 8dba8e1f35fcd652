"""An existing table as a dataset would declare it: what passes between who reads the table and who drafts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .field import FieldType


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOutline:
    """A column that takes values, by the type of field that it holds as it is.

    `open` says that it holds numbers of any size and scale, `demanded` that a new row must be given a value, `zoned`
    that its moments are in UTC.
    """

    name: str
    declared: str
    type: FieldType
    open: bool = False
    required: bool = False
    demanded: bool = False
    zoned: bool = False
    length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOutline:
    """A table as it is written in `load.table`, its columns, and its keys, the best first."""

    table: str
    columns: tuple[ColumnOutline, ...]
    keys: tuple[tuple[str, ...], ...]
