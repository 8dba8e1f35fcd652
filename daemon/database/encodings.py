"""Texts in a database whose encoding lacks letters: these are kept as escapes there, and read back as letters."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncpg

_CODECS: Final = {
    "EUC_CN": "gb2312",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "KOI8R": "koi8_r",
    "KOI8U": "koi8_u",
    "LATIN1": "iso8859_1",
    "LATIN2": "iso8859_2",
    "LATIN3": "iso8859_3",
    "LATIN4": "iso8859_4",
    "LATIN5": "iso8859_9",
    "LATIN6": "iso8859_10",
    "LATIN7": "iso8859_13",
    "LATIN8": "iso8859_14",
    "LATIN9": "iso8859_15",
    "LATIN10": "iso8859_16",
    "ISO_8859_5": "iso8859_5",
    "ISO_8859_6": "iso8859_6",
    "ISO_8859_7": "iso8859_7",
    "ISO_8859_8": "iso8859_8",
    "WIN866": "cp866",
    "WIN874": "cp874",
    **{f"WIN{number}": f"cp{number}" for number in range(1250, 1259)},
}
"""Encodings of servers that lack letters, by the names that Python has for them
(https://www.postgresql.org/docs/current/multibyte.html). SQL_ASCII takes the bytes of any.
"""
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-f]{2})|u((?!d[89a-f])[0-9a-f]{4})|U(00(?:0[0-9a-f]|10)[0-9a-f]{4}))")


async def keep_any_letter(driver: asyncpg.Connection[Any]) -> None:
    """Have a connection write texts so that its server takes them, whatever letters they have.

    Names of files do not ask for its encoding, and what becomes of them is told all the same. Rows that are loaded do
    not go this way.
    """
    codec = _CODECS.get(driver.get_settings().server_encoding)
    if codec is None:
        return
    for kind in ("text", "varchar"):
        await driver.set_type_codec(
            kind, schema="pg_catalog", encoder=partial(escaped, codec=codec), decoder=unescaped, format="text"
        )


def escaped(text: str, codec: str) -> str:
    """Return a text in which the letters that an encoding lacks are escapes."""
    return text.encode(codec, "backslashreplace").decode(codec)


def unescaped(text: str) -> str:
    """Return a text with the letters that escapes in it stand for."""
    return _ESCAPE.sub(lambda found: chr(int(found[found.lastindex or 0], 16)), text)
