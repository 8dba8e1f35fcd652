"""Web pages that were saved with all that belongs to them in one file (MHTML): the pages in it; knows no tables."""

from __future__ import annotations

import codecs
import re
from email import message_from_bytes
from email.errors import CloseBoundaryNotFoundDefect
from typing import TYPE_CHECKING, Final

from ...errors import rejected
from ...messages import say
from .encoding import utf8_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .file import TextFile

_START: Final = re.compile(rb'\s*(?:MIME-Version:|From: [<"]Saved by )', re.IGNORECASE)
_TABS: Final = re.compile(r"tabstrip\.html?$", re.IGNORECASE)
"""The page on which Excel shows the names of the sheets."""


def pages(file: TextFile) -> Iterator[str]:
    """Yield the pages of an archive, in order; of any other file the one that it is.

    Raises:
        FileRejectedError: `file.encoding_ambiguous`; `file.truncated` for an archive whose last boundary is missing.

    """
    # Each part has an encoding of its own, which its bytes declare.
    content = file.path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if not _START.match(content):
        yield file.text
        return
    archive = message_from_bytes(content)
    if any(isinstance(defect, CloseBoundaryNotFoundDefect) for defect in archive.defects):
        raise rejected("file.truncated", say("the web archive ends without the boundary behind its last part"))
    for part in archive.walk():
        if part.get_content_type() == "text/html" and not _TABS.search(part.get("Content-Location", "")):
            page = part.get_payload(decode=True)
            yield utf8_text(page if isinstance(page, bytes) else b"", file.hint).decode()
