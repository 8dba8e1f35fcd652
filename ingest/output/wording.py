"""What is wrong with a cell in words that a clerk can act on: the value, why it is none, and an example of one."""

from __future__ import annotations

import difflib
import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..errors import CATALOGUE
from ..invisible import INVISIBLE
from ..messages import either, say
from ..spec.field import EXCEL_SERIAL

if TYPE_CHECKING:
    from ..columns.converted import Fault
    from ..spec.field import Field

SHOWN: Final = 40
"""Characters of a wrong value that a message repeats."""
VALUES: Final = 12
"""So many allowed values are listed; of more, those that are nearest to the wrong one."""
_NEAR: Final = 3
_UNSEEN: Final = re.compile(rf"^\s+|\s+$|[^\S ]|  +|[{INVISIBLE}\u00ad]")
_SIGNS: Final = 4
"""So many characters that cannot be seen are named."""
_OF_ITS_SIGNS: Final = ("cell.pattern", "cell.enum", "cell.length")
"""What texts are refused for sign by sign; around values of other types blanks do not count."""
_GENERIC: Final = ("not a value of type", "not a whole number")
_NAMES: Final = {
    "integer": say("whole number"),
    "number": say("number"),
    "decimal": say("number"),
    "boolean": say("truth value"),
    "date": say("date"),
    "datetime": say("date and time"),
    "time": say("time of day"),
    "duration": say("duration"),
    "string": say("text"),
}
_SIZES: Final = {
    "the value is too small": say("too small"),
    "the value is too large": say("too large"),
    "the number is too large": say("too large"),
    "the text is too short": say("too short"),
    "the text is too long": say("too long"),
}
_SAMPLE: Final = datetime(2024, 2, 28, 16, 30)  # noqa: DTZ001  # an example has no time zone
_ISO: Final = {"date": "2024-02-28", "datetime": "2024-02-28 16:30:00", "time": "16:30:00", "duration": "36:00:00"}


def told(fault: Fault, field: Field, raw: str | None, wanted: str) -> tuple[str, str]:
    """Return the message and the hint of a fault at a cell that shows `raw`; `wanted` is an `example` of the field."""
    hint = CATALOGUE[fault.code].hint
    shown = shortened(raw)
    if raw is None or shown is None:
        return fault.message, hint
    message, hint = _of_value(fault, field, raw, shown, wanted, hint)
    if fault.code in _OF_ITS_SIGNS and (signs := _unseen(raw)):
        return say("{reason}; it has characters that cannot be seen: {signs}", reason=message, signs=signs), hint
    return message, hint


def _of_value(fault: Fault, field: Field, raw: str, shown: str, wanted: str, hint: str) -> tuple[str, str]:
    if fault.code == "cell.required":
        return say("{shown} stands for nothing, and the cell must be filled", shown=shown), hint
    if fault.code == "cell.enum":
        return _not_allowed(raw, shown, field, hint)
    if fault.message in _SIZES:
        size, bound = _SIZES[fault.message], fault.expected
        if fault.code == "cell.length":
            return say("{shown} is {size}: {bound} characters", shown=shown, size=size, bound=bound), hint
        return say("{shown} is {size}: {bound}", shown=shown, size=size, bound=bound), hint
    if fault.code == "cell.pattern":
        return say("{shown} is not of the form {form}", shown=shown, form=fault.expected), hint
    if fault.code == "cell.type" and fault.message.startswith(_GENERIC):
        name = _NAMES[field.type.kind]
        return say("{shown} is no {name}: wanted {example}", shown=shown, name=name, example=wanted), hint
    return say("{shown}: {reason}", shown=shown, reason=fault.message), hint


def _unseen(raw: str) -> str:
    """Name the characters for which a text is wrong though it looks right: blanks around it, odd and doubled ones."""
    found = dict.fromkeys("".join(_UNSEEN.findall(raw)))
    return ", ".join(f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".rstrip() for sign in [*found][:_SIGNS])


def shortened(raw: str | None) -> str | None:
    """Return a value as a message repeats it; None for an empty one."""
    if raw is None or not raw.strip():
        return None
    text = " ".join(raw.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def example(field: Field) -> str:
    """Return what a value of the field looks like, in its own formats."""
    kind = field.type.kind
    if kind == "boolean":
        return either(dict.fromkeys((*field.true_values[:2], *field.false_values[:2])))
    if kind in _ISO:
        forms = [form for form in field.format if form != EXCEL_SERIAL]
        shown = [_SAMPLE.strftime(form) for form in forms] or [_ISO[kind]]
        return say("e.g. {value}", value=either(dict.fromkeys(shown)))
    if kind == "integer":
        return say("e.g. {value}", value=f"1{field.group_char or ''}250")
    fraction = "50"[: field.type.scale] if kind == "decimal" and field.type.scale is not None else "50"
    point = field.decimal_char if fraction else ""
    return say("e.g. {value}", value=f"1{field.group_char or ''}250{point}{fraction}{' %' if field.percent else ''}")


def _not_allowed(raw: str, shown: str, field: Field, hint: str) -> tuple[str, str]:
    values = field.constraints.enum or ()
    near = _near(raw.strip().casefold(), values)
    listed = values if len(values) <= VALUES else near
    message = (
        say("{shown} is none of the allowed values: {values}", shown=shown, values=", ".join(listed))
        if listed
        else say("{shown} is none of the allowed values, of which there are {count}", shown=shown, count=len(values))
    )
    return message, say("did you mean {value}?", value=near[0]) if near else hint


@lru_cache(maxsize=1 << 10)  # a wrong word stands in many rows, as a rule
def _near(text: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values that are most like a text, whose case does not count."""
    folded = {value.casefold(): value for value in values}
    return tuple(folded[match] for match in difflib.get_close_matches(text, folded, n=_NEAR))
