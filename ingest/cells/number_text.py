"""The exact decimal text of numeric cells: owns what the 17 digits of a double mean, knows no fields."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_masks import bytes_of, offsets_of, truth
from .byte_set import ByteSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

EXCEL_DIGITS: Final = 15
"""Significant digits that Excel keeps of a number; what a double holds beyond them is noise."""

_DIGITS_OF_DOUBLES: Final = range(EXCEL_DIGITS, 18)
"""Significant digits that programs write of a double: 17 tell it from all others."""
_EXACT_BELOW: Final = 1e15
"""From here on a number in a cell may have lost digits of what was typed in."""

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e10
"""Between these, Arrow writes numbers without an exponent, as Python does."""
_PRODUCT_ROUNDING: Final = 2.0**-53
_SURELY_SAME: Final = 3.5e-16
_PERHAPS_SAME: Final = 5e-15
"""Half a unit of the 15th digit is between 5e-16 and 5e-15 of a number, as its first digits are 9.99 or 1.00."""
_HALF_UNIT: Final = 0.49
_MINUS, _POINT = b"-."
_OF_NUMBERS: Final = ByteSet(b"0123456789-.")

# Text that is already the shortest: no zero with a sign, no leading one and none at the end behind the point, at most
# 15 digits.
_DIGITS: Final = re.compile(r"-?[1-9][0-9]{15,29}", re.ASCII)
_SHORTEST: Final = r"^(?:0|-?[1-9][0-9]{0,14}|-?(?:0|[1-9][0-9]{0,14})\.[0-9]{0,13}[1-9])$"


def exact_texts(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the decimal text of numbers, in plain notation, with the 15 digits that Excel keeps.

    A number of 10^15 or more is given with all the digits that the file has: whether those are the ones that were
    meant, `lost_digits` says.
    """
    return _rewrite(raw, _plain)


def lost_digits(raw: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which numbers may lack digits of what was meant: those of 10^15 and more, unless the file has all digits.

    Excel and most writers keep a number as a double, whose 16th digit on is a guess. But digits that no double
    yields, neither all of its own nor its first ones with zeros behind them, as JavaScript writes it, were never in
    one: they are the ones that were meant.
    """
    lost: NDArray[np.bool_] = np.abs(doubles(raw)) >= _EXACT_BELOW
    for place in np.flatnonzero(lost).tolist():
        lost[place] = not _has_all_digits(raw[place].as_py())
    return lost


def _has_all_digits(text: str) -> bool:
    if not _DIGITS.fullmatch(text):
        return False
    number = float(text)
    rounded = (int(Decimal(f"{number:.{digits - 1}e}")) for digits in _DIGITS_OF_DOUBLES)
    return int(text) not in (int(number), *rounded)


def scaled_integers(raw: pa.LargeStringArray, scale: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return numbers times 10^scale where, by Excel's 15 digits, that is certainly a whole number; and where it is.

    A double stands for the decimal of 15 digits that it is nearest to: of the form w / 10^scale if it is off from that
    by less than half a unit of the 15th digit. The product's own rounding (2^-53 of it) is left as a margin, so that
    what is close to the limit is not decided here.
    """
    with np.errstate(over="ignore"):  # what is infinite is not inside
        scaled = np.nan_to_num(doubles(raw), nan=np.inf) * 10.0**scale
    size = np.abs(scaled)
    inside = size < _EXACT_BELOW
    whole = np.rint(np.where(inside, scaled, 0))
    off = np.abs(scaled - whole, where=inside, out=np.full(len(scaled), np.inf))
    certain = inside & (off <= size * _SURELY_SAME)
    close = np.flatnonzero(inside & ~certain & (off <= size * _PERHAPS_SAME))
    unit = 10.0 ** (np.floor(np.log10(size[close])) - (EXCEL_DIGITS - 1))
    certain[close] = off[close] + size[close] * _PRODUCT_ROUNDING < unit * _HALF_UNIT
    return whole.astype(np.int64), certain


def plainly_written(texts: pa.LargeStringArray, scale: int) -> NDArray[np.bool_]:
    """Say which texts (no nulls) are up to 15 digits, up to `scale` of them behind a point, perhaps behind a minus."""
    if (found := plain_by_bytes(texts, scale)) is not None:
        return found
    fraction = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
    return truth(pc.match_substring_regex(texts, rf"^-?[0-9]{{1,{EXCEL_DIGITS - scale}}}{fraction}$"))


def plain_by_bytes(texts: pa.LargeStringArray, scale: int) -> NDArray[np.bool_] | None:
    """Say the same by a look at all bytes at once; None if that does not tell.

    That is so if any text has another byte, a second point or one further in front, or a minus elsewhere.
    """
    offsets, content = offsets_of(texts), bytes_of(texts)
    if not len(content) or not _OF_NUMBERS.has(content).all():
        return None
    starts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]
    signed = (content.take(starts, mode="clip") == _MINUS) & (starts < ends)
    before, pointed = ends - starts - signed, np.zeros(len(texts), np.bool_)
    for behind in range(1, scale + 1):
        here = (content.take(ends - behind - 1, mode="wrap") == _POINT) & (before > behind)
        before = np.where(here, before - behind - 1, before)
        pointed |= here
    if np.count_nonzero(content == _POINT) != pointed.sum() or np.count_nonzero(content == _MINUS) != signed.sum():
        return None
    found: NDArray[np.bool_] = (before >= 1) & (before <= EXCEL_DIGITS - scale)
    return found


def shortest_texts(raw: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return the shortest text of numbers that reads back as the same double, or digits that no double has."""
    return _rewrite(raw, _shortest)


def doubles(raw: pa.LargeStringArray) -> NDArray[np.float64]:
    """Return numbers, which `settled` has seen to be such, as doubles; NaN where null."""
    numbers: NDArray[np.float64] = raw.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return numbers


def _rewrite(raw: pa.LargeStringArray, rewrite: Callable[[str], str]) -> pa.LargeStringArray:
    short = pc.and_(pc.match_substring_regex(raw, _SHORTEST), pc.less_equal(pc.binary_length(raw), EXCEL_DIGITS + 1))
    rest = pc.invert(short.fill_null(fill_value=True))
    if not pc.any(rest).as_py():
        return raw
    texts = [rewrite(text) for text in raw.filter(rest).to_pylist()]
    return pc.replace_with_mask(raw, rest, pa.array(texts, pa.large_string()))


def _plain(raw: str) -> str:
    if _has_all_digits(raw):
        return raw
    number = float(raw)
    digits = f"{number:.15g}" if abs(number) < _EXACT_BELOW else repr(number)
    text = f"{Decimal(digits):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _shortest(raw: str) -> str:
    if _has_all_digits(raw):
        return raw
    number = float(raw)
    if number.is_integer() and abs(number) < _EXACT_BELOW:
        return str(int(number))
    return repr(number).removesuffix(".0")


def number_texts(numbers: NDArray[np.float64]) -> pa.LargeStringArray:
    """Return the shortest text of each number that reads back the same, `inf` or `nan` for what is none."""
    size = np.abs(numbers)
    plain = (size >= _SMALLEST_PLAIN) & (size < _LARGEST_PLAIN) | ((size == 0) & ~np.signbit(numbers))
    whole = (np.rint(numbers) == numbers) & (size < _EXACT_BELOW) & ((size > 0) | plain)
    if whole.all():
        return _whole(numbers)
    texts = pa.array(numbers).cast(pa.large_string())
    if plain.all():
        return texts
    # Arrow turns to exponents earlier for large numbers and later for small ones than Python does.
    texts = pc.replace_with_mask(texts, pa.array(whole & ~plain), _whole(numbers[whole & ~plain]))
    others = ~(whole | plain)
    rewritten = [repr(number).removesuffix(".0") for number in numbers[others].tolist()]
    return pc.replace_with_mask(texts, pa.array(others), pa.array(rewritten, pa.large_string()))


def _whole(numbers: NDArray[np.float64]) -> pa.LargeStringArray:
    return pa.array(numbers.astype(np.int64)).cast(pa.large_string())
