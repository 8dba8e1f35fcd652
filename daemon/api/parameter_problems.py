"""What can be wrong with the parameters of a request: owns their problems, knows no route and no parameter."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final, Literal

from ingest.messages import say

from .problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

Place = Literal["query", "form"]
Fault = Literal["unknown", "repeated", "conflict", "value"]
SWITCH: Final = ("true", "false")
"""What a parameter may say that is on or off."""
_NAME_SHOWN: Final = 100
"""Characters of a name that is none of ours."""


def wrong_parameter(
    name: str, detail: str, *, fault: Fault = "value", place: Place = "query", hint: str = "", status: int = 400
) -> ProblemError:
    """Return what is wrong with a parameter as a problem: its code, which parameter, where it stands, what to do."""
    about = {"code": f"parameter.{fault}", "parameter": name[:_NAME_SHOWN], "place": place}
    return ProblemError(status, detail, headers=None, **about, **({"hint": hint} if hint else {}))


def refuse_unknown(
    given: Iterable[str], known: Collection[str], *, place: Place = "query", headers: Collection[str] = ()
) -> None:
    """Refuse names that are none of the known ones: passed over, a slip of the pen would change what is asked for.

    A name that stands there twice says two things. `headers` are what is known too, but as headers.

    Raises:
        ProblemError: 400.

    """
    seen = set[str]()
    for name in given:
        if name not in known:
            detail = say("there is no parameter {name} here", name=repr(name[:_NAME_SHOWN]))
            raise wrong_parameter(name, detail, fault="unknown", place=place, hint=_remedy(name, known, headers))
        if name in seen:
            raise repeated(name, place)
        seen.add(name)


def repeated(name: str, place: Place) -> ProblemError:
    """Return that a parameter is given twice, as a problem."""
    return wrong_parameter(
        name, say("{name} is given twice", name=name), fault="repeated", place=place, hint=say("give it once")
    )


def one_of(name: str, values: Iterable[str], *, place: Place = "query") -> ProblemError:
    """Return that a parameter has a value that is none of those, as a problem."""
    detail = say("{name} is one of: {values}", name=name, values=", ".join(values))
    return wrong_parameter(name, detail, place=place)


def is_on(given: Mapping[str, str], name: str, *, place: Place = "query") -> bool:
    """Say whether a switch is on; one that is not there is off.

    Raises:
        ProblemError: 400, it is neither on nor off.

    """
    if (value := given.get(name, "false")) not in SWITCH:
        raise one_of(name, SWITCH, place=place)
    return value == "true"


def _remedy(name: str, known: Collection[str], headers: Collection[str]) -> str:
    word = _squashed(name)
    if header := next((header for header in headers if _squashed(header) == word), None):
        return say("send {name} as a header", name=header)
    by_word = {_squashed(one): one for one in known}
    if close := difflib.get_close_matches(word[:_NAME_SHOWN], by_word, n=1):
        return say("did you mean {value}?", value=by_word[close[0]])
    return say("remove it; the parameters here are: {known}", known=", ".join(sorted(known)) or say("none"))


def _squashed(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
