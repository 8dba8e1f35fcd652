"""Rejected rows as CSV: what stands above them, their cells as texts that are read back as they were, what is wrong."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from ..cells.cells import Kind
from ..cells.display import displayed
from ..cells.number_text import doubles, exact_texts
from ..table.guards import guarded
from .rejected_rows import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..cells.cells import Column
    from ..spec.field import Field
    from .rejected_rows import RejectedSheet


def write_csv(sheets: Sequence[RejectedSheet], reject_titles: Sequence[str], out: Path) -> None:
    """Write the rejected rows of each sheet below what stands above its data, behind them what is wrong."""
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for sheet in sheets:
            for row in range(sheet.end):
                titles = reject_titles if sheet.titled and row == sheet.end - 1 else ()
                writer.writerow([*map(guarded, _above(sheet, row)), *titles])
            for row, errors in sheet.rows.items():
                writer.writerow(map(guarded, [*_values(sheet, row - 1), str(row), *told(errors)]))


def _above(sheet: RejectedSheet, row: int) -> list[str]:
    """Return the texts of a row above the data; a title over several columns stands in each of them."""
    texts = [_text(sheet, place, row, None) for place in range(sheet.width)]
    if sheet.end - sheet.head > 1:
        for merge in sheet.merges_above:
            if merge.top == row and merge.top >= sheet.head:
                texts[merge.left : merge.right + 1] = [texts[merge.left]] * (merge.right - merge.left + 1)
    return texts


def _values(sheet: RejectedSheet, row: int) -> Iterator[str]:
    for place in range(sheet.width):
        yield _text(sheet, place, row, sheet.fields.get(place))


def _text(sheet: RejectedSheet, place: int, row: int, field: Field | None) -> str:
    """Return a cell as the text that the field takes for the same value."""
    column = sheet.cells.columns.get(place)
    if column is None or row >= len(column.kinds):
        return ""
    one = column.part(slice(row, row + 1))
    if field is not None and (text := _of_field(one, field)) is not None:
        return text
    zeros = field is not None and field.id
    shown: str | None = displayed(one, date1904=sheet.cells.date1904, zeros=zeros)[0].as_py()
    return shown or ""


def _of_field(one: Column, field: Field) -> str | None:
    """Return a number or truth value in the field's own notation, with all digits; None for what is shown as ever."""
    kind, raw = Kind(int(one.kinds[0])), one.texts[0].as_py() or ""
    if kind == Kind.BOOLEAN and field.type.kind == "boolean":
        words = field.false_values if raw == "0" else field.true_values
        return words[0] if words else None
    if kind == Kind.NUMBER and field.type.kind in ("integer", "decimal", "number"):
        number, shown = float(doubles(one.texts)[0]), str(exact_texts(one.texts)[0].as_py())
        digits = repr(number) if field.type.kind == "number" and float(shown) != number else shown
        return digits.replace(".", field.decimal_char)
    return None
