"""The file of a workbook that is handed back: parts that other programs find, and bytes of the cells alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zipfile import ZipFile

import openpyxl
from openpyxl.comments import Comment

from ingest.output.workbook_parts import save

if TYPE_CHECKING:
    from pathlib import Path


def test_parts_of_comments_are_called_as_in_excel(tmp_path: Path) -> None:
    """ExcelJS looks for them by these names, and opens no workbook whose sheets lead to others."""
    book, out = openpyxl.Workbook(), tmp_path / "out.xlsx"
    for title in ("plain", "first", "second"):
        page = book.create_sheet(title)
        page["A1"] = title
        if title != "plain":
            page["A1"].comment = Comment(f"of {title}", "Headgate")
    save(book, out)

    with ZipFile(out) as parts:
        names = set(parts.namelist())
        types = parts.read("[Content_Types].xml").decode()
        led = sorted(
            target
            for name in names
            if name.startswith("xl/worksheets/_rels/")
            for target in re.findall(r'Target="([^"]*)"', parts.read(name).decode())
        )
    comments, drawings = ["../comments1.xml", "../comments2.xml"], [f"../drawings/vmlDrawing{n}.vml" for n in (1, 2)]
    assert led == [*comments, *drawings]
    assert {target.replace("..", "xl") for target in led} <= names
    assert all(f'PartName="/xl/comments{number}.xml"' in types for number in (1, 2))
    assert not any("commentsDrawing" in name or name.startswith("xl/comments/") for name in names)
    again = openpyxl.load_workbook(out)
    assert [again[title]["A1"].comment.text for title in ("first", "second")] == ["of first", "of second"]
