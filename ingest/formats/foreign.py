"""Files that are no workbooks and no texts, by how they begin: archives, documents, pictures, databases."""

from __future__ import annotations

import re
from typing import Final

from ..errors import rejected
from ..messages import say

_ARCHIVES: Final = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9]1AY&SY"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "Zstandard": re.compile(rb"\x28\xb5\x2f\xfd"),
    "7z": re.compile(rb"7z\xbc\xaf\x27\x1c"),
    "RAR": re.compile(rb"Rar!\x1a\x07"),
    "LZ4": re.compile(rb"\x04\x22\x4d\x18"),
    "compress": re.compile(rb"\x1f\x9d[\x80-\x90]"),
    "cabinet": re.compile(rb"MSCF\0{4}"),
}
_OTHERS: Final = {
    "PDF": re.compile(rb"%PDF-[0-9]"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "GIF": re.compile(rb"GIF8[79]a"),
    "Parquet": re.compile(rb"PAR1\x15"),
    "SQLite": re.compile(rb"SQLite format 3\0"),
}


def refuse_foreign(start: bytes) -> None:
    """Refuse a file that begins so if it is of a kind that is no table: by its bytes it may look like a text.

    Raises:
        FileRejectedError: `file.format_unknown`.

    """
    if packed := _kind(start, _ARCHIVES):
        raise rejected(
            "file.format_unknown",
            say("the file is an archive of the kind {format}", format=packed),
            hint=say("unpack it, and send the workbook that is in it"),
        )
    if other := _kind(start, _OTHERS):
        raise rejected("file.format_unknown", say("the file is a {format} file", format=other))


def _kind(start: bytes, forms: dict[str, re.Pattern[bytes]]) -> str | None:
    return next((name for name, form in forms.items() if form.match(start)), None)
