"""Numbers in texts, as a field says that they are written, to digits with a point; knows no types and no cells."""

from __future__ import annotations

import re
import unicodedata
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from ..cells.characters import plain_characters
from .currencies import money_pattern

if TYPE_CHECKING:
    from ..spec.field import Field

_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Of its own: whatever a transform has set for its thread changes no value."""
_AROUND_MONEY: Final = "0123456789.,' "
"""What is left of amounts without these in front and behind is mostly one code or sign, the same for all of them."""
_FEW: Final = 100
_LONGEST: Final = 500
"""More characters than any amount has, with all digits of the largest double and with groups."""
_MINUS_SIGN: Final = "\u2212"
"""Taken for `-` where it is typed, and put in front of what another form says is negative while that is found out."""
_TRAILING: Final = r"^([^-+()\x{2212}]*[^-+()\s.,\x{2212}])\s*-$"
"""Behind a decimal mark it is a dash for no cents: `5,-` is five."""
_PARENTHESES: Final = r"^\(\s*([^-+()\x{2212}]*[^-+()\s\x{2212}])\s*\)$"
_PERCENT: Final = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*%$"
_LAKHS: Final = "[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
_NO_NUMBER: Final = "?"
_APOSTROPHE: Final = "\u2019"


def plain_notation(texts: pa.LargeStringArray, field: Field) -> pa.LargeStringArray:
    """Rewrite numbers as people type them into ASCII digits with a point; what is no number stays none.

    Digits are ASCII or full-width ones. A sign before the digits is `+`, `-` or the minus sign U+2212; one behind
    them, or parentheses around them, mean a negative number only where the field's `negative` says so.
    """
    texts = _with_sign_in_front(pc.replace_substring(plain_characters(texts), _MINUS_SIGN, "-"), field)
    if field.currency:
        texts = _with_sign_in_front(_without_currency(texts), field)
    texts = pc.replace_substring(texts, _MINUS_SIGN, "-")
    group, point = (_plain(character) for character in (field.group_char or "", field.decimal_char))
    if group:
        texts = _without_groups(texts, group, point)
    if point != ".":
        # A point in such a text is no decimal one: put something there that no number has.
        texts = pc.replace_substring(texts, ".", _NO_NUMBER)
        texts = pc.replace_substring(texts, point, ".")
    return _without_percent(texts) if field.percent else texts


def _plain(character: str) -> str:
    """Return a character of the dataset in the form in which texts are compared with it."""
    plain = unicodedata.normalize("NFKC", character)
    return "'" if plain == _APOSTROPHE else plain


def _with_sign_in_front(texts: pa.LargeStringArray, field: Field) -> pa.LargeStringArray:
    if "minus" not in field.negative:
        texts = pc.replace_substring_regex(texts, "^-", _NO_NUMBER)
    if "trailing" in field.negative:
        texts = pc.replace_substring_regex(texts, _TRAILING, rf"{_MINUS_SIGN}\1")
    if "parentheses" in field.negative:
        texts = pc.replace_substring_regex(texts, _PARENTHESES, rf"{_MINUS_SIGN}\1")
    return texts


def _without_currency(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    short = pc.less_equal(pc.utf8_length(texts), _LONGEST)
    if pc.all(short).as_py() is False:
        return pc.replace_with_mask(texts, short, _without_currency(texts.filter(short)))
    around = pc.unique(pc.utf8_trim(texts, _AROUND_MONEY))
    money = money_pattern(around.to_pylist() if len(around) <= _FEW else None)
    if money is None:
        return texts
    texts = pc.replace_substring_regex(texts, rf"^([+\x{{2212}}-]?)\s*(?:{money})\s*", r"\1")
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(texts, rf"\s*(?:{money})$", ""))


def _without_groups(texts: pa.LargeStringArray, group: str, point: str) -> pa.LargeStringArray:
    """Take out group characters, but only where every group has three digits and the first begins with none in front.

    No program writes a first group of zeros: `0,123` is rather a fraction, and 123 a thousand times as much. Commas
    also group lakhs and crores, as India writes them (CLDR, `#,##,##0.###`): two digits each above the thousands.
    """
    if group == "'":
        texts = pc.replace_substring(texts, _APOSTROPHE, group)
    whole = rf"[1-9][0-9]{{0,2}}(?:{re.escape(group)}[0-9]{{3}})+"
    if group == ",":
        whole = rf"(?:{whole}|{_LAKHS})"
    form = rf"^[+-]?{whole}(?:{re.escape(point)}[0-9]*)?\s*%?$"
    grouped = pc.match_substring_regex(texts, form)
    return pc.if_else(grouped, pc.replace_substring(texts, group, ""), texts)


def _without_percent(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    percent = pc.match_substring_regex(texts, _PERCENT)
    if not pc.any(percent).as_py():
        return texts
    fractions = [_hundredth(text) for text in texts.filter(percent).to_pylist()]
    return pc.replace_with_mask(texts, percent, pa.array(fractions, pa.large_string()))


def _hundredth(text: str) -> str:
    return f"{_EXACT.scaleb(Decimal(text.rstrip('% ')), -2):f}"
