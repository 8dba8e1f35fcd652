"""The encoding of a file of text: by its mark, by what it declares, or by what its bytes can be; knows no tables."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, Final

from ...errors import rejected

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE_CHARACTERS: Final = 1 << 16
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_WEB: Final = {
    **dict.fromkeys(("gb2312", "gbk", "gb_2312-80", "x-gbk", "csgb2312"), "gb18030"),
    **dict.fromkeys(("iso-8859-1", "iso8859-1", "latin1", "us-ascii", "ascii", "x-ansi"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "x-sjis", "windows-31j"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987", "korean"), "cp949"),
    **dict.fromkeys(("utf-16", "utf-16le", "utf-16be", "unicode", "unicodefeff"), "utf-8"),
    "iso-8859-9": "cp1254",
    "big5": "cp950",
    "tis-620": "cp874",
}
"""What a declared name stands for (WHATWG Encoding Standard); a page in UTF-16 is one by its bytes, not by its word."""
_LEAST_GB2312: Final = 0.9
"""Share of the characters beyond ASCII that are in GB 2312: nearly all of Chinese text, few of misread other text."""
_SIGNS: Final = range(0xA1, 0xAA)
_COMMON: Final = range(0xB0, 0xD8)
"""First bytes of signs and of the 3,755 common ideographs, in the order of their pronunciation (GB 2312)."""
_LEAST_COMMON: Final = 0.6
_LAST_OF_HANGUL: Final = 0xC8
_SAMPLE_IDEOGRAPHS: Final = 20
_LEAST_LATE: Final = 0.1
"""Share of the ideographs behind those that Korean syllables are taken for: about 0.4 of Chinese text."""


def read_text(path: Path) -> str:
    """Return the text of a file: by its byte order mark, by what it declares, as UTF-8, or as GB 18030.

    GB 2312 and GBK are read as GB 18030, which contains both.

    Raises:
        FileRejectedError: `file.format_unknown` for bytes that are no text, `file.encoding_ambiguous`.

    """
    return decode_text(path.read_bytes())


def decode_text(content: bytes) -> str:
    """Return the text of bytes, likewise."""
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _decoded(content, encoding)
    if b"\0" in content[:4096]:
        return _decoded(content, _utf16_without_mark(content))
    declared = _DECLARED.search(content[:4096]) if b"<" in content[:512] else None
    if declared is not None:
        name = declared[1].decode("ascii").lower()
        try:
            return _decoded(content, codecs.lookup(_WEB.get(name, name)).name)
        except LookupError as error:
            raise rejected("file.encoding_ambiguous", f"the file declares the unknown encoding {name!r}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return _chinese(content)


def _decoded(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        message = f"the file says that it is {encoding}, but byte {error.start} is not"
        raise rejected("file.encoding_ambiguous", message) from error


def _utf16_without_mark(content: bytes) -> str:
    """Tell UTF-16 by where the zero bytes of ASCII characters stand; other bytes with zeros are no text."""
    even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
    least = len(content[:4096]) // 8
    if odd > least and even == 0:
        return "utf-16-le"
    if even > least and odd == 0:
        return "utf-16-be"
    raise rejected("file.format_unknown", f"the content is no workbook: it starts with {content[:8]!r}")


def _chinese(content: bytes) -> str:
    try:
        text = content.decode("gb18030")
    except UnicodeDecodeError as error:
        message = "the text is neither UTF-8, UTF-16 nor GB 18030"
        raise rejected("file.encoding_ambiguous", message) from error
    if not _is_usual([character for character in text[:SAMPLE_CHARACTERS] if not character.isascii()]):
        raise rejected("file.encoding_ambiguous", "the text is not UTF-8, and hardly Chinese in GB 18030")
    return text


def _is_usual(beyond: list[str]) -> bool:
    """Say whether characters beyond ASCII look like Chinese, rather than like another text that was read wrongly.

    Cyrillic has its letters among the rare ideographs; Korean has only the first third of the common ones.
    """
    leads = [encoded[0] for character in beyond if (encoded := character.encode("gb2312", "ignore"))]
    common = [lead for lead in leads if lead in _COMMON]
    signs = sum(lead in _SIGNS for lead in leads)
    if len(leads) < _LEAST_GB2312 * len(beyond) or len(common) + signs < _LEAST_COMMON * len(leads):
        return False
    late = sum(lead > _LAST_OF_HANGUL for lead in common)
    return len(common) < _SAMPLE_IDEOGRAPHS or late >= _LEAST_LATE * len(common)
