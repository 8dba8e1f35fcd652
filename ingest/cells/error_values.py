"""Error values: their texts, by the codes that binary workbooks have for them, and in all languages; knows no cells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrow_masks import bytes_of, has_byte, truth

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

OTHER_ERROR: Final = "#VALUE!"
"""What stands for an error that Excel does not have."""
EXCEL_ERRORS: Final = frozenset(_TEXTS.values())
"""What an error cell of a workbook holds, in any language."""
_OTHERS: Final = """
    #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #BUSY! #UNKNOWN! #EXTERNAL! #PYTHON! #TIMEOUT! #ERROR!
    #WERT! #BEZUG! #ZAHL! #NV #ÜBERLAUF!
    #NUL! #VALEUR! #NOM? #NOMBRE! #PROPAGATION!
    #¡NULO! #¡DIV/0! #¡VALOR! #¡REF! #¿NOMBRE? #¡NUM! #N/D #¡DESBORDAMIENTO!
    #NULLO! #VALORE! #RIF! #NOME? #NULO! #VALOR! #NÚM! #DESPEJAR!
    #LEEG! #DEEL/0! #WAARDE! #VERW! #NAAM? #GETAL! #N/B
    #SKÄRNING! #DIVISION/0! #VÄRDEFEL! #REFERENS! #NAMN? #OGILTIGT! #SAKNAS!
    #VÆRDI! #REFERENCE! #NAVN? #I/T #VERDI! #TYHJÄ! #JAKO/0! #ARVO! #VIITTAUS! #NIMI? #LUKU! #PUUTTUU!
    #ZERO! #DZIEL/0! #ARG! #ADR! #NAZWA? #LICZBA! #N/D!
    #DĚLENÍ_NULOU! #HODNOTA! #ODKAZ! #NÁZEV? #ČÍSLO! #NENÍ_K_DISPOZICI
    #NULLA! #ZÉRÓOSZTÓ! #ÉRTÉK! #HIV! #NÉV? #SZÁM! #HIÁNYZIK
    #BOŞ! #SAYI/0! #DEĞER! #BAŞV! #AD? #SAYI! #YOK
    #ПУСТО! #ДЕЛ/0! #ЗНАЧ! #ССЫЛКА! #ИМЯ? #ЧИСЛО! #Н/Д
"""
"""What is shown instead in other languages, and for errors newer than the codes: it stands in texts alone."""
_NUMBERED: Final = r"^Err:5[0-9]{2}$"
"""As LibreOffice and OpenOffice show errors that have no word."""
_SOMEWHERE: Final = re.compile(rb"Err:5")
_ALL: Final = EXCEL_ERRORS.union(_OTHERS.split())
_WORDS: Final = pa.array(sorted(_ALL), pa.large_string())
TOO_NARROW: Final = r"^\s*###+\s*$"
"""What a spreadsheet shows of a number or a date that its column is too narrow for: signs, as many as fit."""


def is_error(text: str) -> bool:
    """Say whether that is shown for an error and nothing else."""
    return text in _ALL or re.search(_NUMBERED, text) is not None


def error_texts(texts: pa.LargeStringArray) -> NDArray[np.bool_]:
    """Say which texts, whatever white space is around them, are shown for errors and nothing else."""
    # A time of day has a colon as well.
    numbered = has_byte(texts, b":") and _SOMEWHERE.search(bytes_of(texts).data) is not None
    if not (numbered or has_byte(texts, b"#")):
        return np.zeros(len(texts), np.bool_)
    shown = pc.utf8_trim_whitespace(texts)
    found = pc.is_in(shown, value_set=_WORDS)
    return truth(pc.or_(found, pc.match_substring_regex(shown, _NUMBERED)) if numbered else found)


def error_text(code: int) -> str:
    """Return what Excel shows for an error code; `#VALUE!` for one that it does not have."""
    return _TEXTS.get(code, OTHER_ERROR)
