"""Names of fields, tables and datasets from titles in any script: readable, the same each time, never twice."""

from __future__ import annotations

import re
import unicodedata
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final

from anyascii import anyascii

if TYPE_CHECKING:
    from collections.abc import Collection

_LENGTH: Final = 60
_LONGEST: Final = 63
"""What a database takes as a name, and a dataset with it: a number behind one takes the place of its last letters."""
_SIGNS: Final = {"#": "no", "%": "percent", "°": "", "º": "", "&": " and ", "@": " at ", "€": " eur ", "$": " usd "}
_SYLLABLES: Final = re.compile(r"[\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff]")
_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?|j[aä]n(?:ner|uar)|februar|märz|mrz|mai|juni|juli|okt(?:ober)?|dez(?:ember)?"
    "|janvier|février|fevrier|mars|avril|juin|juillet|août|aout|septembre|octobre|novembre|décembre|decembre"
    "|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
    "|janeiro|fevereiro|março|maio|junho|julho|setembro|outubro|novembro|dezembro"
    "|gennaio|febbraio|aprile|maggio|giugno|luglio|settembre|ottobre|dicembre"
    "|januari|februari|maart|mei|augustus|ocak|şubat|nisan|mayıs|haziran|temmuz|ağustos|eylül|ekim|kasım|aralık"
    "|styczeń|luty|marzec|kwiecień|maj|czerwiec|lipiec|sierpień|wrzesień|październik|listopad|grudzień"
    "|(?:январ|феврал|апрел|ию[нл]|сентябр|октябр|ноябр|декабр)[ья]|марта?|ма[йя]|августа?"
    "|يناير|فبراير|مارس|[أإا]بريل|مايو|يوني[وه]|يولي[وه]|[أا]غسطس|سبتمبر|[أا]كتوبر|نوفمبر|ديسمبر"
    "|شباط|آذار|نيسان|أيار|حزيران|تموز|أيلول|تشرين (?:الأول|الثاني)|كانون (?:الأول|الثاني))"
)
_BEHIND: Final = re.compile(
    rf"(?:[\s_.()\d-]|(?<=\d)[年月日号년월일ºª]|(?<=月)[份分度]|(?<=월)분|[一二三四五六七八九十]+月|第[一二三四\d]季度"
    rf"|(?<![^\W\d_]){_MONTH}(?![^\W\d_])(?:\sdel?(?=\s\d))?|(?:(?<=\d)|(?<=\d\s))г(?:ода)?(?![^\W\d_])"
    r"|(?:(?<=\d\s)|(?<=\d[.ºª°]\s))(?:quartal|quarter|halbjahr|kwartaal|kwartał|(?:tri|bi|se)mestre|квартал)(?![^\W\d_]))*+$",
    re.IGNORECASE,
)
"""A date, a month or a number at the end of a file's name."""
_COUNTED: Final = re.compile(r"[^\W_]")
_DATED: Final = re.compile(
    r"(?<!\d)(?:20\d\d(?:年\d{1,2}月(?:\d{1,2}日)?|년 ?\d{1,2}월(?: ?\d{1,2}일)?"
    r"|[-_. ]?(?:0[1-9]|1[0-2])(?:[-_. ]?[0-3]\d)?)"
    r"|(?:[0-3]\d[-_. ])?(?:0[1-9]|1[0-2])[-_. ]20\d\d|\d{1,2}[月월](?:\d{1,2}[日일])?)(?!\d)"
)
"""A date that begins with the year, or ends with it, or a month by its number."""
_ONE_OR_TWO: Final = re.compile(r"\d{1,2}(?=[月日월일])")
_SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "rowid"})
"""Names that every table of PostgreSQL or SQLite has for itself."""


def identifier(title: str) -> str:
    """Return a title as a column name, in Latin letters (Chinese by its pinyin); nothing if it has no word."""
    text = unicodedata.normalize("NFKC", title)
    words = _words(text) or _words("".join(_SIGNS.get(character, character) for character in text))
    name = "_".join(words)[:_LENGTH].strip("_")
    if name[:1].isdigit():
        return f"n_{name}"
    return f"{name}_" if name in _SYSTEM_COLUMNS else name


def _words(text: str) -> list[str]:
    spaced = _SYLLABLES.sub(lambda match: f" {match[0]} ", text.replace("°", "").replace("º", ""))
    # Signs are left out: they would be spelled.
    latin = anyascii("".join(one for one in spaced if one.isascii() or unicodedata.category(one)[0] in "LMN"))
    return re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", latin).lower())


def unique_name(name: str, taken: Collection[str]) -> str:
    """Return the name, with the first number from 2 on that makes it none of those that are taken."""
    number, unique = 2, name
    while unique in taken:
        behind = f"_{number}"
        unique, number = f"{name[: _LONGEST - len(behind)]}{behind}", number + 1
    return unique


def dataset_name(stem: str) -> str:
    """Return a file's name as that of a dataset, in its own script."""
    text = unicodedata.normalize("NFKC", stem).casefold()
    legal = "".join(one if unicodedata.category(one)[0] in "LM" or one.isdecimal() else " " for one in text)
    return "_".join(legal.split())[:_LENGTH].strip("_") or "sample"


def file_glob(stem: str) -> str:
    """Return a glob for a file and those after it: its stem without a date or number behind it.

    Of a date that stands elsewhere the form stays: `2026-05 orders` is `[0-9][0-9][0-9][0-9]-[0-9][0-9] orders*`.
    """
    bare = undated(stem)
    dates, parts = _DATED.findall(bare), _DATED.split(bare)
    if not _has_words("".join(parts)):
        dates, parts = [], [stem]
    literal = [re.sub(r"([*?[])", r"[\1]", part) for part in parts]
    dated = [re.sub(r"\d", "[0-9]", _ONE_OR_TWO.sub("*", date)) for date in dates]
    return "".join(chain.from_iterable(zip_longest(literal, dated, fillvalue=""))) + "*"


def undated(name: str) -> str:
    """Return a name without a date, a month or a number at its end."""
    behind = _BEHIND.search(name)
    return name[: behind.start()] if behind and _COUNTED.search(behind[0]) else name


def _has_words(text: str) -> bool:
    return len(re.findall(r"\w", text)) > 1
