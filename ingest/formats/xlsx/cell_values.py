"""What the raw cells of an xlsx sheet mean: kind and text of each by its type, its style and the shared strings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...cells.arrow_masks import spread, truth
from ...cells.cells import MAX_COLUMNS, MAX_ROWS, Kind, distinct
from ...cells.date_serials import iso_cells
from ...errors import FileRejectedError, rejected
from ...messages import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...cells.styles import CellStyles

    Mask = NDArray[np.bool_]

_Place = TypeVar("_Place", np.int32, np.int64)
TEXT_RESULT: Final = "str"
"""The type of a cell with a text that is the result of a formula, or that a library writes without one."""
UNSET: Final = "<str>"
"""Such a cell of which a formula is all that there is, and no `<v>`: as no file can write it."""
TYPES: Final = ("", "n", "s", "b", "e", TEXT_RESULT, "inlineStr", "d", UNSET)
"""The types of a cell, ECMA-376 part 1, 18.18.11, and that one; the first two are numbers."""
SHARED: Final = "s"
"""The type of a cell that holds the number of a shared string."""
INLINE: Final = "inlineStr"
"""The type of a cell with a text of its own in `<is>`.

It counts before `<v>` in a cell of this type, and makes a cell of another type that has no `<v>` one of this.
"""
_ZEROS: Final = pa.array(["0", "0.0"], pa.large_string())


@dataclass(slots=True)
class Results:
    """What stands as the results of the formulas of a sheet: zeros and empty texts, nothing for texts, anything else.

    A program that calculates writes an empty text, too: `<v></v>`. Libraries that call every formula a text without
    having calculated any leave it out.
    """

    zeros: bool = False
    unset: bool = False
    others: bool = False

    def note(self, *, zeros: bool, unset: bool, others: bool) -> None:
        """Add what some cells have. Several threads do: nothing that one has added is taken back by another."""
        if zeros:
            self.zeros = True
        if unset:
            self.unset = True
        if others:
            self.others = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetContext:
    """What the cells of a sheet refer to: shared strings, the number format of each style, the limit.

    The strings may still be read beside the sheet: whoever asks for them waits. `results` are told of what is found;
    where `uncalculated`, nothing for a text is no result of a formula, where `zeroed` neither is a zero.
    """

    name: str
    strings: Callable[[], pa.LargeStringArray]
    styles: CellStyles
    date1904: bool
    max_cells: int
    results: Results = field(default_factory=Results)
    uncalculated: bool = False
    zeroed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RawCells:
    """Cells as they stand in the XML, references and white space of their texts resolved.

    `codes` are places in `names`, the types. A cell that does not exist looks like one without a value.
    """

    codes: NDArray[np.int8] | NDArray[np.int32]
    names: Sequence[str]
    styles: NDArray[np.int32]
    formulas: Mask
    values: pa.LargeStringArray


def typed(cells: RawCells, context: SheetContext) -> tuple[NDArray[np.uint8], pa.LargeStringArray]:
    """Return the kind and the text of every cell; of one that holds nothing, `EMPTY` and any text.

    Raises:
        FileRejectedError: a type is unknown, a shared string is not there.

    """
    values, formulas = cells.values, cells.formulas
    filled = pc.binary_length(values).to_numpy() != 0
    kinds = np.full(len(filled), Kind.NUMBER, np.uint8)
    for code in distinct(cells.codes):
        name, here = cells.names[code], cells.codes == code
        if name in ("", "n"):
            values = context.styles.apply(cells.styles, here, kinds, values)
        elif name == SHARED:
            kinds[here] = Kind.TEXT
            # Where a cell holds nothing, no text is asked for.
            only = not formulas.any() and not (filled & ~here).any()
            values = _shared(values, here & filled, context, only=only)
        elif name in (TEXT_RESULT, INLINE, UNSET):
            kinds[here] = Kind.TEXT
        elif name == "b":
            kinds[here] = Kind.BOOLEAN
        elif name == "e":
            kinds[here] = Kind.ERROR
        elif name == "d":
            values = _iso_dates(values, here & filled, kinds, date1904=context.date1904)
        else:
            raise rejected(
                "file.corrupt_xml",
                say("{part} has a cell of the unknown type {type}", part=context.name, type=repr(name)),
            )
    filled |= (kinds == Kind.TEXT) & formulas
    kinds[~filled] = Kind.EMPTY
    kinds[formulas & ~filled] = Kind.UNCACHED
    if formulas.any():
        _judge_results(cells, formulas & filled, kinds, context)
    return kinds, values


def _judge_results(cells: RawCells, given: Mask, kinds: NDArray[np.uint8], context: SheetContext) -> None:
    """Note what the formulas have for results, and set, in place, the kinds of those that are known to have none."""
    unset = given & _of_types(cells, UNSET)
    zeros = given & _of_types(cells, "", "n") & truth(pc.is_in(cells.values, value_set=_ZEROS))
    zeros |= given & _of_types(cells, TEXT_RESULT) & truth(pc.equal(cells.values, ""))
    context.results.note(zeros=bool(zeros.any()), unset=bool(unset.any()), others=bool((given & ~zeros & ~unset).any()))
    if context.uncalculated:
        kinds[unset] = Kind.UNCACHED
    if context.zeroed:
        kinds[zeros] = Kind.UNCACHED


def _of_types(cells: RawCells, *types: str) -> Mask:
    return np.isin(cells.codes, [code for code, name in enumerate(cells.names) if name in types])


def _shared(values: pa.LargeStringArray, where: Mask, context: SheetContext, *, only: bool) -> pa.LargeStringArray:
    """Put the shared strings in the place of their numbers; `only` they count, the other values may be lost."""
    mask = pa.array(where)
    try:
        numbers = (values if where.all() else values.filter(mask)).cast(pa.int32())
    except pa.ArrowInvalid as error:
        raise _no_string(context) from error
    texts = shared_texts(spread(numbers, where) if only else numbers, context)
    return texts if len(texts) == len(values) else pc.replace_with_mask(values, mask, texts)


def shared_texts(numbers: pa.Array, context: SheetContext) -> pa.LargeStringArray:
    """Return the shared strings of these numbers, null for null.

    Raises:
        FileRejectedError: there is none of a number.

    """
    try:
        return context.strings().take(numbers)
    except pa.ArrowIndexError as error:
        raise _no_string(context) from error


def _no_string(context: SheetContext) -> FileRejectedError:
    return rejected("file.corrupt_xml", say("{part} refers to a shared string that is not there", part=context.name))


def _iso_dates(
    values: pa.LargeStringArray, where: Mask, kinds: NDArray[np.uint8], *, date1904: bool
) -> pa.LargeStringArray:
    """Turn the rare cells that hold an ISO date into the serial number that all others hold."""
    mask = pa.array(where)
    kinds[where], serials = iso_cells(values.filter(mask), date1904=date1904)
    return pc.replace_with_mask(values, mask, serials)


def check_places(rows: NDArray[_Place], columns: NDArray[_Place], context: SheetContext) -> None:
    """Refuse cells that lie outside of any sheet.

    Raises:
        FileRejectedError: one does.

    """
    if len(rows) and (rows.min() < 0 or columns.min() < 0 or rows.max() >= MAX_ROWS or columns.max() >= MAX_COLUMNS):
        raise rejected("file.corrupt_xml", say("{part} has a cell outside of any sheet", part=context.name))
