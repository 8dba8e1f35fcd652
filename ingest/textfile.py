"""Files of text: their encoding, and what kind of table they hold; knows neither cells nor readers."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from .errors import rejected

if TYPE_CHECKING:
    from pathlib import Path

TextFormat = Literal["csv", "html", "ods", "xml2003"]

SAMPLE_CHARACTERS: Final = 1 << 16
SAMPLE_RECORDS: Final = 200
_DELIMITERS: Final = ",;\t|"
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
_SPREADSHEET: Final = "urn:schemas-microsoft-com:office:spreadsheet"
_OPEN_DOCUMENT: Final = re.compile(r"<[\w.-]+:document\s[^>]*vnd\.oasis\.opendocument\.spreadsheet")
"""A spreadsheet of OpenDocument as one XML file."""
_MARKUP: Final = re.compile(
    r"\s*<(?:!doctype|!--|\?xml|html|head|body|meta|table|div|style|center|font|p\b)", re.IGNORECASE
)
_OTHER_FORMATS: Final = {
    "SYLK": re.compile(r"ID;P[^\n]*\n(?:[PFBCOEW]|NN|NU);"),
    "DIF": re.compile(r"TABLE\r?\n0,1\r?\n"),
    "rich text": re.compile(r"\{\\rtf"),
}
"""Formats that may look like delimited text."""
_TABLE: Final = re.compile(r"<(?:\w+:)?table[\s>]", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"sep=([,;\t|])\r?\n")
_LEAST_CONSISTENT: Final = 0.7
"""Share of the records that must have equally many fields; titles and totals have fewer."""
_LEAST_GB2312: Final = 0.9
"""Share of the characters beyond ASCII that are in GB 2312: nearly all of Chinese text, few of misread other text."""


def read_text(path: Path) -> str:
    """Return the text of a file: by its byte order mark, by what it declares, as UTF-8, or as GB 18030.

    GB 2312 and GBK are read as GB 18030, which contains both.

    Raises:
        FileRejectedError: `file.format_unknown` for bytes that are no text, `file.encoding_ambiguous`.

    """
    content = path.read_bytes()
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
    beyond = [character for character in text[:SAMPLE_CHARACTERS] if ord(character) > 127]  # noqa: PLR2004  # ASCII
    usual = sum(bool(character.encode("gb2312", "ignore")) for character in beyond)
    if usual < _LEAST_GB2312 * len(beyond):
        raise rejected("file.encoding_ambiguous", "the text is not UTF-8, and hardly Chinese in GB 18030")
    return text


def text_format(text: str, path: Path) -> TextFormat:
    """Say which kind of table a text holds.

    Raises:
        FileRejectedError: `file.format_unknown`: none; `file.empty`.

    """
    start = text[:SAMPLE_CHARACTERS]
    if not text.strip():
        raise rejected("file.empty", "the file has no text")
    if other := next((name for name, form in _OTHER_FORMATS.items() if form.match(start)), None):
        raise rejected("file.format_unknown", f"the file is a {other} file")
    if _SPREADSHEET in start and "<" in start[:10]:
        return "xml2003"
    if _OPEN_DOCUMENT.search(start) and "<" in start[:10]:
        return "ods"
    if _MARKUP.match(start):
        if _TABLE.search(text):
            return "html"
        raise rejected("file.format_unknown", "the file is a web page without a table in it")
    if find_delimiter(text, named=path.suffix.lower() in {".csv", ".tsv", ".txt"}) is None:
        raise rejected("file.format_unknown", f"the content is no workbook: it starts with {start[:40]!r}")
    return "csv"


def find_delimiter(text: str, *, named: bool) -> str | None:
    """Return the character between the fields of delimited text, None if it is none.

    A file that is `named` as one may have a single column. Under another name it must look like a table: prose has
    commas, too, but a space behind them.
    """
    if declared := _SEPARATOR.match(text):
        return declared[1]
    sample = text[:SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1]
    scores = {delimiter: _consistency(sample, delimiter) for delimiter in _DELIMITERS}
    best = max(scores, key=lambda delimiter: scores[delimiter])
    share, fields = scores[best]
    if fields > 1 and share >= _LEAST_CONSISTENT and (named or _is_tabular(sample, best)):
        return best
    return "," if named and sample.strip() else None


def _consistency(sample: str, delimiter: str) -> tuple[float, int]:
    """Return the share of the records that have the most usual number of fields, and that number."""
    counts: Counter[int] = Counter()
    try:
        for number, record in enumerate(csv.reader(sample.splitlines(keepends=True), delimiter=delimiter)):
            if number >= SAMPLE_RECORDS:
                break
            if any(field.strip() for field in record):
                counts[len(record)] += 1
    except csv.Error:
        return 0.0, 0
    several = {fields: count for fields, count in counts.items() if fields > 1}
    if not several:
        return 0.0, 0
    fields = max(several, key=lambda number: (several[number], number))
    return several[fields] / counts.total(), fields


def _is_tabular(sample: str, delimiter: str) -> bool:
    if sample.lstrip()[:1] in {"{", "["} or sample.count("\n") < 1:
        return False
    return sample.count(f"{delimiter} ") * 2 < sample.count(delimiter)
