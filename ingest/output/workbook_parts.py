"""The file of a workbook that is handed back: owns its parts' names and that its bytes depend on the cells alone."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl.writer.excel import ExcelWriter

if TYPE_CHECKING:
    from pathlib import Path

_NO_TIME: Final = datetime(2000, 1, 1)  # noqa: DTZ001  # the times of a workbook's properties have no zone
_TYPES: Final = "[Content_Types].xml"
_RELATIONS: Final = "xl/worksheets/_rels/"
_FOLDER: Final = "xl/"
_NAMES: Final = (
    ("xl/comments/comment", "xl/comments"),
    ("xl/drawings/commentsDrawing", "xl/drawings/vmlDrawing"),
)
"""How openpyxl calls the parts of comments, and how Excel does. Any name is allowed, but there are programs that know
Excel's alone: ExcelJS opens no workbook with others."""


def save(book: Any, out: Path) -> None:
    """Save a workbook so that the same cells are the same bytes, whenever it is written."""
    book.properties.created = book.properties.modified = _NO_TIME
    made = BytesIO()
    ExcelWriter(book, ZipFile(made, "w", ZIP_DEFLATED)).save()
    with ZipFile(made) as parts, ZipFile(out, "w", ZIP_DEFLATED) as archive:
        for part in parts.namelist():
            archive.writestr(ZipInfo(_renamed(part)), _with_names(part, parts.read(part)), ZIP_DEFLATED)


def _renamed(part: str) -> str:
    for ours, excels in _NAMES:
        part = part.replace(ours, excels)
    return part


def _with_names(part: str, content: bytes) -> bytes:
    """Return the content of a part with Excel's names of others, which stand where those are declared and led to."""
    for ours, excels in _NAMES:
        if part == _TYPES:
            content = content.replace(f'"/{ours}'.encode(), f'"/{excels}'.encode())
        elif part.startswith(_RELATIONS):
            content = content.replace(f'"/{ours}'.encode(), f'"../{excels.removeprefix(_FOLDER)}'.encode())
    return content
