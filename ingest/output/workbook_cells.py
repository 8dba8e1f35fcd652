"""The cells of a workbook that is handed back: each as the kind that it was, texts so that they are read back alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ..cells.cells import Kind, empty_column
from ..cells.error_values import EXCEL_ERRORS, OTHER_ERROR
from ..cells.number_text import doubles, lost_digits
from ..cells.styles import without_zeros
from ..errors import rejected
from ..messages import say
from ..table.guards import FORMULA_STARTS, guarded_again

if TYPE_CHECKING:
    from ..cells.cells import Column
    from ..spec.field import Field

_FORMATS: Final = {
    Kind.DATE: "yyyy-mm-dd",
    Kind.DATETIME: "yyyy-mm-dd hh:mm:ss",
    Kind.TIME: "hh:mm:ss",
    Kind.DURATION: "[h]:mm:ss",
}
_AS_TEXTS: Final = (Kind.TEXT, Kind.MOMENT, Kind.PADDED, Kind.MALFORMED)
_TEXT_FORMAT: Final = "@"
_CELL_CHARACTERS: Final = 32_767
"""What a workbook takes as the text of a cell (Excel specifications and limits)."""
_ESCAPED: Final = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
"""What begins an escaped character in a workbook (ECMA-376, ST_Xstring), and is itself escaped where it is meant so."""
_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML has no place for (XML 1.0, Char)."""
_NONCHARACTERS: Final = {code: f"_x{code:04X}_" for code in (0xFFFE, 0xFFFF)}
"""Such as a text may have all the same, and how a workbook says it; control characters are errors of their cell."""
_EXACT_BELOW: Final = 1e15


def put_cell(
    page: Any,
    number: int,
    place: int,
    column: Column,
    row: int,
    field: Field | None = None,
    *,
    again: bool = False,
) -> None:
    """Write one cell of the original, as the kind that it is, with `again` so that `guards` gives it back as it was.

    Cells of texts and identifiers have the format of texts, empty ones too, so that what is typed into them keeps its
    zeros; a text where something else is wanted has none, so that a date that is typed over it becomes one.
    """
    textual = field is None or field.id or field.type.kind == "string"
    if field is not None and textual:
        page.cell(number, place + 1).number_format = _TEXT_FORMAT
    one = column.part(slice(row, row + 1)) if row < len(column.kinds) else empty_column(1)
    one = one if field is not None and field.id else without_zeros(one)
    kind = Kind(int(one.kinds[0]))
    if kind in (Kind.EMPTY, Kind.UNCACHED):
        return
    cell = page.cell(number, place + 1)
    text = one.texts[0].as_py() or ""
    if kind in _AS_TEXTS or (kind == Kind.NUMBER and _is_beyond_a_double(one)):
        write_text(cell, guarded_again(text) if again else text)
        cell.number_format = _TEXT_FORMAT if textual else "General"
    elif kind == Kind.BOOLEAN:
        cell.value = text != "0"
    elif kind == Kind.ERROR:
        # Excel repairs a workbook that has other words in an error cell.
        known = text.strip() if text.strip() in EXCEL_ERRORS else OTHER_ERROR
        cell.value, cell.data_type = known, "e"
    else:
        cell.value = _digits(float(doubles(one.texts)[0]))
        cell.data_type = "n"
        cell.number_format = _FORMATS.get(kind, cell.number_format)


def _digits(number: float) -> str:
    """Return a number as a text that is the same double again; of a number itself openpyxl writes 16 digits."""
    short = f"{number:.16g}"
    return short if float(short) == number else repr(number)


def _is_beyond_a_double(number: Column) -> bool:
    """Say whether the file has digits of the number that the cell of a workbook would lose."""
    return abs(doubles(number.texts)[0]) >= _EXACT_BELOW and not lost_digits(number.texts)[0]


def write_text(cell: Any, text: str) -> None:
    """Write a text that stays one, whatever it begins with, and is read back as it is.

    Raises:
        FileRejectedError: it is longer than what a cell takes.

    """
    if len(text.encode("utf-16-le")) > 2 * _CELL_CHARACTERS:
        message = say(
            "a text of {length} characters is longer than the {most} that a cell of a workbook takes",
            length=len(text),
            most=_CELL_CHARACTERS,
        )
        raise rejected("cell.length", message, hint=say("ask for the rejected rows as CSV"))
    whole = _ESCAPED.sub("_x005F_", text).replace("\r", "_x000D_").translate(_NONCHARACTERS)
    cell.value = in_xml(whole)
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(FORMULA_STARTS)


def in_xml(text: str) -> str:
    """Return a text without what XML has no place for, such as a control character that a bad cell quotes."""
    return _NO_XML.sub("\ufffd", text)
