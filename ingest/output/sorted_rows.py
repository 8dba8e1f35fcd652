"""What becomes of each row below the header: accepted, a duplicate or rejected, with the records of whole rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ..cells.arrow_masks import truth
from ..columns.duplicates import find_repeats
from ..messages import say
from ..table.header import REJECT_TITLES
from .copy_file import copy_columns, copy_lines
from .error_records import row_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ..columns.validate import Checked
    from ..errors import ErrorRecord
    from ..spec.dataset import Dataset
    from ..table.table import Table

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedRows:
    """What became of each row below the header, the columns as texts, and the records of whole rows."""

    columns: Sequence[pa.LargeStringArray]
    accepted: Mask
    duplicate: Mask
    superseded: Mask
    rejected: Mask
    records: tuple[ErrorRecord, ...]


def sort_rows(table: Table, checked: Checked, dataset: Dataset, *, by_originals: bool = False) -> SortedRows:
    """Decide of every row below the header whether it is accepted, a duplicate or rejected.

    Rows that have no key are told apart by none, or, `by_originals`, by what each says that it was in the original.
    """
    columns = dict(zip(checked.columns, copy_columns(list(checked.columns.values()), table.rows), strict=True))
    strange = table.data & table.undeclared & (dataset.contract.columns == "discard_row")
    torn = table.torn_data
    candidates = table.data & ~checked.rejected & ~strange & ~torn
    duplicate, superseded, conflicting = (np.zeros(table.rows, np.bool_) for _ in range(3))
    keys = table.originals if by_originals else None
    if dataset.primary_key:
        keys = copy_lines([columns[name] for name in dataset.primary_key])
    if keys is not None:
        place = np.flatnonzero(candidates & truth(keys.is_valid()))
        candidate_keys = keys if len(place) == table.rows else keys.take(pa.array(place))

        def lines(rows: NDArray[np.int64]) -> pa.LargeStringArray:
            index = pa.array(place[rows])
            return copy_lines([columns[field.name].take(index) for field in dataset.fields])

        last_wins = dataset.duplicates.in_file == "last_wins"
        repeats = find_repeats(candidate_keys, lines, last_wins=last_wins)
        duplicate[place], superseded[place] = repeats.duplicate, repeats.superseded
        conflicting[place] = repeats.conflicting
    return SortedRows(
        columns=[columns[field.name] for field in dataset.fields],
        accepted=candidates & ~duplicate & ~conflicting,
        duplicate=duplicate,
        superseded=superseded,
        rejected=checked.rejected | table.beyond | strange | torn | conflicting,
        records=(
            *_extra_records(
                table, dataset, table.beyond, say("the row looks like data but stands below the table's end")
            ),
            *_extra_records(table, dataset, strange, say("the row fills a column that the dataset does not declare")),
            *(
                row_record(table, dataset, code, row, message, None)
                for row, (code, message) in table.torn.items()
                if torn[row]
            ),
            *_conflict_records(table, dataset, keys, conflicting),
        ),
    )


def _extra_records(table: Table, dataset: Dataset, where: Mask, message: str) -> Iterator[ErrorRecord]:
    for row in np.flatnonzero(where).tolist():
        yield row_record(table, dataset, "row.extra_cells", row, message, None)


def _conflict_records(
    table: Table, dataset: Dataset, keys: pa.LargeStringArray | None, conflicting: Mask
) -> Iterator[ErrorRecord]:
    names, title = ", ".join(dataset.primary_key), REJECT_TITLES[0]
    for row in np.flatnonzero(conflicting).tolist():
        raw = None if keys is None else keys[row].as_py().replace("\t", ", ")
        if names:
            message = say("another row of the file has the same key ({names}) and other values", names=names)
            yield row_record(table, dataset, "row.key_duplicate", row, message, raw)
        else:
            message = say(
                "another row of the file has the same {title} ({name}) and other values", title=title, name=raw
            )
            hint = say("keep one of them; of a row that is to be loaded beside it empty the cell {title}", title=title)
            yield replace(row_record(table, dataset, "row.key_duplicate", row, message, raw), hint=hint)
