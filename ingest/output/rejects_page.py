"""Rejected rows to be shown and corrected one by one: a page of them as JSON, and what a new text of a cell would be.

A page is bounded in rows and bytes. A text is judged by the code that a parse judges a column by.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from ..cells.cells import Column, Kind, column_letters
from ..cells.display import displayed
from ..columns.unforeseen import Place, values_refused
from ..columns.validate import check_field
from ..errors import UnknownPlaceError
from ..languages import in_language
from ..messages import say
from ..spec.field import NUMERIC
from .copy_file import copy_columns
from .rejected_rows import by_column, read_rejected
from .wording import example, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from .kept import KeptFile
    from .rejected_rows import RejectedSheet

COLUMNS_MAX: Final = 256
"""Columns that are shown; a row keeps the others, whatever is corrected in it."""
BYTES_MAX: Final = 1 << 20
"""Of a page's rows as JSON: what is beyond that comes with the next page."""


def rejected_page(kept: KeptFile, sheet: str | None, after: int, limit: int, language: str) -> str:
    """Return as JSON at most `limit` rejected rows of a sheet, the first one if none is named, below its row `after`.

    Raises:
        UnknownPlaceError: the sheet has no rejected rows.
        FileRejectedError: no row was rejected, or the workbook cannot be read any more.

    """
    sheets = read_rejected(kept, language)
    names = [one.name for one in sheets]
    if sheet is not None and sheet not in names:
        raise UnknownPlaceError(say("sheet {sheet} has no rejected rows", sheet=repr(sheet)))
    chosen = sheets[0 if sheet is None else names.index(sheet)]
    places = _shown_places(chosen)
    waiting = [row for row in chosen.rows if row > after]
    rows: list[str] = []
    size = 0
    for row in _rows(chosen, places, waiting[:limit]):
        text = json.dumps(row, ensure_ascii=False)
        if len(text.encode()) > BYTES_MAX:
            text = json.dumps({**row, "cells": None}, ensure_ascii=False)
        size += len(text.encode())
        if rows and size > BYTES_MAX:
            break
        rows.append(text)
    head = {
        "sheet": chosen.name,
        "sheets": [{"name": one.name, "rows": len(one.rows)} for one in sheets],
        "columns": [_column(chosen, place) for place in places],
        "next_cursor": str(waiting[len(rows) - 1]) if len(rows) < len(waiting) else None,
    }
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "rows": [{", ".join(rows)}]}}'


def _shown_places(sheet: RejectedSheet) -> list[int]:
    """Return the 0-based columns that are shown: those of fields, and others that hold anything of the sender's."""
    return list(islice(sorted({*sheet.fields, *sheet.cells.columns}), COLUMNS_MAX))


def _label(sheet: RejectedSheet, place: int) -> str | None:
    return sheet.labels[place] if place < len(sheet.labels) else None


def _column(sheet: RejectedSheet, place: int) -> dict[str, Any]:
    field = sheet.fields.get(place)
    return {
        "column": place + 1,
        "letters": column_letters(place),
        "header": _label(sheet, place),
        "field": None if field is None else field.name,
        "type": None if field is None else str(field.type),
        "values": None if field is None or field.constraints.enum is None else list(field.constraints.enum),
    }


def _rows(sheet: RejectedSheet, places: Sequence[int], rows: Sequence[int]) -> list[dict[str, Any]]:
    index = np.array([row - 1 if row <= sheet.cells.rows else -1 for row in rows], np.int64)
    texts = [_texts(sheet, place, index) for place in places]
    return [
        {
            "row": row,
            "cells": [column[number] for column in texts],
            "errors": [
                {"column": column, "code": error.code, "message": error.message, "hint": error.hint}
                for column, errors in by_column(sheet.rows[row], sheet.keys).items()
                for error in errors
            ],
        }
        for number, row in enumerate(rows)
    ]


def _texts(sheet: RejectedSheet, place: int, index: NDArray[np.int64]) -> list[str | None]:
    """Return the texts of cells as they would be typed: a number has the field's own decimal point."""
    if place not in sheet.cells.columns:
        return [None] * len(index)
    cells, field = sheet.cells.columns[place].at_or_empty(index), sheet.fields.get(place)
    zeros = field is not None and field.id
    texts: list[str | None] = displayed(cells, date1904=sheet.cells.date1904, zeros=zeros).to_pylist()
    if field is not None and field.type.kind in NUMERIC and field.decimal_char != ".":
        for number in (cells.kinds == Kind.NUMBER).nonzero()[0].tolist():
            texts[number] = (texts[number] or "").replace(".", field.decimal_char)
    return texts


# -- new texts -------------------------------------------------------------------------------------------


def check_texts(dataset: Dataset, cells: Sequence[tuple[str, str]], language: str) -> str:
    """Return as JSON what becomes of each text as a cell of a field, in their order; `cells` are fields and texts.

    What compares rows with each other or with the table is not looked at.

    Raises:
        UnknownPlaceError: the dataset has no such field in the sheet.
        FileRejectedError: a value makes the check itself fail.

    """
    fields = {field.name: field for field in dataset.cell_fields}
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, (name, _) in enumerate(cells):
        if name not in fields:
            raise UnknownPlaceError(
                say("dataset {dataset} has no field {name} in the sheet", dataset=dataset.dataset, name=repr(name))
            )
        places[name].append(place)
    found: dict[int, dict[str, Any]] = {}
    for name, here in places.items():
        with values_refused(lambda name=name: Place(field=name)):  # type: ignore[misc]  # mypy knows no default of a lambda
            checked = _checked(fields[name], dataset, [cells[place][1] for place in here], language)
        found.update(zip(here, checked, strict=True))
    return json.dumps({"cells": [found[place] for place in range(len(cells))]}, ensure_ascii=False)


def _checked(field: Field, dataset: Dataset, texts: Sequence[str], language: str) -> list[dict[str, Any]]:
    kinds = np.array([Kind.TEXT if text else Kind.EMPTY for text in texts], np.uint8)
    column = Column(kinds=kinds, texts=pa.array([text or None for text in texts], pa.large_string()))
    alone = field.model_copy(update={"constraints": field.constraints.model_copy(update={"unique": False})})
    converted = check_field(column, np.ones(len(texts), np.bool_), alone, dataset, date1904=False)
    answers: list[dict[str, Any]] = [
        {"ok": True, "value": value, "code": None, "message": None, "hint": None}
        for value in _read_as(converted.values)
    ]
    wanted = example(field)
    for fault in reversed(converted.faults):
        for place in fault.index.tolist():
            said = told(fault, field, texts[place] or None, wanted)
            message, hint = (in_language(text, language) for text in said)
            ok = dataset.is_null_value(field)
            answers[place] = {"ok": ok, "value": None, "code": fault.code, "message": message, "hint": hint}
    return answers


def _read_as(values: pa.Array) -> list[str | None]:
    """Return typed values as texts, as the table gets them."""
    if pa.types.is_boolean(values.type) or pa.types.is_large_string(values.type):
        plain: list[str | None] = values.cast(pa.large_string()).to_pylist()
        return plain
    [texts] = copy_columns([values], len(values))
    return [
        text if valid else None for text, valid in zip(texts.to_pylist(), values.is_valid().to_pylist(), strict=True)
    ]
