"""Names of encodings, as Python has them and as browsers and mail do; decodes nothing."""

from __future__ import annotations

import codecs
import re
from typing import Final

_LABELS: Final = {
    **dict.fromkeys(("windows-31j", "x-sjis", "ms932", "csshiftjis", "windows-932"), "cp932"),
    **dict.fromkeys(("x-euc-jp", "cseucpkdfmtjapanese"), "euc_jp"),
    **dict.fromkeys(("x-gbk", "windows-936", "csgb2312", "gb-2312-80"), "gb18030"),
    **dict.fromkeys(("x-x-big5", "x-big5", "cn-big5", "windows-950"), "cp950"),
    **dict.fromkeys(("ks-c-5601-1987", "ks-c-5601-1989", "windows-949", "korean"), "cp949"),
    **dict.fromkeys(("windows-874", "dos-874"), "cp874"),
    **dict.fromkeys(("koi", "koi8", "cskoi8r"), "koi8_r"),
    **dict.fromkeys(("x-mac-cyrillic", "x-mac-ukrainian"), "mac_cyrillic"),
    **dict.fromkeys(("macintosh", "x-mac-roman"), "mac_roman"),
    **dict.fromkeys(("iso-8859-6-i", "iso-8859-6-e"), "iso8859_6"),
    **dict.fromkeys(("iso-8859-8-i", "iso-8859-8-e", "logical", "visual"), "iso8859_8"),
    **{f"x-cp{number}": f"cp{number}" for number in range(1250, 1259)},
    "koi8-ru": "koi8_u",
    "sun-eu-greek": "iso8859_7",
    "unicode-1-1-utf-8": "utf-8",
}
"""What Python does not know, or knows less of (WHATWG Encoding Standard, "Names and labels")."""
_WIDER: Final = {
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
}
"""What programs mean that name the first: they write the letters which came later, too (WHATWG Encoding Standard)."""
_APART: Final = re.compile(r"[\s_-]+")


def python_encoding(name: str) -> str:
    """Return the name by which Python knows an encoding; the same one if it is no other label."""
    return _LABELS.get(_APART.sub("-", name.strip().lower()), name)


def meant_encoding(name: str) -> str:
    """Return what web pages and mails mean by the name of an encoding, as Python calls it.

    Raises:
        LookupError: no encoding has this name.

    """
    known = codecs.lookup(python_encoding(name)).name
    return _WIDER.get(known, known)


def is_text_encoding(name: str) -> bool:
    """Say whether an encoding of texts has a name."""
    try:
        b"x".decode(python_encoding(name))
    except UnicodeDecodeError:
        return True
    except (LookupError, ValueError):
        return False
    return True
