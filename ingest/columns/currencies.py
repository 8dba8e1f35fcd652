"""What is written around amounts of money: the one list of codes and signs; knows no numbers and no fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_CODES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN "
    "BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD "
    "FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS "
    "KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
    "MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR "
    "SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW "
    "ZWG ZWL CNH RMB NTD"
)
"""ISO 4217, with those that were withdrawn of late, and what is written for the money of China and Taiwan."""
_SIGN: Final = (
    "[$\u00a2-\u00a5\u058f\u060b\u07fe\u07ff\u09f2\u09f3\u09fb\u0af1\u0bf9\u0e3f\u17db\u20a0-\u20cf\ua838"
    "\U00011fdd-\U00011fe0\U0001e2ff\U0001ecb0]"
)
"""Unicode's category Sc in NFKC, with the places kept for more: Python and Arrow do not know the same ones."""
_OWNERS: Final = "US AU A CAN CA C NZ HK NT SG S R MX MEX RD J TT BZ Bds BD EC FJ GY L LR N NA SR CL COL AR U CU"
"""What stands beside `$` to say whose it is. Neither `K` nor `M` nor `B`: those are thousands and more."""
_LETTERS: Final = (
    "SFr. sFr. Fr. kr. Kr. Kč Kčs zł Rp. Rs. Ft lei Lei Lek Lekë RM R TL KM kn din. Bs. S/. B/. Gs. "
    "KSh Ksh TSh USh Sh Tk. Nu. NIS VNĐ đ Ar Br Afl. Esc. NAf. Nfk FCFA CFA DH Dh DA DT QR SR LE "
    "лв. руб. Руб. р. грн. ден. дин. тг. сом сум ман. КМ "
    "د.إ. ر.س. ر.ق. د.ب. د.ك. ر.ع. ج.م. ل.ل. ل.س. د.ج. د.م. د.ت. د.ع. د.أ. د.ل. ریال ريال "
    "元 圓 圆 円 원 บาท 人民币 美元 欧元 日元 港元 港币 新台币"
)
"""Signs of letters. A point at their end may be missing."""


def _form(letters: str) -> str:
    """Return the pattern of a sign of letters."""
    return re.escape(letters) + ("?" if letters.endswith(".") else "")


_OWNED: Final = (
    rf"(?:{'|'.join(_OWNERS.split())})\$",
    r"\$\s?(?:US|CAN|CA|AU|NZ|HK)",
    r"U\$S",
    "(?:CN|JP)¥",
    "GB£",
    "GH₵",
)
# The longest first: a pattern takes the first that fits, and `R` is the beginning of others.
_FORMS: Final = (*_OWNED, *map(_form, sorted((*_CODES.split(), *_LETTERS.split()), key=len, reverse=True)), _SIGN)
_ANY: Final = "|".join(_FORMS)
_EACH: Final = "|".join(f"({form})" for form in _FORMS)
_SIGNED: Final = re.compile(r"[+\u2212-]?\s*")
_FIRST: Final = re.compile(_EACH)
_LAST: Final = re.compile(rf"(?:{_EACH})$")
_DOUBTFUL: Final = frozenset(("R", "KM", "КМ", "Ft", "DA", "DT", "SR", "QR", "LE", "Ar", "Br", "Sh", "S/", "TL"))
"""What is rather a word, a unit or the beginning of a number of things where nobody says that it is money."""
_WORDS: Final = frozenset(("ALL", "BAM", "BOB", "COP", "CUP", "GEL", "LAK", "MOP", "PEN", "SOS", "STN", "TOP"))
"""Codes that are other words, too (`38 CUP`): money only with a fraction."""
_MONEY: Final = frozenset(_CODES.split()) - _WORDS
_IN_FRONT: Final = re.compile(rf"[+(\u2212-]*\s*({_ANY})(\s*)")
_BEHIND: Final = re.compile(rf"(\s*)({_ANY})\s*[)\u2212-]*$")
_LONGEST: Final = 12
"""More characters than any sign has, with what may stand behind it: there are many, and each is tried at each place."""
_CENTS: Final = re.compile(r"\d[.,]\d\d?(?!\d)")


def money_pattern(around: Iterable[str] | None) -> str | None:
    """Return the pattern of all codes and signs in texts, for Python and Arrow alike; None if there are none.

    `around` is what the texts begin and end with, in NFKC and without the digits: a pattern of few signs is a fast one.
    None stands for anything.
    """
    if around is None:
        return _ANY
    found = {match.lastindex for text in around for match in (_first(text), _LAST.search(text[-_LONGEST:])) if match}
    return "|".join(_FORMS[place - 1] for place in sorted(filter(None, found))) or None


def _first(text: str) -> re.Match[str] | None:
    signed = _SIGNED.match(text)
    return _FIRST.match(text, signed.end() if signed else 0)


def money_marks(text: str) -> set[str]:
    """Return the codes and signs around a number, but for those that may as well be no money: `R1`, `12 KM`.

    Letters from A to Z count if white space is between them and the number, or if the number has a fraction; codes that
    are other words only then.
    """
    cents = _CENTS.search(text) is not None
    front, behind = _IN_FRONT.match(text[:_LONGEST]), _BEHIND.search(text[-_LONGEST:])
    found = [*([(front[1], front[2])] if front else ()), *([(behind[2], behind[1])] if behind else ())]
    return {
        mark
        for mark, space in found
        if mark not in _DOUBTFUL and (cents or (mark not in _WORDS and (space or not _is_latin(mark))))
    }


def is_code(word: str) -> bool:
    """Say whether a word, whatever its case, is the code of a currency and no other word."""
    return word.upper() in _MONEY


def _is_latin(mark: str) -> bool:
    return mark.isascii() and mark.isalpha()
