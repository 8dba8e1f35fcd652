"""What kind of table a text holds, and what stands between its fields; knows neither cells nor readers."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from ...errors import rejected

if TYPE_CHECKING:
    from pathlib import Path

TextFormat = Literal["csv", "html", "ods", "xml2003"]

SAMPLE_CHARACTERS: Final = 1 << 16
SAMPLE_RECORDS: Final = 200
_DELIMITERS: Final = ",;\t|"
_SPREADSHEET: Final = "urn:schemas-microsoft-com:office:spreadsheet"
_OPEN_DOCUMENT: Final = re.compile(r"<[\w.-]+:document\s[^>]*vnd\.oasis\.opendocument\.spreadsheet")
"""A spreadsheet of OpenDocument as one XML file."""
_ARCHIVE: Final = re.compile(r"\s*MIME-Version:[^<]*multipart/related", re.IGNORECASE)
"""A web page with all that belongs to it in one file (RFC 2557), as Excel saves it."""
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
    if _ARCHIVE.match(start):
        return "html"
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
