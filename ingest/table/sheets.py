"""Which sheets of a workbook may hold the table, and which of those that have its header do; reads no cells."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import rejected
from ..messages import say
from ..spec.titles import in_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cells.cells import Visibility
    from ..spec.dataset import Dataset


def candidate_sheets(sheets: Sequence[tuple[str, Visibility]], dataset: Dataset) -> list[int]:
    """Return the places of the sheets in which the dataset says to look.

    Raises:
        FileRejectedError: `sheet.missing`, or `sheet.hidden_only`.

    """
    wanted = dataset.workbook.sheets
    names = [name for name, _ in sheets]
    if isinstance(wanted.index, int):
        chosen = [wanted.index] if wanted.index < len(names) else []
    elif wanted.name:
        globs = [in_one_line(glob) for glob in wanted.name]
        chosen = [place for place, name in enumerate(names) if any(fnmatchcase(in_one_line(name), g) for g in globs)]
    else:
        chosen = list(range(len(names)))
    if not chosen:
        asked = (
            say("index {index}", index=wanted.index)
            if isinstance(wanted.index, int)
            else ", ".join(wanted.name) or say("any sheet")
        )
        there = ", ".join(repr(name) for name in names) or say("none")
        raise rejected("sheet.missing", say("looked for {asked}; the workbook has {there}", asked=asked, there=there))
    shown = [place for place in chosen if sheets[place][1] == "visible"]
    if dataset.workbook.hidden_sheets == "skip" and not shown:
        hidden = ", ".join(repr(names[place]) for place in chosen)
        raise rejected("sheet.hidden_only", say("only hidden sheets would do: {names}", names=hidden))
    return shown if dataset.workbook.hidden_sheets == "skip" else chosen


def choose_matches(found: Sequence[tuple[str, int]], dataset: Dataset) -> list[int]:
    """Return the places, among the sheets that have the header, of those that make the table.

    `found` has the name of each and its number of rows below the header.

    Raises:
        FileRejectedError: `sheet.ambiguous`: there are several, and the dataset does not say which.

    """
    index = dataset.workbook.sheets.index
    if index == "all":
        return [place for place, (_, rows) in enumerate(found) if rows > 0] or [0]
    if index == "largest_matching":
        return [max(range(len(found)), key=lambda place: found[place][1])]
    if len(found) > 1:
        names = ", ".join(repr(name) for name, _ in found)
        raise rejected("sheet.ambiguous", say("more than one sheet has the table: {names}", names=names))
    return [0]
