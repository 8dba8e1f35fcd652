"""What texts of a column may be: dates, numbers, yes and no, by the forms that all of them have; guesses nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from ..columns.currencies import money_marks
from .words import OTHER_LETTERS, YES_NO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Fits = Callable[[dict[str, Any]], bool]

_DATES: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y年%m月%d日", "%Y년 %m월 %d일", "%Y. %m. %d."),
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d %m %Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%y.%m.%d", "%y/%m/%d", "%y-%m-%d"),
    *("%d %b %Y", "%d %B %Y", "%d. %b %Y", "%d. %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d/%b/%Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%Y-%b-%d"),
)
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%H:%M:%S.%f", "%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%H时%M分")
_DAY_AND_CLOCK: Final = re.compile(r"(.*?\S)(T| |, )(\d{1,2}[:时].*)")
_DATE_LIKE: Final = re.compile(r"(?=.*\d).*(?:[-/.年월 ]|^\d{8}$)")
_COMPACT: Final = re.compile(r"\d{8}")
_FULL_YEAR: Final = re.compile(r"(?<!\d)\d{4}")
_NEVER: Final = "9999"
_FIRST_YEAR: Final = 1500
_FAR_YEARS: Final = 100
"""Dates of tables are hardly all before that year, or all so many years to come."""

_STYLES: Final = ((".", None), (",", None), *product(".", ", '’"), *product(",", ". '’"))
_NEGATIVE: Final = {
    "trailing": re.compile(r".*\d[^\d]*[-−][^\d]*"),
    "parentheses": re.compile(r"[^\d(]*\(.*\d.*\)[^\d]*"),
}
_DIGIT: Final = re.compile(r"\d")
_LEADING_ZERO: Final = re.compile(r"[+-]?0\d")
_FEW_YEARS: Final = 3
"""From the first to the last date of a sample are rather no more."""
_MANY_YEARS: Final = 10

_Style = tuple[bool, str | None, str | None]
"""Whether there are fractions, what begins them, and what groups digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The settings of a field that read a column's texts, why them, and what else might be meant."""

    settings: dict[str, Any]
    why: str = ""
    others: tuple[dict[str, Any], ...] = field(default=())


def yes_or_no(texts: Sequence[str]) -> Form | None:
    """Return the form of texts that are a pair of words for yes and no, both of which are there.

    Where the letters may be north and south, or marks, the form is text, and yes and no are what else might be meant.
    """
    words = {text.lower() for text in texts}
    for yes, no in YES_NO:
        if words == {yes, no}:
            own = {} if (yes, no) == ("true", "false") else {"trueValues": [yes], "falseValues": [no]}
            settings, why = {"type": "boolean", **own}, f"{yes} and {no}, nothing else"
            if (yes, no) in OTHER_LETTERS:
                return Form(settings={"type": "string"}, why=f"{why}: yes and no, or other things", others=(settings,))
            return Form(settings=settings, why=why)
    return None


def dates(texts: Sequence[str], fits: Fits) -> Form | None:
    """Return the form of texts that are dates, date-times, times or durations; `fits` says whether settings read all.

    Where day, month or year could change places in every one of them, or a year of two digits be of another century,
    the form is text, and the dates are what else might be meant. But a year of two digits stands behind the day where
    the dates are much likelier so.
    """
    for kind in ("date", "datetime", "time"):
        if fits({"type": kind}):
            return _of_other_years([{"type": kind}], texts) or Form(settings={"type": kind}, why="in ISO form")
    if all(":" in text or "P" in text for text in texts):
        found = _only([{"type": "time", "format": form} for form in _CLOCKS], fits)
        if found:
            return Form(settings=found[0], why="a time of day")
        if fits({"type": "duration"}):
            return Form(settings={"type": "duration"}, why="hours and minutes")
    if not all(_DATE_LIKE.match(text) for text in texts):
        return None
    found = _only(list(_day_forms(texts)), fits)
    return _of_other_years(found, texts) or _dated(found, _likely(found, texts), texts) if found else None


def _of_other_years(found: list[dict[str, Any]], texts: Sequence[str]) -> Form | None:
    """Return the form of dates whose years are all as in another calendar: the Buddhist, the Islamic, the Persian."""
    matches = list(map(_FULL_YEAR.search, texts))
    years = [int(year[0]) for year in matches if year and year[0] != _NEVER]
    if not all(matches) or not years or not (max(years) < _FIRST_YEAR or min(years) > _this_year() + _FAR_YEARS):
        return None
    return Form(
        settings={"type": "string"},
        why=f"dates, but {years[0]} is rather a year of another calendar: say if it is meant as it stands",
        others=tuple(found),
    )


def _day_forms(texts: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the forms of dates, or of dates with a time of day, in which the first text is one."""
    split = _DAY_AND_CLOCK.fullmatch(texts[0])
    day, between, clock = split.groups() if split else (texts[0], "", "")
    compact = any(map(_COMPACT.fullmatch, texts))
    days = [form for form in _DATES if (form == "%Y%m%d") == compact and _reads(day, form)]
    if not split:
        yield from ({"type": "date", "format": form} for form in days)
        return
    clocks = [form for form in _CLOCKS if _reads(clock, form)]
    yield from ({"type": "datetime", "format": f"{date}{between}{time}"} for date, time in product(days, clocks))


def _reads(text: str, form: str) -> bool:
    return _year(text, form) is not None


def _year(text: str, form: str) -> int | None:
    try:
        return datetime.strptime(text, form).year  # noqa: DTZ007  # the sheet has no time zone either
    except ValueError:
        return None


def _only(choices: list[dict[str, Any]], fits: Fits) -> list[dict[str, Any]]:
    return [settings for settings in choices if fits(settings)]


def _likely(found: list[dict[str, Any]], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the forms without those whose year is in front, if one with the year behind is much likelier.

    Never the other way round: what is a year in front is a day behind, and days are spread over many years.
    """
    front = [settings for settings in found if settings["format"].startswith("%y")]
    behind = [settings for settings in found if settings not in front]
    if not front or not behind:
        return found
    years, other = (_years(settings[0]["format"], texts) for settings in (behind, front))
    if years is None or other is None:
        return found
    return behind if _likelier(years, other, dashes="-" in front[0]["format"]) else found


def _years(form: str, texts: Sequence[str]) -> range | None:
    """Return the years that texts are of, from the first to the last; None if not all can be read."""
    years = [year for text in texts for year in (_year(text, form),) if year is not None]
    return range(min(years), max(years) + 1) if len(years) == len(texts) else None


def _likelier(behind: range, front: range, *, dashes: bool) -> bool:
    """Say whether dates are rather of the one years than of the other: of few and recent ones, where those are neither.

    Between dashes a year in front is as common. There those have to be many, and to go beyond the next one.
    """
    coming = _this_year() + 1
    narrow, other = (len(years) <= _FEW_YEARS + 1 and years[-1] <= coming for years in (behind, front))
    if dashes:
        return narrow and len(front) > _MANY_YEARS and front[-1] > coming
    recent, other_recent = (years[0] >= coming - _FEW_YEARS for years in (behind, front))
    return narrow and (not other or (recent and not other_recent))


def _far_year(likely: list[dict[str, Any]], texts: Sequence[str]) -> int | None:
    """Return the last year that years of two digits are read as, if it is so far to come that spreadsheets disagree.

    They take 30 to 99 for years of the last century, `strptime` only 69 to 99: a birthday in `62` would be in 2062.
    """
    spans = [_years(settings["format"], texts) for settings in likely if "%y" in settings["format"]]
    latest = max((span[-1] for span in spans if span), default=0)
    return latest if latest > _this_year() + 1 + _MANY_YEARS else None


def _this_year() -> int:
    return datetime.now(UTC).year


def _dated(found: list[dict[str, Any]], likely: list[dict[str, Any]], texts: Sequence[str]) -> Form:
    """Return the form of dates, `found` being all that read them, and `likely` those that count."""
    orders = {re.sub(r"[^dmy]", "", settings["format"].lower().replace("b", "m")) for settings in likely}
    if len(orders) > 1:
        return Form(
            settings={"type": "string"},
            why="dates, but day, month or year could change places in every one: say which is meant",
            others=tuple(likely),
        )
    if latest := _far_year(likely, texts):
        return Form(
            settings={"type": "string"},
            why=f"dates, but years of two digits would go on to {latest}: 19{latest % 100} may be meant",
            others=tuple(likely),
        )
    forms = [settings["format"] for settings in likely]
    together = {"type": likely[0]["type"], "format": forms[0] if len(forms) == 1 else forms}
    why = "no other order of day, month and year reads all of them"
    if len(likely) < len(found):
        why = "not the year in front: the dates would be of years that are many, long past or to come"
    return Form(settings=together, why=why)


def numbers(texts: Sequence[str], fits: Fits) -> Form | None:
    """Return how numbers are written in texts, as settings without a type; `fits` says whether settings read all.

    Where a sign could group digits or begin a fraction in every one of them, the form is text, and both are told.
    """
    if not all(map(_DIGIT.search, texts)) or any(_LEADING_ZERO.match(text) or text.startswith("+") for text in texts):
        return None
    percent = [text.endswith(("%", "％")) for text in texts]
    if any(percent) and not all(percent):
        return None
    signs = set().union(*map(money_marks, texts))
    if len(signs) > 1:
        return None
    extra = {
        **({"currency": "strip"} if signs else {}),
        **({"percent": "fraction"} if any(percent) else {}),
        **_negatives(texts),
    }
    found: dict[_Style, dict[str, Any]] = {}
    for point, group in _STYLES:
        style = {**({"decimalChar": point} if point != "." else {}), **({"groupChar": group} if group else {})}
        if (not group or _between_digits(texts, group)) and fits({"type": "decimal(38,12)", **style, **extra}):
            fraction = any(point in text for text in texts)
            found.setdefault((fraction, point if fraction else None, group), {**style, **extra})
    if not found:
        return None
    return _numeric(found, signs)


def _negatives(texts: Sequence[str]) -> dict[str, Any]:
    """Return the setting for numbers below zero that are not marked by a minus in front."""
    forms = [name for name, form in _NEGATIVE.items() if any(form.fullmatch(text) for text in texts)]
    return {"negative": ["minus", *forms]} if forms else {}


def _between_digits(texts: Sequence[str], group: str) -> bool:
    between = re.compile(rf"\d{re.escape(group)}\d")
    return any(map(between.search, texts))


def _numeric(found: dict[_Style, dict[str, Any]], signs: set[str]) -> Form:
    if len(found) > 1:
        return Form(
            settings={"type": "string"},
            why="numbers, but the sign in them could group digits or begin a fraction: say which is meant",
            others=tuple(
                {"type": "decimal(18,3)" if fraction else "integer", **style} for (fraction, *_), style in found.items()
            ),
        )
    [((fraction, *_), style)] = found.items()
    what = [
        *([f"{style['decimalChar']} begins the fraction"] if "decimalChar" in style and fraction else []),
        *([f"{style['groupChar']!r} groups digits"] if "groupChar" in style else []),
        *([f"all in {next(iter(signs))}"] if signs else []),
    ]
    kept = (
        style
        if fraction or "groupChar" in style
        else {name: value for name, value in style.items() if name != "decimalChar"}
    )
    return Form(settings=kept, why=", ".join(what))
