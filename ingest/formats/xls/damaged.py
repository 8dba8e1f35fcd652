"""Damaged xls workbooks through fastexcel (calamine): owns how each cell gets its own kind and value back.

fastexcel gives a column one type and bends the rest: floats in a column of texts lose digits, errors and "N/A"
become null, TRUE becomes 1. But it names every cell that does not convert to a type asked for, with the cell's
own type and value; asking for two types that share no cell therefore yields every cell, exactly.

It is a whole dependency for a few files, and stays: xlrd trusts what an xls says of itself and gives up where that is
wrong (a table of shared strings that claims more of them than there are, as one program writes it), and we have no
other reader of this format. A file that kills calamine kills its worker, and is told as `file.worker_crash`.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

import fastexcel
import numpy as np
import pyarrow as pa

from ...cells.assembly import assemble
from ...cells.cells import CellBlock, Kind, SheetCells
from ...cells.date_serials import kind_of_serial
from ...errors import FileRejectedError, is_of_the_machine, rejected
from ...messages import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits

_DETAIL: Final = re.compile(r"Expected \w+ but got '(\w+)\((.*?)\)?'?", re.DOTALL)
_DATETIME: Final = re.compile(r"ExcelDateTime \{ value: ([^,]+), datetime_type: (\w+), is_1904: (\w+) \}")
_ERRORS: Final = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}
_VISIBILITY: Final[dict[str, Visibility]] = {"hidden": "hidden", "veryhidden": "veryhidden"}
_Kinds = dict[tuple[int, int], tuple[Kind, str]]


class ForeignBook:
    """An open workbook that calamine reads, for all its damage."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        with _guarded():
            self._reader = fastexcel.read_excel(path)
            self._names = tuple(self._reader.sheet_names)

    def close(self) -> None:
        """Do nothing: the reader closes its file by itself."""

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each sheet, in the order of the tabs."""
        return tuple(
            (name, _VISIBILITY.get(self._load(place, "string", 0).visible, "visible"))
            for place, name in enumerate(self._names)
        )

    def read(self, index: int) -> SheetCells:
        """Return the cells of a sheet.

        Raises:
            FileRejectedError: the sheet is damaged or spans more cells than the limit.

        """
        sheet = self._load(index, "duration")
        columns = [column.absolute_index for column in sheet.available_columns()]
        if sheet.height * (max(columns, default=-1) + 1) > self._limits.cells:
            message = say(
                "sheet {name} has {rows} rows, beyond limits.cells ({limit})",
                name=sheet.name,
                rows=sheet.height,
                limit=self._limits.cells,
            )
            raise rejected("file.cell_limit", message)
        details = [*_misfits(sheet), *_misfits(self._load(index, "boolean"))]
        with _guarded():
            texts = self._load(index, "string").to_arrow()
        reading = _Reading()
        cells = {place: reading.cell(detail) for place, detail in details}
        return assemble([_block(cells, texts, columns)], date1904=reading.date1904)

    def _load(self, place: int, dtype: Literal["string", "duration", "boolean"], rows: int | None = None) -> Any:
        with _guarded():
            return self._reader.load_sheet(place, header_row=None, skip_rows=0, n_rows=rows, dtypes=dtype)


def _misfits(sheet: Any) -> list[tuple[tuple[int, int], str]]:
    """Return place and description of each cell that is not of the type that the sheet was asked for."""
    with _guarded():
        _, errors = sheet.to_arrow_with_errors()
        return [] if errors is None else [(error.position, error.detail) for error in errors.errors]


class _Reading:
    """Turns fastexcel's descriptions of cells into kinds and texts."""

    def __init__(self) -> None:
        self.date1904 = False

    def cell(self, detail: str) -> tuple[Kind, str]:
        match = _DETAIL.fullmatch(detail)
        if match is None:
            raise _unknown(detail)
        kind, value = match.groups()
        match kind:
            case "String":
                return Kind.TEXT, ""
            case "Int" | "Float":
                return Kind.NUMBER, value.removesuffix(".0")
            case "Bool":
                return Kind.BOOLEAN, "1" if value == "true" else "0"
            case "Error":
                return Kind.ERROR, _ERRORS.get(value, "#VALUE!")
            case "DateTime":
                return self._date_time(value)
        raise _unknown(detail)

    def _date_time(self, value: str) -> tuple[Kind, str]:
        match = _DATETIME.search(value)
        if match is None:
            raise _unknown(value)
        serial, form, epoch = match.groups()
        self.date1904 |= epoch == "true"
        if form == "TimeDelta":
            return Kind.DURATION, serial
        return kind_of_serial(float(serial)), serial


def _unknown(detail: str) -> FileRejectedError:
    return rejected(
        "file.corrupt_container", say("the workbook has a cell of an unknown kind: {detail}", detail=detail[:200])
    )


def _block(cells: dict[tuple[int, int], tuple[Kind, str]], texts: pa.RecordBatch, columns: list[int]) -> CellBlock:
    """Return the cells in one block; the value of a text comes from the sheet read as texts."""
    places = sorted(cells, key=lambda place: (place[1], place[0]))
    kinds = np.array([cells[place][0] for place in places], np.uint8)
    values = [cells[place][1] for place in places]
    strings = [texts.column(column).to_pylist() for column in range(texts.num_columns)]
    for number, (row, column) in enumerate(places):
        if kinds[number] == Kind.TEXT and not values[number]:
            values[number] = strings[column][row] or ""
    return CellBlock(
        rows=np.array([row for row, _ in places], np.int32),
        columns=np.array([columns[column] for _, column in places], np.int32),
        kinds=kinds,
        texts=pa.array(values, pa.large_string()),
    )


@contextmanager
def _guarded() -> Iterator[None]:
    """Turn whatever the native reader raises about a file, panics included, into a refusal."""
    try:
        with _silenced():
            yield
    except (KeyboardInterrupt, SystemExit, FileRejectedError):
        raise
    except BaseException as error:
        if is_of_the_machine(error):
            raise
        # A Rust panic is no Exception in Python.
        message = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        code = "file.encrypted" if "assword" in message else "file.corrupt_container"
        raise rejected(code, say("the workbook cannot be read: {error}", error=message)) from error


@contextmanager
def _silenced() -> Iterator[None]:
    """Keep the native reader from writing its panics to standard error: the refusal says what there is to say."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
