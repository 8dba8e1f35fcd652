"""Fields that may stand under a slightly other title: the file is refused, for they would load as null."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, Final

from ..cells.cells import column_letters
from ..errors import ErrorRecord, FileRejectedError
from ..messages import either, say
from ..spec.titles import normal
from ..table.header import NAMED
from .currencies import is_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.dataset import Dataset
    from ..spec.field import Field
    from ..table.table import Part, Table

_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_IN_BRACKETS: Final = re.compile(r"[(\[{<【〔《][^()\[\]{}<>【】〔〕《》]*+[)\]}>】〕》]?")
_UNITS: Final = frozenset(
    (
        *("pct", "percent", "prozent", "euro", "euros", "dollar", "dollars", "kg", "g", "mg", "t", "lb", "lbs", "oz"),
        *("km", "m", "cm", "mm", "ft", "l", "ml", "hl", "m2", "m3", "qm", "sqm", "h", "hr", "hrs", "std", "kw", "kwh"),
        *("mwh", "wh", "pc", "pcs", "stk", "unit", "units", "руб", "р", "кг", "г", "т", "шт", "ч", "л", "м", "км"),
        *("元", "万元", "円", "千円", "千克", "公斤", "克", "吨", "件", "个", "小时", "米", "원"),
    )
)
"""What stands behind a title to say in what its values are measured, beside codes of currencies and signs."""
_BEFORE_UNITS: Final = frozenset(("in", "en", "per", "в"))
_BETWEEN: Final = frozenset(("of", "the", "de", "da", "do", "du", "del", "di", "der", "des"))
"""Words that may be left out between others."""
_NUMBER: Final = re.compile("(?:number|nummer|numero|nr|no|#|编号|編號|号码|號碼|番号|번호|号|號)$")
_LONG: Final = re.compile("[a-zß-ÿα-ωа-яё]{6,}")
"""Words of alphabets, long enough for a letter less to make no other one: `remarks` and `remark`."""


def refuse_renamed(table: Table, dataset: Dataset) -> None:
    """Refuse a table in which a field has no column, and a column that is no field's has nearly the field's title.

    Raises:
        FileRejectedError: `header.drift`: null in every row would be as much of a guess as the values of that column.

    """
    for part in table.parts:
        if part.header.row >= 0 and part.header.extra and table.undeclared[part.start : part.start + part.rows].any():
            for field, columns in _renamed(part, dataset):
                raise FileRejectedError(_refusal(part, dataset, field, columns))


def _renamed(part: Part, dataset: Dataset) -> Iterator[tuple[Field, list[int]]]:
    """Yield fields without a column, each with the columns without a field that may be its own.

    By a stem that several fields have, as `Amount EUR` and `Amount USD`, no column could be known.
    """
    fields = Counter(stem for field in dataset.cell_fields for stem in {_stem(label) for label in field.labels})
    found = [(column, _stem(part.header.labels[column] or "")) for column in part.header.extra]
    same: dict[str, list[int]] = {}
    shorter: dict[str, list[int]] = {}
    for column, stem in found:
        same.setdefault(stem, []).append(column)
        for less in _a_letter_less(stem) if stem not in fields else ():
            shorter.setdefault(less, []).append(column)
    for field in dataset.cell_fields:
        if field.name in part.header.columns:
            continue
        own = {stem for stem in map(_stem, field.labels) if stem and fields[stem] == 1}
        cut = {one for stem in own for one in _a_letter_less(stem) if one not in fields}
        near = [column for stem in own for column in (*same.get(stem, ()), *shorter.get(stem, ()))]
        if near := sorted({*near, *(column for stem in cut for column in same.get(stem, ()))}):
            yield field, near


def _stem(title: str) -> str:
    """Return what a title says without brackets, signs, units and accents: `Amount (USD)`, `Amount *` are `amount`."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", normal(title)))
    words = _words(_IN_BRACKETS.sub(" ", plain)) or _words(plain)
    while len(words) > 1 and _is_unit(words[-1]):
        words.pop()
        if len(words) > 1 and words[-1] in _BEFORE_UNITS:
            words.pop()
    if len(words) > 1 and is_code(words[0]):
        words.pop(0)
    telling = [word for word in words if word not in _BETWEEN] or words
    return _NUMBER.sub("no", "".join(telling))


def _words(text: str) -> list[str]:
    letters = (one if one == "#" or unicodedata.category(one)[0] in "LNM" else " " for one in text)
    return unicodedata.normalize("NFC", "".join(letters)).split()


def _is_unit(word: str) -> bool:
    return word in _UNITS or is_code(word)


def _a_letter_less(stem: str) -> set[str]:
    """Return what a long word is without one of its letters, whichever."""
    return {stem[:at] + stem[at + 1 :] for at in range(len(stem))} if _LONG.fullmatch(stem) else set()


def _refusal(part: Part, dataset: Dataset, field: Field, columns: list[int]) -> ErrorRecord:
    titles = [part.header.labels[column] or "" for column in columns]
    return ErrorRecord(
        code="header.drift",
        message=say(
            "no column is titled {titles}, but one that no field has is titled {found}: it may be field {name} or not",
            titles=either(field.labels),
            found=either(map(repr, titles[:NAMED])),
            name=field.name,
        ),
        hint=say(
            "if it is the field's column, add this title to the field's header list; if not, leave it out by a mapping "
            "for these titles (null in its columns)"
        ),
        sheet=part.sheet,
        row=part.header.row + 1,
        column=columns[0] + 1,
        cell=f"{column_letters(columns[0])}{part.header.row + 1}",
        field=field.name,
        header=titles[0],
        expected=", ".join(field.labels),
        spec_version=dataset.version,
    )
