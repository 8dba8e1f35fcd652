"""Values in COPY text form: owns null and the escapes; imports nothing, so that whoever loads them can have it."""

from __future__ import annotations

import re
from typing import Final

NULL: Final = "\\N"
ESCAPES: Final = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_ESCAPED: Final = re.compile(r"\\(.)")
_MEANING: Final = {escaped[1]: plain for plain, escaped in ESCAPES}


def unescaped(text: str) -> str:
    """Return a value in COPY text form, other than null, as it is."""
    return _ESCAPED.sub(lambda match: _MEANING[match[1]], text)
