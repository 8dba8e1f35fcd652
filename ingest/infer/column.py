"""One column of a sample to a field: the narrowest type that all of its cells have, and what speaks for it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import truth
from ..cells.cells import Column, Kind
from ..cells.display import displayed
from ..cells.number_text import EXCEL_DIGITS, exact_texts, lost_digits
from ..cells.styles import without_zeros
from ..columns.validate import BROKEN, convert, too_narrow
from ..spec.field import Field
from ..spec.titles import normal
from ..spec.yaml_text import quoted
from .amounts import is_amount
from .sample import filled_cells
from .text_forms import Form, dates, numbers, yes_or_no
from .words import MISSING, is_code, is_identifier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

ID_DIGITS: Final = 12
"""A whole number of so many digits is an order or tracking number, hardly a quantity."""
_LONGEST_ID: Final = 20
"""More digits have identifiers only below a title that says so."""
MAX_SCALE: Final = 12
AMOUNT_DIGITS: Final = EXCEL_DIGITS - 2
"""So many digits before the point have whole amounts that are drafted with two behind: SQLite has those as numbers."""
PERCENT_SCALE: Final = 4
"""Beside 19 % there is 5.5 % and 8.25 % in the next file."""
PROBE: Final = 200
"""So many different texts are tried before all of them are."""
PROBE_ROWS: Final = 20_000
ENUM_VALUES: Final = 8
ENUM_REPEATS: Final = 5
"""A column of few values, each of which is there so often on average, may hold a closed list of them."""
CALENDAR_SERIAL: Final = 10_000
"""A day of 1927 as a serial: what is shown as a time from here on is a moment, for nobody means a span of 27 years."""
_SHOWN: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One field and what a person should know of its column.

    `unique` says that every row has a value, and each another one; `running` that those only count the rows. `words`
    are the words for nothing that the column has as texts: where another column takes them for nothing, so does it;
    `missing` are those that it takes for nothing itself. `others` are fields that it might be as well. `merged` says
    that some values stand in merged cells of several rows, `has_codes` that several words of two capital letters are
    all its values, and one of them a word for nothing.
    """

    field: Field
    remark: str
    unique: bool = False
    running: bool = False
    words: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    has_codes: bool = False
    others: tuple[dict[str, Any], ...] = ()
    errors: bool = False
    merged: bool = False

    def without(self, word: str) -> Draft:
        """Return the field by which a word for nothing is an error of its cell: null, with a warning."""
        if word not in self.missing:
            return self
        field = self.field.model_copy(update={"on_error": "null_value"})
        why = f"{quoted(word)} is a value elsewhere, and null here, with a warning"
        return replace(self, field=field, missing=self.missing - {word}, remark=f"{self.remark}; {why}")

    @property
    def counts(self) -> bool:
        """Whether it has numbers of something else than the rows: names and running numbers are none."""
        return not self.running and (self.field.type.kind == "integer" or self.field.id)

    @property
    def may_be_key(self) -> bool:
        """Whether a person may know that it is the key: amounts, quantities and running numbers are none."""
        named = self.field.type.kind == "string" or any(is_identifier(normal(title)) for title in self.field.header)
        return self.unique and not self.running and named


class ColumnDrafter:
    """Drafts the fields of one sample; `data` are the rows that hold data."""

    def __init__(self, data: Mask, *, date1904: bool) -> None:
        self._data, self._date1904 = data, date1904

    def draft(self, name: str, label: str | None, column: Column) -> Draft:
        """Return the field of a column, by which every one of its cells can be loaded."""
        head = {"name": name, **({"header": [label]} if label is not None else {})}
        live = self._data & filled_cells(column)
        broken = live & column.has(*BROKEN)
        wrong = broken & (column.kinds == Kind.ERROR)
        # Where there was a value, null is none for it: such rows are left to be mended.
        valueless = broken & ~wrong & ~too_narrow(column)
        errors = bool(wrong.any())
        plain = without_zeros(column)
        for form, missing in self._forms(column, live & ~broken, label):
            field = Field.model_validate({**head, **form.settings})
            there = live & ~broken & ~missing
            converted = convert(column if field.id else plain, there, field, date1904=self._date1904)
            if converted.faults:
                continue
            if valueless.any():
                field = field.model_copy(update={"on_error": "null_value"})
            values = converted.values.filter(pa.array(self._data))
            unique = self._is_unique(values, there, field)
            words = frozenset(_distinct(column, live)) & set(MISSING)
            return Draft(
                field=field,
                remark="; ".join((self._remark(column, there, form, values), *_lost(column, valueless))),
                unique=unique,
                running=unique and _is_running(values),
                words=words,
                missing=frozenset(_distinct(column, missing)),
                has_codes=field.type.kind == "string" and bool(words) and _are_codes(values),
                others=tuple({**head, **other} for other in form.others),
                errors=errors,
            )
        cut = bool(lost_digits(column.texts.filter(pa.array(live & (column.kinds == Kind.NUMBER)))).any())
        settings = {"type": "string", **({"id": True} if cut else {}), "onError": "null_value"}
        why = "numbers of 16 digits or more have lost some" if cut else "some values cannot be loaded"
        return Draft(field=Field.model_validate({**head, **settings}), remark=f"{why}: they become null", errors=errors)

    def _is_unique(self, values: pa.Array, there: Mask, field: Field) -> bool:
        complete = bool(self._data.any()) and bool(there[self._data].all())
        keyed = field.type.kind in ("string", "integer") and complete
        return keyed and pc.count_distinct(values).as_py() == len(values)

    def _forms(self, column: Column, live: Mask, label: str | None) -> Iterator[tuple[Form, Mask]]:
        """Yield forms to be tried, the narrowest first, and which cells hold a word for nothing."""
        none = np.zeros(len(live), np.bool_)
        words = live & (column.kinds == Kind.TEXT)
        words &= truth(pc.is_in(pc.utf8_trim_whitespace(column.texts), value_set=pa.array(MISSING, pa.large_string())))
        kinds = set(np.unique(column.kinds[live & ~words]).tolist())
        missing = words if kinds - {Kind.TEXT} else none
        identifying = _is_id(column, live, label)
        if Kind.TEXT in kinds and not identifying:
            yield from self._text_forms(column, live, words, kinds)
        else:
            yield from ((form, missing) for form in self._cell_forms(column, live & ~words, kinds, label))
        yield Form(settings={"type": "string", **({"id": True} if identifying else {})}), none
        yield Form(settings={"type": "string"}), none

    def _cell_forms(self, column: Column, live: Mask, kinds: set[int], label: str | None) -> Iterator[Form]:
        """Yield the forms of a column whose cells have types of their own."""
        names: tuple[str, ...] = ()
        if kinds == {Kind.BOOLEAN}:
            names = ("boolean",)
        elif kinds and kinds <= {Kind.TIME, Kind.DURATION}:
            serials = pc.cast(column.texts.filter(pa.array(live)), pa.float64())
            moments = pc.min(serials).as_py() >= CALENDAR_SERIAL
            names = (*(("time",) if kinds == {Kind.TIME} else ()), "datetime" if moments else "duration")
        elif kinds and kinds <= {Kind.DATE, Kind.DATETIME, Kind.TIME}:
            names = ("date", "datetime")
        elif kinds == {Kind.NUMBER}:
            yield from _numeric_forms(exact_texts(column.texts.filter(pa.array(live))), normal(label or ""))
        yield from (Form(settings={"type": name}) for name in names)

    def _text_forms(self, column: Column, live: Mask, words: Mask, kinds: set[int]) -> Iterator[tuple[Form, Mask]]:
        """Yield the forms of a column with texts that all of a few different ones have."""
        none = np.zeros(len(live), np.bool_)
        probe, texts = _probe(column, live)
        if kinds <= {Kind.TEXT, Kind.BOOLEAN} and texts and (form := yes_or_no(texts)):
            yield form, none
        probe, texts = _probe(column, live & ~words)
        if not texts:
            return

        def fits(settings: dict[str, Any]) -> bool:
            field = Field.model_validate({"name": "x", **settings})
            every = np.ones(len(probe.kinds), np.bool_)
            return not convert(probe, every, field, date1904=self._date1904).faults

        if kinds <= {Kind.TEXT, Kind.DATE, Kind.DATETIME, Kind.TIME, Kind.DURATION} and (form := dates(texts, fits)):
            yield form, none if form.others else words
        if kinds <= {Kind.TEXT, Kind.NUMBER} and (form := numbers(texts, fits)):
            yield from _number_forms(column, live & ~words, words, form)

    def _remark(self, column: Column, live: Mask, form: Form, values: pa.Array) -> str:
        index = np.flatnonzero(live)
        if not len(index):
            return "no value in the sample"
        example = displayed(column.at(index[:1]), date1904=self._date1904)[0].as_py() or ""
        said = [f"{len(index)} values, as {quoted(example[:_SHOWN])}", *([form.why] if form.why else [])]
        if form.settings == {"type": "string"} and (few := _few(values)):
            said.append(f"perhaps constraints: {{enum: [{', '.join(few)}]}}")
        return "; ".join(said)


def _lost(column: Column, valueless: Mask) -> tuple[str, ...]:
    """Say how many cells become null though somebody meant a value by them."""
    formulas = int((valueless & (column.kinds == Kind.UNCACHED)).sum())
    others = int(valueless.sum()) - formulas
    found = (formulas, "formulas without a stored result"), (others, "cells that hold no value of their kind")
    return tuple(f"{count} {what} become null" for count, what in found if count)


def _numeric_forms(texts: pa.LargeStringArray, title: str) -> Iterator[Form]:
    """Yield the forms of a column of numbers, by their decimal texts."""
    whole, scale = _digits(texts, ".")
    if pc.all(pc.ascii_is_decimal(texts)).as_py() and is_code(title, whole):
        # Zeros in front are lost in numbers, but not in the next file, if it has texts.
        yield Form(settings={"type": "string", "id": True}, why="its title says that it is no quantity")
    elif not scale and whole >= ID_DIGITS:
        # An identifier that somebody typed as a number is still one: nobody adds up order numbers.
        yield Form(settings={"type": "string", "id": True}, why="so many digits number something")
    elif not scale and whole <= AMOUNT_DIGITS and is_amount(title):
        why = "whole by chance: its title says that others may have fractions"
        yield Form(settings={"type": f"decimal({AMOUNT_DIGITS + 2},2)"}, why=why)
    elif not scale:
        yield Form(settings={"type": "integer"})
    elif scale <= MAX_SCALE:
        yield Form(settings={"type": _decimal(whole, _expected(texts, ".", scale))})
    if scale or whole <= EXCEL_DIGITS or not (is_identifier(title) or _are_cut(texts)):
        yield Form(settings={"type": "number"})


def _are_cut(texts: pa.LargeStringArray) -> bool:
    """Say whether whole numbers are rather identifiers whose last digits are lost than measures of many digits.

    They are of one length, and not many of their digits are zeros at the end.
    """
    if not pc.all(pc.ascii_is_decimal(texts)).as_py():
        return False
    lengths = pc.min_max(pc.utf8_length(texts)).as_py()
    counted = pc.max(pc.utf8_length(pc.utf8_rtrim(texts, "0"))).as_py()
    return bool(lengths["min"] == lengths["max"] <= _LONGEST_ID and counted >= ID_DIGITS)


def _number_forms(column: Column, live: Mask, words: Mask, form: Form) -> Iterator[tuple[Form, Mask]]:
    """Yield the types of numbers that are written in texts as the form says."""
    if form.others:
        yield form, np.zeros(len(live), np.bool_)
        return
    plain = pc.utf8_trim_whitespace(pc.utf8_normalize(column.texts.filter(pa.array(live)), form="NFKC"))
    point = form.settings.get("decimalChar", ".")
    whole, scale = _digits(plain, point)
    if "percent" in form.settings:
        scale = max(scale + 2, PERCENT_SCALE)
    elif "currency" not in form.settings:
        scale = _expected(plain, point, scale)
    if not scale and "currency" not in form.settings:
        if whole >= ID_DIGITS:
            return
        yield Form(settings={"type": "integer", **form.settings}, why=form.why), words
    if scale <= MAX_SCALE:
        yield Form(settings={"type": _decimal(whole, scale), **form.settings}, why=form.why), words


def _decimal(whole: int, scale: int) -> str:
    digits = max(2, scale)
    return f"decimal({min(38, max(18, whole + digits))},{digits})"


def _expected(texts: pa.LargeStringArray, point: str, scale: int) -> int:
    """Return how many digits behind the point other files may have: shares of a whole are per cents, as a rule."""
    share = rf"^[^0-9]*(?:0*(?:{re.escape(point)}[0-9]*)?|1(?:{re.escape(point)}0*)?)[^0-9]*$"
    shares = scale and pc.all(pc.match_substring_regex(texts, share)).as_py()
    return max(scale, PERCENT_SCALE) if shares else scale


def _digits(texts: pa.LargeStringArray, point: str) -> tuple[int, int]:
    """Return how many digits the texts of numbers have at most before and behind the sign that begins the fraction."""
    parts = pc.split_pattern(texts, point, max_splits=1)
    whole = pc.replace_substring_regex(pc.list_element(parts, 0), r"[^0-9]", "")
    behind = pc.list_element(parts.filter(pc.greater(pc.list_value_length(parts), 1)), 1)
    fraction = pc.replace_substring_regex(behind, r"[^0-9].*$", "")
    return pc.max(pc.utf8_length(whole)).as_py() or 1, pc.max(pc.utf8_length(fraction)).as_py() or 0


def _distinct(column: Column, where: Mask) -> list[str]:
    found: list[str] = pc.unique(column.texts.filter(pa.array(where))).to_pylist()
    return found


def _probe(column: Column, live: Mask) -> tuple[Column, list[str]]:
    """Return the first cells with different texts, and the texts, as they are read."""
    texts = np.flatnonzero(live & (column.kinds == Kind.TEXT))[:PROBE_ROWS]
    codes = column.texts.take(pa.array(texts)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    first = texts[np.sort(np.unique(codes, return_index=True)[1])[:PROBE]]
    probe = column.at(first)
    return probe, [unicodedata.normalize("NFKC", text).strip() for text in probe.texts.to_pylist()]


def _is_id(column: Column, live: Mask, label: str | None) -> bool:
    """Say whether the texts are identifiers: digits only, long, with zeros in front, or by what the title promises."""
    if (live & (column.kinds == Kind.PADDED)).any():
        return True
    texts = column.texts.filter(pa.array(live & (column.kinds == Kind.TEXT)))
    if not len(texts):
        return False
    if not pc.all(pc.match_substring_regex(texts, r"^[0-9A-Za-z_-]+$")).as_py():
        return False
    if pc.any(pc.match_substring_regex(texts, rf"^(?:0[0-9]+|[0-9]{{{ID_DIGITS},}})$")).as_py():
        return True
    title, digits = normal(label or ""), pc.max(pc.utf8_length(texts)).as_py()
    return (is_identifier(title) or is_code(title, digits)) and bool(pc.all(pc.ascii_is_decimal(texts)).as_py())


def _is_running(values: pa.Array) -> bool:
    """Say whether the values count the rows from 0 or 1 on, whatever stands before the number in each."""
    texts = values.cast(pa.large_string()).to_pylist()
    parts = [re.fullmatch(r"(\D*)0*(\d{1,9})", text) for text in texts]
    if not all(parts) or len({part[1] for part in parts if part}) > 1:
        return False
    found = sorted(int(part[2]) for part in parts if part)
    return found in (list(range(len(found))), list(range(1, len(found) + 1)))


def _are_codes(values: pa.Array) -> bool:
    return len(pc.unique(values)) > 1 and bool(pc.all(pc.match_substring_regex(values, "^[A-Z]{2}$")).as_py())


def _few(values: pa.Array) -> list[str]:
    """Return the different texts of a column, as they stand in YAML, if they are few."""
    found = pc.unique(values.drop_null())
    if not 1 < len(found) <= ENUM_VALUES or len(values) < len(found) * ENUM_REPEATS:
        return []
    return sorted(quoted(text[:_SHOWN]) for text in found.to_pylist())
