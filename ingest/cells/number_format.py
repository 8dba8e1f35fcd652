"""Number formats: the one place that says what a number is shown as, a date or digits; knows no files and no styles."""

from __future__ import annotations

import re
from collections.abc import Callable  # named in an alias that is read at run time
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .cells import Kind
from .date_serials import kind_of_serial

_GENERAL: Final = (
    r"g/(?:通用格式|標準|标准|표준)|generale?|generelt|geral|genel|algemeen|standard(?:owy)?|standaard|estándar|padrão"
    r"|allmänt|yleinen|ogólny|všeobecn[ýé]|obecný|általános|normál"
)
"""What `General` is called in the programs of other languages, some of which write it into a file as it is."""
_TOKEN: Final = re.compile(
    rf"""(?P<passed>_.|\*.|{_GENERAL})
      | (?P<literal>"[^"]*"?|\\.|[^\x00-\x7f])
      | \[(?P<elapsed>h+|m+|s+)\](?:[.,]0+)?
      | \[(?P<condition>(?:<=|>=|<>|<|>|=)\s*[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?:e[+-]?\d++)?)\]
      | (?P<bracket>\[[^\]]*\]?)
      | (?P<halves>am/pm|a/p)
      | (?P<clock>h+|s+(?:[.,]0+)?)
      | (?P<month>m+)
      | (?P<calendar>y+|d+|a{{3,4}}|g+|b+\d?|e+(?![+-]))
      | (?P<section>;)
      | (?P<text>@)
      | (?P<zero>0)
      | (?P<digit>[#?])
      | (?P<other>.)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HALVES: Final = re.compile("上午/下午|午前/午後|오전/오후")
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": lambda number, bound: number < bound,
    "<=": lambda number, bound: number <= bound,
    ">": lambda number, bound: number > bound,
    ">=": lambda number, bound: number >= bound,
    "=": lambda number, bound: number == bound,
    "<>": lambda number, bound: number != bound,
}
_CONDITION: Final = re.compile(r"([<>=]+)\s*(.+)")
_SEPARATORS: Final = frozenset("-+():!^&'~{}<>= ")
"""What a format shows of itself without quotes, beside digits (ECMA-376 part 1, 18.8.31, and Excel's own list)."""
_ZERO, _REST = "\0", "\1"
"""Places of digits, `0` and `#`: no format has these characters."""
_LEAST_ZEROS: Final = 2
_MOST_DIGITS: Final = 15
"""Beyond this, Excel itself does not know the digits."""
_SECTIONS_BY_SIGN: Final = 2
_THAI: Final = str.maketrans("วดปชนท", "dmyhms")
"""The letters that the formats of Thai Excel have for days, months, years, hours, minutes and seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """One part of a format: for which numbers it is meant, what it shows them as, and the zeros of an identifier.

    `zeros` has, from the left, `_ZERO` for each place of a digit, perhaps `_REST` in front of them for all that have
    no place, and the texts between them; None if it is no such form.
    """

    kind: Kind
    condition: tuple[str, float] | None
    zeros: tuple[str, ...] | None

    def matches(self, number: float) -> bool:
        """Say whether the section's own condition holds."""
        if self.condition is None:
            return False
        sign, bound = self.condition
        return _COMPARE[sign](number, bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberFormat:
    """What a format shows numbers as: `kind` if it is the same for all of them and they are shown as such, else None.

    `zeros` is the number of places if the format is nothing but zeros.
    """

    sections: tuple[_Section, ...]
    kind: Kind | None
    zeros: int | None = None

    def cell(self, text: str) -> tuple[Kind, str]:
        """Return the kind and the text of a cell by the text of its number; what is no number stays as it is."""
        if self.kind is not None:
            return self.kind, text
        try:
            number = float(text)
        except ValueError:
            return Kind.NUMBER, text
        section = self._section(number)
        if section is None:
            return kind_of_serial(number), text
        shown = _shown(number, section.zeros) if section.zeros else None
        return (section.kind, text) if shown is None else (Kind.PADDED, shown)

    def _section(self, number: float) -> _Section | None:
        """Return the section that a number is shown by; None if the format is one thing here and another there."""
        for section in self.sections:
            if section.matches(number):
                return section
        for place, section in enumerate(self.sections):
            if section.condition is None and self._is_for(place, number):
                return section
        return self.sections[-1] if self.sections else None

    def _is_for(self, place: int, number: float) -> bool:
        """Say whether a section without a condition is for a number: the first for positive ones, then negative, 0."""
        count = len(self.sections)
        if place == 0:
            return count == 1 or number > 0 or (number == 0 and count == _SECTIONS_BY_SIGN)
        return place >= _SECTIONS_BY_SIGN or count == _SECTIONS_BY_SIGN or number < 0


GENERAL: Final = NumberFormat(sections=(), kind=Kind.NUMBER)
_BY_NUMBER: Final = NumberFormat(sections=(), kind=None)


@lru_cache(maxsize=4096)
def number_format(code: str) -> NumberFormat:
    """Return what a format code means; any text is one."""
    sections = _sections(code)
    kinds = {section.kind for section in sections}
    if len(kinds) > 1 or any(section.zeros for section in sections):
        only = sections[0].zeros if len(sections) == 1 else None
        bare = only is not None and set(only) == {_ZERO}
        return NumberFormat(sections=sections, kind=None, zeros=len(only) if only and bare else None)
    return NumberFormat(sections=sections, kind=kinds.pop() if kinds else Kind.NUMBER)


def _sections(code: str) -> tuple[_Section, ...]:
    """Return the sections that show numbers: one with `@` is for texts, unless there is no other."""
    parts: list[list[re.Match[str]]] = [[]]
    for token in _TOKEN.finditer(_HALVES.sub("AM/PM", code.translate(_THAI))):
        if token.lastgroup == "section":
            parts.append([])
        else:
            parts[-1].append(token)
    shown = [part for part in parts if not any(token.lastgroup == "text" for token in part)]
    return tuple(map(_section_of, shown))


def _section_of(tokens: list[re.Match[str]]) -> _Section:
    groups = {token.lastgroup for token in tokens}
    condition = next((token["condition"] for token in tokens if token.lastgroup == "condition"), None)
    compared = None if condition is None else _CONDITION.fullmatch(condition)
    return _Section(
        kind=_kind_of(groups),
        condition=None if compared is None or compared[1] not in _COMPARE else (compared[1], float(compared[2])),
        zeros=_zeros_of(tokens),
    )


def _kind_of(groups: set[str | None]) -> Kind:
    """Return what the parts of a section make of a number.

    No format has both digits of a number and parts of a date: letters beside digits are a unit that nobody quoted.
    """
    if "elapsed" in groups:
        return Kind.DURATION
    if groups & {"zero", "digit"}:
        return Kind.NUMBER
    clock = bool(groups & {"clock", "halves"})
    # Without hours or seconds beside it, m is a month.
    if "calendar" in groups or (not clock and "month" in groups):
        return Kind.DATETIME if clock else Kind.DATE
    return Kind.TIME if clock else Kind.NUMBER


def _zeros_of(tokens: list[re.Match[str]]) -> tuple[str, ...] | None:
    """Return the form of a section that shows whole numbers with zeros in front, as identifiers are.

    Zeros may be a text of the format, too: `"0"#`. Other digits in its texts would be taken for the number's own.
    """
    form: list[str] = []
    for token in tokens:
        # Behind a zero every place is shown, as in the phone numbers of France: `0#" "##" "##" "##" "##`.
        match "zero" if token[0] == "#" and _ZERO in form else token.lastgroup:
            case "zero":
                # All that has no place of its own stands at the first zero anyway.
                form[-1:] = [_ZERO] if form[-1:] == [_REST] else [*form[-1:], _ZERO]
            case "literal":
                text = token[0].strip('"').removeprefix("\\")
                if any(character.isdigit() and (character != "0" or {_ZERO, _REST} & {*form}) for character in text):
                    return None
                form.append(text)
            case "other" if token[0] in _SEPARATORS:
                form.append(token[0])
            case "passed" if token[0][0] in "_*":
                form.append(" " if token[0][0] == "_" else "")
            case "bracket" | "condition":
                continue
            case "digit" if token[0] == "#":
                if form[-1:] != [_REST] and _REST in form:
                    return None
                form += [_REST] if _REST not in form else []
            case _:
                return None
    written = any("0" in part for part in form) and {_ZERO, _REST} & {*form}
    return tuple(form) if written or form.count(_ZERO) >= _LEAST_ZEROS else None


def _shown(number: float, form: tuple[str, ...]) -> str | None:
    """Return the digits of a whole number in a form of zeros; None if they are not all that there is to it."""
    if number < 0 or not number.is_integer() or number >= 10**_MOST_DIGITS:
        return None
    places = form.count(_ZERO)
    digits = (str(int(number)) if number else "").zfill(places)
    surplus = len(digits) - places
    # What is longer than the form stands at its first place.
    first = surplus if _REST in form else surplus + 1
    pieces = iter((digits[:first], *digits[first:]))
    return "".join(next(pieces) if part in (_ZERO, _REST) else part for part in form).strip()


_ZH_CN: Final = (
    'yyyy"年"m"月"; m"月"d"日"; m"月"d"日"; m-d-yy; yyyy"年"m"月"d"日"; h"时"mm"分"; h"时"mm"分"ss"秒"; '
    '上午/下午h"时"mm"分"; 上午/下午h"时"mm"分"ss"秒"; yyyy"年"m"月"; yyyy"年"m"月"; m"月"d"日"; yyyy"年"m"月"; '
    'm"月"d"日"; m"月"d"日"; 上午/下午h"时"mm"分"; 上午/下午h"时"mm"分"ss"秒"; yyyy"年"m"月"; m"月"d"日"'
)
_ZH_TW: Final = (
    '[$-404]e/m/d; [$-404]e"年"m"月"d"日"; [$-404]e"年"m"月"d"日"; m/d/yy; yyyy"年"m"月"d"日"; hh"時"mm"分"; '
    'hh"時"mm"分"ss"秒"; 上午/下午hh"時"mm"分"; 上午/下午hh"時"mm"分"ss"秒"; [$-404]e/m/d; [$-404]e/m/d; '
    '[$-404]e"年"m"月"d"日"; 上午/下午hh"時"mm"分"; 上午/下午hh"時"mm"分"ss"秒"; [$-404]e"年"m"月"d"日"; '
    '上午/下午hh"時"mm"分"; 上午/下午hh"時"mm"分"ss"秒"; [$-404]e/m/d; [$-404]e"年"m"月"d"日"'
)
_JA_JP: Final = (
    '[$-411]ge.m.d; [$-411]ggge"年"m"月"d"日"; [$-411]ggge"年"m"月"d"日"; m/d/yy; yyyy"年"m"月"d"日"; h"時"mm"分"; '
    'h"時"mm"分"ss"秒"; yyyy"年"m"月"; m"月"d"日"; [$-411]ge.m.d; [$-411]ge.m.d; [$-411]ggge"年"m"月"d"日"; '
    'yyyy"年"m"月"; m"月"d"日"; [$-411]ggge"年"m"月"d"日"; yyyy"年"m"月"; m"月"d"日"; [$-411]ge.m.d; '
    '[$-411]ggge"年"m"月"d"日"'
)
_KO_KR: Final = (
    'yyyy"年" mm"月" dd"日"; mm-dd; mm-dd; mm-dd-yy; yyyy"년" mm"월" dd"일"; h"시" mm"분"; h"시" mm"분" ss"초"; '
    'yyyy-mm-dd; yyyy-mm-dd; yyyy"年" mm"月" dd"日"; yyyy"年" mm"月" dd"日"; mm-dd; yyyy-mm-dd; yyyy-mm-dd; mm-dd; '
    'yyyy-mm-dd; yyyy-mm-dd; yyyy"年" mm"月" dd"日"; mm-dd'
)
EAST_ASIAN_IDS: Final = (*range(27, 37), *range(50, 59))
EAST_ASIAN_CODES: Final = tuple(table.split("; ") for table in (_ZH_CN, _ZH_TW, _JA_JP, _KO_KR))
"""What the ids mean in the Excels of zh-cn, zh-tw, ja-jp and ko-kr: a workbook does not say which one wrote it."""

BUILTIN_CODES: Final = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm",
    21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0 ;(#,##0)", 38: "#,##0 ;[Red](#,##0)", 39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0", 48: "##0.0E+0", 49: "@",
    59: "t0", 60: "t0.00", 61: "t#,##0", 62: "t#,##0.00", 67: "t0%", 68: "t0.00%", 69: "t# ?/?", 70: "t# ??/??",
    71: "ว/ด/ปปปป", 72: "ว-ดดด-ปป", 73: "ว-ดดด", 74: "ดดด-ปป", 75: "ช:นน", 76: "ช:นน:ทท", 77: "ว/ด/ปปปป ช:นน",
    78: "นน:ทท", 79: "[ช]:นน:ทท", 80: "นน:ทท.0", 81: "d/m/bb",
}  # fmt: skip
"""ECMA-376 part 1, 18.8.30: the ids of all languages, and those of th-th from 59 on."""


def builtin_format(number: int) -> NumberFormat:
    """Return what a built-in format id means; where the languages disagree, the number itself says what it is."""
    if number in EAST_ASIAN_IDS:
        place = EAST_ASIAN_IDS.index(number)
        found = {number_format(codes[place]).kind for codes in EAST_ASIAN_CODES}
        return number_format(EAST_ASIAN_CODES[0][place]) if len(found) == 1 else _BY_NUMBER
    return number_format(BUILTIN_CODES[number]) if number in BUILTIN_CODES else GENERAL
