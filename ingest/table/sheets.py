"""Which sheets of a workbook may hold the table, and which of those that have its header do; reads no cells."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..errors import rejected
from ..messages import say
from ..spec.titles import in_one_line
from .header import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..cells.cells import Visibility
    from ..errors import FileRejectedError
    from ..spec.dataset import Dataset


def candidate_sheets(sheets: Sequence[tuple[str, Visibility]], dataset: Dataset) -> list[int]:
    """Return the places of the sheets in which the dataset says to look.

    Raises:
        FileRejectedError: `sheet.missing`, or `sheet.hidden_only`.

    """
    chosen = _named(sheets, dataset)
    if not chosen:
        wanted = dataset.workbook.sheets
        asked = (
            say("index {index}", index=wanted.index)
            if isinstance(wanted.index, int)
            else ", ".join(wanted.name) or say("any sheet")
        )
        there = listed([name for name, _ in sheets]) or say("none")
        raise rejected("sheet.missing", say("looked for {asked}; the workbook has {there}", asked=asked, there=there))
    skipped = skipped_sheets(sheets, dataset)
    if len(skipped) == len(chosen):
        raise hidden_only([sheets[place][0] for place in chosen])
    return [place for place in chosen if place not in skipped]


def skipped_sheets(sheets: Sequence[tuple[str, Visibility]], dataset: Dataset) -> list[int]:
    """Return the places of the sheets in which the dataset would say to look, were they not hidden."""
    if dataset.workbook.hidden_sheets != "skip":
        return []
    return [place for place in _named(sheets, dataset) if sheets[place][1] != "visible"]


def hidden_only(names: Sequence[str]) -> FileRejectedError:
    """Return the refusal of a workbook of which only hidden sheets may have the table."""
    return rejected("sheet.hidden_only", say("only hidden sheets would do: {names}", names=listed(names)))


def _named(sheets: Sequence[tuple[str, Visibility]], dataset: Dataset) -> list[int]:
    """Return the places of the sheets that the dataset names, hidden or not."""
    wanted = dataset.workbook.sheets
    if isinstance(wanted.index, int):
        return [wanted.index] if wanted.index < len(sheets) else []
    if not wanted.name:
        return list(range(len(sheets)))
    globs = [in_one_line(glob) for glob in wanted.name]
    return [place for place, (name, _) in enumerate(sheets) if any(fnmatchcase(in_one_line(name), g) for g in globs)]


def choose_matches(found: Sequence[tuple[str, int]], dataset: Dataset) -> list[int]:
    """Return the places, among the sheets that have the header, of those that make the table.

    `found` has the name of each and its number of rows below the header.

    Raises:
        FileRejectedError: `sheet.ambiguous`: several have rows, and the dataset does not say which.

    """
    index = dataset.workbook.sheets.index
    if index == "all":
        return [place for place, (_, rows) in enumerate(found) if rows > 0] or [0]
    if index == "largest_matching":
        return [max(range(len(found)), key=lambda place: found[place][1])]
    # One that has the titles alone is a form for another month, and no second table.
    filled = [place for place, (_, rows) in enumerate(found) if rows > 0]
    if len(filled) > 1:
        names = listed([found[place][0] for place in filled])
        raise rejected("sheet.ambiguous", say("more than one sheet has the table: {names}", names=names))
    return filled or [0]
