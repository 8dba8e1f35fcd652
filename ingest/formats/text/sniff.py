"""What kind of table a text holds; knows neither cells nor readers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from ...errors import rejected
from ...messages import say
from .find_dialect import find_dialect

if TYPE_CHECKING:
    from .file import TextFile

TextFormat = Literal["csv", "html", "ods", "xml2003"]

_SPREADSHEET: Final = "urn:schemas-microsoft-com:office:spreadsheet"
_OPEN_DOCUMENT: Final = re.compile(r"<[\w.-]+:document\s[^>]*vnd\.oasis\.opendocument\.spreadsheet")
"""A spreadsheet of OpenDocument as one XML file."""
_ARCHIVE: Final = re.compile(
    r'\s*(?:From: [<"]Saved by (?:[^\r\n]+\r?\n){1,20}?)?MIME-Version:[^<]*multipart/related', re.IGNORECASE
)
"""A web page with all that belongs to it in one file (RFC 2557), as Excel and browsers save it."""
_MARKUP: Final = re.compile(
    r"\s*<(?:!doctype|!--|\?xml|html|head|body|meta|table|div|style|center|font|p\b)", re.IGNORECASE
)
_OTHER_FORMATS: Final = {
    "SYLK": re.compile(r"ID;P[^\n]*\n(?:[PFBCOEW]|NN|NU);"),
    "DIF": re.compile(r"TABLE\r?\n0,1\r?\n"),
    "rich text": re.compile(r"\{\\rtf"),
}
"""Formats that may look like delimited text."""
_TABLE: Final = re.compile(rb"<(?:\w+:)?table[\s>]", re.IGNORECASE)
_NAMES: Final = ("csv", "tsv", "tab", "txt")
"""Extensions of delimited text: under such a name a text may have a single column, or look like prose."""


def text_format(file: TextFile) -> TextFormat:
    """Say which kind of table a text holds.

    Raises:
        FileRejectedError: `file.format_unknown`: none; `file.empty`.

    """
    start = file.start
    if not start or (start.isspace() and file.text.isspace()):
        raise rejected("file.empty", say("the file has no text"))
    if other := next((name for name, form in _OTHER_FORMATS.items() if form.match(start)), None):
        raise rejected("file.format_unknown", say("the file is a {format} file", format=other))
    if _SPREADSHEET in start and "<" in start[:10]:
        return "xml2003"
    if _OPEN_DOCUMENT.search(start) and "<" in start[:10]:
        return "ods"
    if _ARCHIVE.match(start):
        return "html"
    if _MARKUP.match(start):
        if _TABLE.search(file.content):
            return "html"
        raise rejected("file.format_unknown", say("the file is a web page without a table in it"))
    if file.hint.suffix not in _NAMES and not find_dialect(file.first_lines, file.hint.titles).tabular:
        raise rejected(
            "file.format_unknown", say("the content is no workbook: it starts with {start}", start=repr(start[:40]))
        )
    return "csv"
