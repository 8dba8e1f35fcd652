"""Excel's error values: their texts, by the codes that binary workbooks have for them; knows no cells."""

from __future__ import annotations

from typing import Final

_TEXTS: Final = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""[MS-XLS] 2.5.10 (BErr)."""

ERROR_TEXTS: Final = frozenset(_TEXTS.values())
TOO_NARROW: Final = r"^\s*###+\s*$"
"""What a spreadsheet shows of a number or a date that its column is too narrow for: signs, as many as fit."""


def error_text(code: int) -> str:
    """Return what Excel shows for an error code; `#VALUE!` for one that it does not have."""
    return _TEXTS.get(code, "#VALUE!")
