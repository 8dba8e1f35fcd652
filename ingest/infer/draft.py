"""A first draft of a dataset from a sample workbook, by which every row of the sample loads: owns how it is checked."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..cells.cells import column_letters
from ..columns.table_end import settled
from ..columns.validate import check_columns
from ..errors import CATALOGUE, FileRejectedError, rejected
from ..formats.hint import Hint
from ..formats.open import open_book
from ..formats.zip.container import sniff
from ..messages import say
from ..output.drafted import SEEN_COLUMNS, SEEN_ROWS, Drafted
from ..output.grid import LIMITS, choose_sheet, shown_rows
from ..spec.dataset import Dataset
from ..spec.titles import in_one_line, normal, trimmed
from ..spec.yaml_text import quoted
from ..table.table import find_table, header_of, refuse_moved
from .column import ColumnDrafter, Draft
from .existing import into_table
from .names import dataset_name, file_glob, identifier, undated, unique_name
from .other_sheets import other_heads
from .page import Page, draft_text
from .sample import SEARCH_ROWS, Ends, Sample
from .words import numbers_for_itself, numbers_lines, numbers_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ..cells.cells import SheetCells, Visibility
    from ..spec.dataset import FileLimits
    from ..spec.outline import TableOutline
    from ..table.table import Table
    from .other_sheets import SheetHead

    Mask = NDArray[np.bool_]

_NA: Final = "NA"
"""A word for nothing that is the code of a country and a region, too: among other codes it is one."""
KEY_ROWS: Final = 3
"""Fewer rows than these prove nothing about a key."""


def draft_sample(
    path: Path,
    sheet: str | int | None = None,
    outline: TableOutline | None = None,
    limits: FileLimits = LIMITS,
    name: str | None = None,
    encoding: str | None = None,
) -> Drafted:
    """Return a dataset by which every row of the sample can be loaded, and the rows that it was drafted from.

    Rows that no dataset may load, because their cells may stand in the wrong columns, are told of in its comments.
    `sheet` is a name, a 0-based index, or None for the first visible sheet; `outline` the table that is there already.
    `name` is the file's own name where the path has another, `encoding` that of its text, if it is to be given.

    Raises:
        FileRejectedError: the file or the sheet cannot be read, or has no table, or none of the columns of `outline`.

    """
    named = Path(name or path.name)
    with open_book(path, sniff(path, limits, Hint(name=named.name, encoding=encoding)), limits) as book:
        index = choose_sheet(book, sheet)
        cells = book.read(index)
        title = book.sheets[index][0]
        if not cells.rows:
            raise rejected("table.no_rows", say("sheet {title} is empty", title=repr(title)), sheet=title)
        where = _Place(sheets=book.sheets, index=index, cells=cells, stem=named.stem, encoding=encoding)
        others = other_heads(book, index, SEARCH_ROWS)
    sample, page = _placed(where, outline)
    return Drafted(
        text=draft_text(replace(_by_titles(page, others), hidden=where.hidden)),
        sheets=tuple(name for name, _ in where.sheets),
        sheet=title,
        rows=tuple(shown_rows(cells, slice(0, min(SEEN_ROWS, cells.rows)), SEEN_COLUMNS)),
        header_row=sample.header_row + 1 if sample.header_row >= 0 else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the sample stands: a book of which one sheet has been read, in a file of the name `stem`.

    `encoding` is the one that the file was said to be in.
    """

    sheets: tuple[tuple[str, Visibility], ...]
    index: int
    cells: SheetCells
    stem: str
    encoding: str | None = None

    def read(self, index: int) -> SheetCells:
        """Return the cells of the sheet; no other is asked for."""
        if index != self.index:
            raise AssertionError(f"sheet {index} is not the sample's")
        return self.cells

    def close(self) -> None:
        """Do nothing: the file is closed already."""

    @property
    def hidden(self) -> tuple[str, ...]:
        """The names of hidden sheets, if the sample's is none."""
        if self.sheets[self.index][1] != "visible":
            return ()
        return tuple(name for name, visibility in self.sheets if visibility != "visible")

    @property
    def workbook(self) -> dict[str, Any]:
        """Return the keys of a dataset that lead to the sheet."""
        visibility = self.sheets[self.index][1]
        return {
            **({"sheets": {"index": self.index}} if len(self.sheets) > 1 else {}),
            **({"hidden_sheets": "include"} if visibility != "visible" else {}),
        }


def _by_titles(page: Page, others: tuple[SheetHead, ...]) -> Page:
    """Return the page without the place of the sheet, if titles alone lead there: the next file may have a cover."""
    if "sheets" not in page.content.get("workbook", {}):
        return page
    dataset = page.dataset()
    if dataset.header.mode != "detect" or dataset.workbook.hidden_sheets == "include":
        return page
    if any(other.has_table(dataset) for other in others):
        return replace(page, alike=tuple(other.name for other in others if other.cells and other.has_table(dataset)))
    return replace(page, content={name: value for name, value in page.content.items() if name != "workbook"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What became of the sample by a draft: the rows that proved to be totals, and why it does not load, if so.

    `torn` says which rows would load by no other draft either, `most` whether they are most of the rows.
    """

    totals: frozenset[int] = frozenset()
    complaint: str | None = None
    torn: str | None = None
    most: bool = False


def _placed(place: _Place, outline: TableOutline | None) -> tuple[Sample, Page]:
    """Return the sample below its header, and the draft by which it loads.

    The header is the first row that looks like one. Where most rows below it have more cells than it has titles, it is
    rather a line above the table (`Account,42`), and a later row the header, if anything speaks for that: a blank row
    above it, or a value among the titles of the first and types of what stands below.
    """
    sample = Sample(place.cells)
    try:
        page, trial = _loading(sample, place, outline)
    except FileRejectedError:
        if (later := _later(sample, place, outline)) is None:
            raise
        return later
    return (_later(sample, place, outline) if trial.most else None) or (sample, page)


def _later(sample: Sample, place: _Place, outline: TableOutline | None) -> tuple[Sample, Page] | None:
    """Return the sample below a later header by which most rows load, and the draft; None if nothing speaks for one."""
    for later in sample.later_headers():
        with suppress(FileRejectedError):
            page, trial = _loading(later, place, outline)
            typed = any(draft.field.type.kind != "string" for draft in page.drafts)
            if not trial.most and not trial.complaint and (typed or later.stands_apart()):
                return later, replace(page, passed=sample.header_row + 1)
    return None


def _loading(sample: Sample, place: _Place, outline: TableOutline | None) -> tuple[Page, _Trial]:
    """Return the draft by which the whole sample loads: what begins as a total may prove to be none."""

    def tried(no_totals: frozenset[int]) -> tuple[Page, _Trial, Ends]:
        ends = sample.ends(no_totals)
        page = _page(sample, place, ends)
        if outline is not None:
            page = into_table(page, outline)
        trial = _tried(page, place)
        no_total = sample.header_row + sample.header_rows + 1 + min(no_totals) if no_totals else None
        return replace(page, complaint=trial.complaint, torn=trial.torn, no_total=no_total), trial, ends

    no_totals: frozenset[int] = frozenset()
    page, trial, ends = tried(no_totals)
    while unproven := ends.totals - trial.totals:
        no_totals |= unproven
        page, trial, ends = tried(no_totals)
    if trial.complaint and ends.totals:
        # Rows that do not load may be for a person to mend, and the totals right: only where all load without any were
        # these none.
        without, other, _ = tried(no_totals | ends.totals)
        if not other.complaint:
            return without, other
    return page, trial


def _tried(page: Page, place: _Place) -> _Trial:
    dataset = page.dataset()
    try:
        table = settled(find_table(place, dataset, place.stem), dataset)
        refuse_moved(table)
    except FileRejectedError as error:
        return _Trial(complaint=str(error), most=True)
    torn, most = _torn(table), int(table.torn_data.sum()) * 2 > int(table.data.sum())
    totals = frozenset(np.flatnonzero(table.footer & (table.marks.footers | (table.marks.statistics > 0))).tolist())
    bad = check_columns(table, dataset).rejected & table.data | table.beyond
    complaint = None
    if bad.any():
        rows = table.sheet_rows(np.flatnonzero(bad))
        complaint = f"{len(rows)} rows of the sample do not load by this draft, first row {rows[0]}"
    return _Trial(totals=totals, complaint=complaint, torn=torn, most=most)


def _torn(table: Table) -> str | None:
    """Return how many rows are torn, and what is wrong with the first, as is told of it when it is to be loaded."""
    rows = np.flatnonzero(table.torn_data)
    if not len(rows):
        return None
    code, message = table.torn[int(rows[0])]
    first = table.sheet_rows(rows[:1])[0]
    return f"{len(rows)} rows load by no dataset, first row {first} ({code}): {message}; {CATALOGUE[code].hint}"


def _page(sample: Sample, place: _Place, ends: Ends) -> Page:
    data = sample.data(ends)
    drafts = list(_drafts(sample, data))
    if any(_NA in draft.words for draft in drafts if draft.has_codes):
        drafts = [draft.without(_NA) for draft in drafts]
    sheet = place.sheets[place.index][0]
    if not drafts:
        raise rejected(
            "header.not_found",
            say("sheet {sheet} has no column with a title and values", sheet=repr(sheet)),
            sheet=sheet,
        )
    missing = frozenset().union(*(draft.missing for draft in drafts))
    drafts = [replace(draft, unique=draft.unique and not draft.words & missing) for draft in drafts]
    about = "\n".join(in_one_line(undated(name)) for name in (place.stem, sheet))
    content = {
        "dataset": dataset_name(place.stem),
        "version": 1,
        "match": {"glob": file_glob(place.stem)},
        **({"workbook": place.workbook} if place.workbook else {}),
        "header": _header_rule(sample, drafts),
        **sample.table_end(ends, data),
        **({"encoding": place.encoding} if place.encoding else {}),
    }
    return Page(
        content=content,
        table=identifier(place.stem) or "sample",
        drafts=tuple(drafts),
        key=_key(drafts, about, int(data.sum())),
        rows=int(data.sum()),
        missing=tuple(sorted(missing)),
        left_out=tuple(_left_out(sample)),
    )


def _drafts(sample: Sample, data: Mask) -> Iterator[Draft]:
    """Yield a field for each column that can be told by its title, or by its place if there is no header."""
    drafter = ColumnDrafter(data, date1904=sample.cells.date1904)
    names: set[str] = set()
    labels = sample.titles
    for place in _told_apart(labels) if sample.header_row >= 0 else range(sample.cells.width):
        label = labels[place]
        name = unique_name(identifier(label or "") or f"column_{column_letters(place).lower()}", names)
        names.add(name)
        yield replace(drafter.draft(name, label, sample.column(place)), merged=sample.is_merged(place))


def _told_apart(labels: list[str | None]) -> list[int]:
    """Return the columns whose title stands in no other."""
    forms = [trimmed(label) if label else "" for label in labels]
    times = Counter(forms)
    return [place for place, form in enumerate(forms) if form and times[form] == 1]


def _left_out(sample: Sample) -> Iterator[str]:
    """Yield the columns that no field is drafted for, with the reason."""
    if sample.header_row < 0:
        return
    labels = sample.titles
    told = set(_told_apart(labels))
    for place in sorted(set(range(len(labels))) - told):
        letters, label = column_letters(place), labels[place]
        if label is not None:
            yield f"column {letters}: another column has the title {quoted(label)}, too"
        elif (sample.column(place).kinds != 0).any():
            yield f"column {letters}: it has no title"


def _header_rule(sample: Sample, drafts: list[Draft]) -> dict[str, Any]:
    """Return how the header is found: by its titles if that leads to the same row, else by its place."""
    if sample.header_row < 0:
        return {"mode": "none"}
    height = {"rows": sample.header_rows} if sample.header_rows > 1 else {}
    content = {"dataset": "d", "header": height, "fields": [draft.field for draft in drafts], "load": {"table": "t"}}
    try:
        found = header_of(sample.cells, Dataset.model_validate(content), "").row
    except FileRejectedError:
        found = -1
    mode = {"mode": "detect"} if found == sample.header_row else {"mode": "row", "row": sample.header_row + 1}
    return {**mode, **height}


def _key(drafts: list[Draft], about: str, rows: int) -> tuple[Draft, ...]:
    """Return the field that is certain to be the key: the first whose title numbers the rows, if its values do.

    A column that is different in every row by chance would lose rows of the next file; so would one that only counts
    the rows of this one, the number of a document that has numbered lines, or one that each supplier gives for itself.
    """
    titles = [(draft, normal(draft.field.header[0])) for draft in drafts if draft.field.header]
    if any(numbers_lines(title, about) and draft.counts for draft, title in titles):
        return ()
    first, number = next(((draft, title) for draft, title in titles if numbers_rows(title, about)), (None, ""))
    if numbers_for_itself(number, [title for _, title in titles if title != number]):
        return ()
    return (first,) if first and first.unique and not first.running and rows >= KEY_ROWS else ()
