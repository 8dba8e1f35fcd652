"""A first draft of a dataset from a sample workbook: header, types from all rows, ids by their shape, a key."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells.arrow_masks import truth
from .cells.cells import Column, Kind, SheetCells, column_letters, empty_column
from .cells.display import displayed
from .cells.number_text import exact_texts
from .columns.validate import convert
from .errors import FileRejectedError, rejected
from .formats.open import open_book
from .formats.zip.container import sniff
from .output.grid import LIMITS, choose_sheet
from .spec.dataset import Dataset
from .spec.field import Field
from .table.header import find_header, normal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

SEARCH_ROWS: Final = 50
BLANK_ROWS: Final = 100
ID_DIGITS: Final = 12
"""A whole number of so many digits is an order or tracking number, hardly a quantity."""
MISSING: Final = ("-", "--", "N/A", "n/a", "NA", "NULL", "null", "无", "?")
FOOTERS: Final = ("合计*", "总计*", "小计*", "Total*", "Sum*", "Gesamt*", "Summe*", "Grand Total*")
_FOOTER: Final = re.compile("|".join(re.escape(glob[:-1].casefold()) for glob in FOOTERS))
_SAMPLE_CHARACTERS: Final = 30
_MAX_SCALE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """One field and what a person should know of its column."""

    field: Field
    remark: str
    unique: bool
    words: frozenset[str] = frozenset()
    """The words for nothing that the column has as texts: where another column takes them for nothing, so does it."""


def infer(path: Path, sheet: str | int | None = None) -> str:
    """Return a dataset as commented YAML, by which every row of the sample can be loaded.

    `sheet` is a name, a 0-based index, or None for the first visible sheet.

    Raises:
        FileRejectedError: the file or the sheet cannot be read, or has no table.

    """
    with open_book(path, sniff(path, LIMITS), LIMITS) as book:
        index = choose_sheet(book, sheet)
        (name, visibility), several = book.sheets[index], len(book.sheets) > 1
        cells = book.read(index)
    if not cells.rows:
        raise rejected("table.no_rows", f"sheet {name!r} is empty", sheet=name)
    found = _Sample(cells)
    drafts = [replace(draft, unique=draft.unique and not draft.words & found.missing) for draft in list(found.drafts())]
    if not drafts:
        raise rejected("header.not_found", f"sheet {name!r} has no column with a title and values", sheet=name)
    key = next((draft for draft in drafts if draft.unique), None)
    where = {"sheets": {"index": index}} if several else {}
    workbook = where | ({"hidden_sheets": "include"} if visibility != "visible" else {})
    content = {
        "dataset": _identifier(path.stem) or "sample",
        "version": 1,
        "match": {"glob": f"*{path.suffix}"},
        **({"workbook": workbook} if workbook else {}),
        "header": found.header_rule(drafts),
        **({"table_end": found.table_end} if found.table_end else {}),
    }
    return "\n".join(_lines(content, drafts, key, found)) + "\n"


class _Sample:
    """The table of the sample: its header, its rows of data, the words in it that mean nothing."""

    def __init__(self, cells: SheetCells) -> None:
        self._cells = cells
        self.header_row = self._find_header()
        self._start = self.header_row + 1
        height = cells.rows - self._start
        self._columns = {
            place: column.part(slice(self._start, None)) for place, column in cells.columns.items() if height
        }
        self.missing: set[str] = set()
        self.has_errors = False
        self.table_end: dict[str, Any] = {}
        self._data = self._find_data(height)

    def _find_header(self) -> int:
        """Return the first row whose cells are different texts, about as many as any row has; -1 for none."""
        stop = min(self._cells.rows, SEARCH_ROWS)
        filled = np.zeros((stop, self._cells.width), np.bool_)
        texts = np.zeros((stop, self._cells.width), np.bool_)
        for place, column in self._cells.columns.items():
            filled[:, place] = column.kinds[:stop] != Kind.EMPTY
            texts[:, place] = column.kinds[:stop] == Kind.TEXT
        widths = filled.sum(axis=1)
        for row in np.flatnonzero((widths * 2 > widths.max()) & (texts.sum(axis=1) == widths)).tolist():
            labels = [normal(label) for label in self._labels(row) if label]
            if len(set(labels)) * 2 > len(labels) and row + 1 < self._cells.rows:
                return int(row)
        return -1

    def _labels(self, row: int) -> list[str | None]:
        """Return the titles in a row, from column A on."""
        labels: list[str | None] = [None] * self._cells.width
        for place, column in self._cells.columns.items():
            text = displayed(column.part(slice(row, row + 1)), date1904=self._cells.date1904)[0].as_py()
            labels[place] = text if text and text.strip() else None
        return labels

    def _find_data(self, height: int) -> Mask:
        """Say which rows hold data; a row of totals ends them."""
        filled = [_visible(column) for column in self._columns.values()]
        data: Mask = np.logical_or.reduce([np.zeros(height, np.bool_), *filled])
        for row in np.flatnonzero(data).tolist():
            first = (
                next(column.texts[row].as_py() for _, column in sorted(self._columns.items()) if _visible(column)[row])
                if row >= height - SEARCH_ROWS
                else ""
            )
            if _FOOTER.match(normal(first)):
                self.table_end["footers"] = list(FOOTERS)
                data[row:] = False
                break
        gap = int(np.diff(np.flatnonzero(data), prepend=-1).max(initial=0))
        if gap > BLANK_ROWS:
            self.table_end["blank_rows"] = gap + BLANK_ROWS
        return data

    @property
    def rows(self) -> int:
        """The number of rows that hold data."""
        return int(self._data.sum())

    def drafts(self) -> Iterator[_Draft]:
        """Yield a field for each column that can be told by its title, or by its place if there is no header."""
        labels = self._labels(self.header_row) if self.header_row >= 0 else [None] * self._cells.width
        forms = [normal(label) if label else "" for label in labels]
        names: set[str] = set()
        for place, label in enumerate(labels):
            if self.header_row >= 0 and (label is None or forms.count(forms[place]) > 1):
                continue
            name = _unique(_identifier(label or "") or f"column_{column_letters(place).lower()}", names)
            names.add(name)
            column = self._columns.get(place, empty_column(len(self._data)))
            yield self._draft(name, label, column)

    def _draft(self, name: str, label: str | None, column: Column) -> _Draft:
        header = {"header": [label]} if label is not None else {}
        live = self._data & _visible(column)
        errors = live & (column.kinds == Kind.ERROR)
        self.has_errors |= bool(errors.any())
        uncached = live & (column.kinds == Kind.UNCACHED)
        for candidate, missing in self._candidates(column, live & ~errors & ~uncached):
            field = Field.model_validate({"name": name, **header, **candidate})
            there = live & ~errors & ~uncached & ~missing
            converted = convert(column, there, field, date1904=self._cells.date1904)
            if converted.faults:
                continue
            self.missing |= set(pc.unique(column.texts.filter(pa.array(missing))).to_pylist())
            if uncached.any():
                field = field.model_copy(update={"on_error": "null_value"})
            complete = bool(self._data.any()) and bool(there[self._data].all())
            values = converted.values.filter(pa.array(self._data))
            keyed = candidate["type"] in ("string", "integer") and complete
            unique = keyed and pc.count_distinct(values).as_py() == len(values)
            words = frozenset(pc.unique(column.texts.filter(pa.array(live))).to_pylist()) & set(MISSING)
            return _Draft(field=field, remark=_remark(column, there, self._cells), unique=unique, words=words)
        field = Field.model_validate({"name": name, **header, "type": "string", "onError": "null_value"})
        return _Draft(field=field, remark="some values cannot be loaded: they become null", unique=False)

    def _candidates(self, column: Column, live: Mask) -> Iterator[tuple[dict[str, Any], Mask]]:
        """Yield types to be tried, the narrowest first, and which cells hold a word for nothing."""
        none = np.zeros(len(live), np.bool_)
        words = live & (column.kinds == Kind.TEXT)
        words &= truth(pc.is_in(pc.utf8_trim_whitespace(column.texts), value_set=pa.array(MISSING, pa.large_string())))
        kinds = set(np.unique(column.kinds[live & ~words]).tolist())
        missing = words if kinds - {Kind.TEXT} else none
        if kinds == {Kind.BOOLEAN}:
            yield {"type": "boolean"}, missing
        elif kinds == {Kind.TIME}:
            yield {"type": "time"}, missing
            yield {"type": "duration"}, missing
        elif kinds and kinds <= {Kind.TIME, Kind.DURATION}:
            yield {"type": "duration"}, missing
        elif kinds and kinds <= {Kind.DATE, Kind.DATETIME, Kind.TIME}:
            yield {"type": "date"}, missing
            yield {"type": "datetime"}, missing
        elif kinds == {Kind.NUMBER}:
            yield from ((candidate, missing) for candidate in _numbers(column.texts.filter(pa.array(live & ~words))))
        yield {"type": "string", **({"id": True} if _is_id(column, live) else {})}, none
        yield {"type": "string"}, none

    def header_rule(self, drafts: list[_Draft]) -> dict[str, Any]:
        """Return how the header is found: by its titles if that leads to the same row, else by its place."""
        if self.header_row < 0:
            return {"mode": "none"}
        rows = [tuple(self._labels(row)) for row in range(min(self._cells.rows, SEARCH_ROWS))]
        content = {"dataset": "d", "fields": [draft.field for draft in drafts], "load": {"table": "t"}}
        try:
            found = find_header(rows, Dataset.model_validate(content), "").row
        except FileRejectedError:
            found = -1
        return {"mode": "detect"} if found == self.header_row else {"mode": "row", "row": self.header_row + 1}


def _visible(column: Column) -> Mask:
    """Say which cells hold anything but white space."""
    blank = (column.kinds == Kind.TEXT) & truth(pc.equal(pc.utf8_trim_whitespace(column.texts), ""))
    found: Mask = (column.kinds != Kind.EMPTY) & ~blank
    return found


def _numbers(raw: pa.LargeStringArray) -> Iterator[dict[str, Any]]:
    texts = exact_texts(raw)
    parts = pc.split_pattern(pc.utf8_ltrim(texts, "-"), ".", max_splits=1)
    whole = pc.max(pc.utf8_length(pc.list_element(parts, 0))).as_py() or 1
    dotted = parts.filter(pc.greater(pc.list_value_length(parts), 1))
    scale = pc.max(pc.utf8_length(pc.list_element(dotted, 1))).as_py() or 0
    if scale == 0:
        # An identifier that somebody typed as a number is still one: nobody adds up order numbers.
        yield {"type": "string", "id": True} if whole >= ID_DIGITS else {"type": "integer"}
    if 0 < scale <= _MAX_SCALE:
        digits = max(2, scale)
        yield {"type": f"decimal({min(38, max(18, whole + digits))},{digits})"}
    yield {"type": "number"}


def _is_id(column: Column, live: Mask) -> bool:
    """Say whether the texts are identifiers: digits only, long or with leading zeros."""
    texts = column.texts.filter(pa.array(live & (column.kinds == Kind.TEXT)))
    if not len(texts):
        return False
    digits = pc.match_substring_regex(texts, rf"^(?:0[0-9]+|[0-9]{{{ID_DIGITS},}})$")
    return bool(pc.any(digits).as_py()) and bool(pc.all(pc.match_substring_regex(texts, r"^[0-9A-Za-z_-]+$")).as_py())


def _remark(column: Column, live: Mask, cells: SheetCells) -> str:
    index = np.flatnonzero(live)
    if not len(index):
        return "no value in the sample"
    example = displayed(column.at(index[:1]), date1904=cells.date1904)[0].as_py() or ""
    return f"{len(index)} values, as {json.dumps(example[:_SAMPLE_CHARACTERS], ensure_ascii=False)}"


def _identifier(label: str) -> str:
    """Return the ASCII words of a title as a column name; nothing if it has none."""
    words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", label).lower())
    name = "_".join(words)[:60].strip("_")
    return f"n_{name}" if name[:1].isdigit() else name


def _unique(name: str, taken: set[str]) -> str:
    number = 2
    unique = name
    while unique in taken:
        unique = f"{name}_{number}"
        number += 1
    return unique


# -- the text --------------------------------------------------------------------------------------------


def _lines(content: dict[str, Any], drafts: list[_Draft], key: _Draft | None, found: _Sample) -> Iterator[str]:
    yield f"# Drafted from a sample of {found.rows} rows. Read it: it knows what the sample holds, not what you mean."
    for name, value in content.items():
        yield f"{name}: {_yaml(value)}"
    yield "fields:"
    for draft in drafts:
        yield f"  - {_yaml(_field(draft, key))}  # {draft.remark}"
    if found.missing:
        yield f"missingValues: {_yaml(['', *sorted(found.missing)])}"
    if found.has_errors:
        yield "errorCells: null  # the sample has cells with errors: they become null"
    others = [draft.field.name for draft in drafts if draft.unique]
    if key is None:
        yield "# No column is filled and different in every row: without a primaryKey, rows are only ever added."
        yield "load: {table: " + _yaml(content["dataset"]) + ", mode: insert}"
        return
    yield f"primaryKey: [{_yaml(key.field.name)}]  # different in every row of the sample: {', '.join(others)}"
    yield "load: {table: " + _yaml(content["dataset"]) + ", mode: upsert}"


def _field(draft: _Draft, key: _Draft | None) -> dict[str, Any]:
    field = draft.field
    entry: dict[str, Any] = {"name": field.name, "type": str(field.type)}
    if field.header:
        entry["header"] = list(field.header)
    if field.id:
        entry["id"] = True
    if field.on_error == "null_value" and draft is not key:
        entry["onError"] = "null_value"
    if draft is key:
        entry["constraints"] = {"required": True}
    return entry


def _yaml(value: Any) -> str:
    """Return a value in YAML's flow style, plain words without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_yaml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_]\w*", value, re.ASCII):
        return json.dumps(value, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)
