"""Units of measure and of money, as a row of them stands below titles; knows no cells."""

from __future__ import annotations

import re
from typing import Final

from ..columns.currencies import is_code, money_pattern

_PREFIXED: Final = ("m", "g", "l", "L", "s", "A", "V", "W", "Wh", "VA", "Hz", "Pa", "bar", "N", "Nm", "J", "mol", "Ω")
_PREFIXES: Final = ("", "n", "µ", "μ", "m", "c", "d", "h", "k", "M", "G")
_ALONE: Final = (
    *("%", "‰", "ppm", "ppb", "°", "°C", "°F", "K", "℃", "℉", "t", "lb", "lbs", "oz", "in", "ft", "yd", "mi", "gal"),
    *("ha", "min", "h", "hr", "hrs", "hour", "hours", "sec", "d", "day", "days", "Tage", "Std", "Std.", "rpm", "pH"),
    *("dB", "lx", "NTU", "pcs", "pcs.", "pc", "pce", "ea", "St", "St.", "Stk", "Stk.", "Stück", "szt.", "шт", "шт."),
    *("кг", "г", "т", "м", "см", "мм", "л", "ч", "мин", "个", "件", "台", "套", "箱", "吨", "千克", "公斤", "克", "米"),
    *("厘米", "毫米", "公里", "升", "毫升", "小时", "分钟", "分", "秒", "天", "万元", "千元", "本", "枚", "時間", "日"),
)
_UNITS: Final = frozenset((*_ALONE, *(prefix + unit for prefix in _PREFIXES for unit in _PREFIXED)))
_EMPTY: Final = frozenset(("-", "–", "—", "[-]", "(-)", "[]", "()"))
_BRACKETS: Final = re.compile(r"(?:\[[^\[\]]{1,20}\]|\([^()]{1,20}\)|（[^（）]{1,20}）)")
_BETWEEN: Final = re.compile(r"[/·*×. ]+")
_POWER: Final = re.compile(r"(?:\^?-?[23]|[²³])$|^1$")
_MONEY: Final = re.compile(money_pattern(None) or "")


def is_no_unit(text: str) -> bool:
    """Say whether a text says of a column that its values have no unit."""
    return text.strip() in _EMPTY


def is_unit(text: str) -> bool:
    """Say whether a text is a unit: a known one, one of those through another (`l/min`), or anything in brackets."""
    plain = text.strip()
    if _BRACKETS.fullmatch(plain):
        return not is_no_unit(plain)
    return bool(plain) and all(map(_is_one, _BETWEEN.split(plain)))


def _is_one(word: str) -> bool:
    return _POWER.sub("", word) in _UNITS or word == "1" or is_code(word) or bool(_MONEY.fullmatch(word))
