"""Rejected rows as CSV: what stands above them, their cells as texts that are read back as they were, what is wrong."""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np

from ..cells.cells import Column, Kind
from ..cells.display import displayed
from ..cells.number_text import doubles, exact_texts, lost_digits
from ..table.guards import guarded
from .rejected_rows import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..spec.field import Field
    from .rejected_rows import RejectedSheet


_SERIALS: Final = {"date": Kind.DATE, "datetime": Kind.DATETIME, "time": Kind.TIME}
"""The kinds of cells that are dates and times, by the type of the field that wants one."""


def write_csv(sheets: Sequence[RejectedSheet], reject_titles: Sequence[str], out: Path) -> None:
    """Write the rejected rows of each sheet below what stands above its data, behind them what is wrong."""
    with out.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        for sheet in sheets:
            for row in range(sheet.end):
                titles = reject_titles if sheet.titled and row == sheet.end - 1 else ()
                writer.writerow([*map(guarded, _above(sheet, row)), *titles])
            for row, errors in sheet.rows.items():
                writer.writerow(map(guarded, [*_values(sheet, row - 1), str(sheet.names[row]), *told(errors)]))


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
    if field is not None and (text := _of_field(one, field, date1904=sheet.cells.date1904)) is not None:
        return text
    zeros = field is not None and field.id
    shown: str | None = displayed(one, date1904=sheet.cells.date1904, zeros=zeros)[0].as_py()
    return shown or ""


def _of_field(one: Column, field: Field, *, date1904: bool) -> str | None:
    """Return a cell in the field's own notation, with all digits; None for what is shown as ever."""
    kind, raw = Kind(int(one.kinds[0])), one.texts[0].as_py() or ""
    if kind == Kind.BOOLEAN and field.type.kind == "boolean":
        words = field.false_values if raw == "0" else field.true_values
        return words[0] if words else None
    if kind == Kind.NUMBER and (field.id or field.type.kind in ("integer", "decimal", "number")):
        return _number(one, field)
    if kind == Kind.NUMBER and "excel_serial" in field.format:
        one = Column(kinds=np.full(1, _SERIALS[field.type.kind], np.uint8), texts=one.texts)
    elif kind not in _SERIALS.values():
        return None
    return _moment(str(displayed(one, date1904=date1904)[0].as_py()), field)


def _number(one: Column, field: Field) -> str | None:
    """Return a number so that it is read as it was; one that has lost digits in a form that stays refused."""
    number, shown = float(doubles(one.texts)[0]), str(exact_texts(one.texts)[0].as_py())
    exact = field.type.kind == "number"
    if not exact and lost_digits(one.texts)[0]:
        return f"{number:.16E}"
    if field.id:
        return None
    digits = repr(number) if exact and float(shown) != number else shown
    digits = digits.replace(".", field.decimal_char)
    if not digits.startswith("-") or "minus" in field.negative:
        return digits
    return f"{digits[1:]}-" if "trailing" in field.negative else f"({digits[1:]})"


def _moment(shown: str, field: Field) -> str:
    """Return a date or time, given in ISO form, in the first form of the field that says all of it."""
    for form in field.format:
        if form == "excel_serial":
            continue
        with contextlib.suppress(ValueError):
            at = dt.time.fromisoformat(shown) if field.type.kind == "time" else dt.datetime.fromisoformat(shown)
            text = at.strftime(form)
            again = dt.datetime.strptime(text, form)  # noqa: DTZ007  # cells have no zone
            if at == (again.time() if isinstance(at, dt.time) else again):
                return text
    return shown
