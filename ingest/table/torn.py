"""Rows whose cells may not be where they belong: more than titles, of records that read several ways or are cut off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import rejected
from ..messages import say
from .marks import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..cells.cells import Records, SheetCells
    from ..spec.dataset import Dataset
    from .header import FoundHeader

    Mask = NDArray[np.bool_]

_CUT: Final = "file.truncated"
_WHOLE_RECORDS: Final = 2
"""So many records before the last one have to be of one length, so that a shorter one is none of its own."""
_CODE: Final = re.compile(r"(?=.*\d)\S+")
"""The beginning of a number or an id."""


def torn_rows(
    cells: SheetCells, header: FoundHeader, filled: Mapping[int, Mask], data: Mask, ends: Mask, dataset: Dataset
) -> dict[int, tuple[str, str]]:
    """Return the rows (0-based, below the header) that hold data and are torn, with a code and what is wrong.

    `filled` says of each column which of its cells below the header hold anything, `ends` which rows begin as footers.

    Raises:
        FileRejectedError: `header.ambiguous`: the header is torn.

    """
    found: dict[int, tuple[str, str]] = {}
    titled = [place for place, label in enumerate(header.labels) if label and label.strip()]
    surplus = _surplus(filled, titled, data, dataset) if titled else np.zeros(len(data), np.bool_)
    for row in np.flatnonzero(surplus & data).tolist():
        message = say("the row has cells where the header has no title: it has {titles} titles", titles=len(titled))
        found[row] = "row.extra_cells", message
    if cells.records is not None:
        found |= _of_records(cells.records, header, filled, data, titled)
        found |= _cut(cells, cells.records, header, data, ends)
    return found


def refuse_cut(torn: Mapping[int, tuple[str, str]], data: Mask, sheet: str | None) -> None:
    """Refuse a table on a sheet whose file ends within a torn row of data: how many more there were, nobody knows.

    Raises:
        FileRejectedError: `file.truncated`.

    """
    for row, (code, message) in torn.items():
        if code == _CUT and data[row]:
            hint = say("send the file again: its end is missing; if the last record is whole, end it with a line break")
            raise rejected(code, message, hint=hint, sheet=sheet)


def _surplus(filled: Mapping[int, Mask], titled: list[int], data: Mask, dataset: Dataset) -> Mask:
    """Say which rows have more filled cells than titles, or any without a title where the dataset takes no other.

    Cells before the last title may be a column of their own, like the row numbers that some programs write.
    """
    known = set(titled)
    behind = counted((filled[place] for place in filled if place > titled[-1]), len(data))
    if dataset.contract.columns in ("freeze", "discard_row"):
        within = counted((filled[place] for place in filled if place < titled[-1] and place not in known), len(data))
        return (behind + within) > 0
    under = counted((filled[place] for place in titled if place in filled), len(data))
    more: Mask = (behind > 0) & (under + behind > len(titled))
    return more


def _of_records(
    records: Records, header: FoundHeader, filled: Mapping[int, Mask], data: Mask, titled: list[int]
) -> dict[int, tuple[str, str]]:
    """Return the rows whose records are suspect, or ragged: with more fields than the header and the other records.

    A delimiter too many shifts the fields behind it, so that the last ones stand where no title is.

    Raises:
        FileRejectedError: `header.ambiguous`: the header itself is so, and every row would be shifted.

    """
    found: dict[int, tuple[str, str]] = {}
    fields = records.fields[header.end : header.end + len(data)]
    least = int(records.fields[header.end - 1]) if header.row >= 0 else 0
    usual = int(np.bincount(fields[data]).argmax()) if data.any() else 0
    _check_header(records, header, titled, usual)
    behind = [mask for place, mask in filled.items() if titled and place > titled[-1]]
    ragged = data & ((fields > max(usual, least)) | np.logical_or.reduce([np.zeros(len(data), np.bool_), *behind]))
    for row in np.flatnonzero(ragged).tolist():
        message = say(
            "the record has {fields} fields, more than there are titles or other records have", fields=fields[row]
        )
        found[row] = "row.extra_cells", message
    for row, reason in records.suspects.items():
        if row >= header.end and data[row - header.end]:
            found[row - header.end] = "row.open_quote", reason
    return found


def _cut(
    cells: SheetCells, records: Records, header: FoundHeader, data: Mask, ends: Mask
) -> dict[int, tuple[str, str]]:
    """Return the row within which the file ends: the last one has no line end, and is shorter than all the others.

    Or it ends within quotes, which may have begun some lines before. A single field is rather in quotes as a whole, and
    what begins as a footer, or stands below a blank line, is rather a line below the table.
    """
    rows = header.end + np.flatnonzero(data)
    if records.ended or len(rows) <= _WHOLE_RECORDS or int(rows[-1]) + 1 < len(records.fields):
        return {}
    fields, usual = records.fields[rows], int(records.fields[rows[0]])
    quoted = _open_to_the_end(records, rows, fields < usual)
    place = len(rows) - 1 if quoted is None else quoted
    found, row = int(fields[place]), int(rows[place])
    below = place and int(rows[place - 1]) + 1 < row
    others = [*fields[:place].tolist(), *([int(records.fields[header.end - 1])] if header.row >= 0 else [])]
    if place < _WHOLE_RECORDS or any(other != usual for other in others) or below or ends[row - header.end]:
        return {}
    if quoted is not None:
        message = say("the file ends within row {row}, in quotes that never close", row=row + 1)
    elif found < usual and row not in records.suspects and (found > 1 or _begins_like(cells.columns[0].texts, rows)):
        message = say(
            "the file ends within row {row}: its record has {fields} of the {usual} fields of all others, "
            "and no line end",
            row=row + 1,
            fields=found,
            usual=usual,
        )
    else:
        return {}
    return {row - header.end: (_CUT, message)}


def _open_to_the_end(records: Records, rows: NDArray[np.int64], short: Mask) -> int | None:
    """Return which of the rows opens a quote behind which nothing but parts of records stands; None if none does."""
    suspect = [place for place, row in enumerate(rows.tolist()) if row in records.suspects]
    if not suspect or records.fields[rows[suspect[-1]]] == 1 or not short[suspect[-1] + 1 :].all():
        return None
    return suspect[-1]


def _begins_like(texts: pa.LargeStringArray, rows: NDArray[np.int64]) -> bool:
    """Say whether the text of the last of the rows is rather the beginning of an id than a line below the table."""
    last = texts[int(rows[-1])].as_py()
    alike = pc.starts_with(texts.take(pa.array(rows[:-1])), last)
    return bool(_CODE.fullmatch(last)) or bool(pc.any(alike).as_py())


def _check_header(records: Records, header: FoundHeader, titled: list[int], usual: int) -> None:
    """Refuse a header that is suspect, or that has a field too many and an empty title before its last one."""
    for row in range(max(header.row, 0), header.end):
        message: str | None = records.suspects.get(row)
        if message is None and titled and len(titled) <= titled[-1] and 0 < usual < records.fields[row]:
            message = say(
                "it has {fields} fields, an empty one among them, and its records have {usual}",
                fields=records.fields[row],
                usual=usual,
            )
        if message is not None:
            hint = say("correct the quotes and delimiters of the header")
            raise rejected(
                "header.ambiguous",
                say("the header in row {row} can be read in several ways: {reason}", row=row + 1, reason=message),
                hint=hint,
            )
