"""Web pages that were saved with all that belongs to them in one file (MHTML): the pages in it; knows no tables."""

from __future__ import annotations

import codecs
import re
from email import message_from_bytes
from typing import TYPE_CHECKING, Final

from .encoding import utf8_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .file import TextFile

_START: Final = re.compile(rb"\s*MIME-Version:", re.IGNORECASE)
_TABS: Final = re.compile(r"tabstrip\.html?$", re.IGNORECASE)
"""The page on which Excel shows the names of the sheets."""


def pages(file: TextFile) -> Iterator[str]:
    """Yield the pages of an archive, in order; of any other file the one that it is.

    Raises:
        FileRejectedError: `file.encoding_ambiguous`.

    """
    # Each part has an encoding of its own, which its bytes declare.
    content = file.path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if not _START.match(content):
        yield file.text
        return
    for part in message_from_bytes(content).walk():
        if part.get_content_type() == "text/html" and not _TABS.search(part.get("Content-Location", "")):
            page = part.get_payload(decode=True)
            yield utf8_text(page if isinstance(page, bytes) else b"", file.hint).decode()
