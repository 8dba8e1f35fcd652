"""Workbooks that do not say how their texts are encoded, as the few lines write them that web pages have for that."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import pytest
from shown import code, grid

from ingest.output.grid import read_grid

if TYPE_CHECKING:
    from pathlib import Path


def written(path: Path, texts: list[str], encoding: str, *, code_page: int | None = None) -> Path:
    """Write texts, one below the other, with a number behind them."""
    content = struct.pack("<6H", 0x809, 8, 0, 0x10, 0, 0)
    if code_page is not None:
        content += struct.pack("<3H", 0x42, 2, code_page)
    for row, text in enumerate(texts):
        encoded = text.encode(encoding)
        content += struct.pack("<6H", 0x204, 8 + len(encoded), row, 0, 0, len(encoded)) + encoded
    content += struct.pack("<5Hd", 0x203, 14, len(texts), 0, 0, 12.5) + struct.pack("<HH", 0x0A, 0)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("texts", "encoding"),
    [
        (["no", "plain"], "ascii"),
        (["Größe", "5 €"], "utf-8"),
        (["产品名称规格", "数量\n单位", "no"], "gbk"),
        (["商品名称コード"], "cp932"),
        (["Наименование товара"], "cp1251"),
        (["ŞİŞLİ müşteri"], "cp1254"),
        # What may be of the west is.
        (["Größe"], "cp1252"),
        (["Müller", "Straße 5"], "cp1252"),
        (["Café"], "cp1252"),
        (["Größe für Käufer €"], "cp1252"),
        (["niño", "¿Qué?"], "cp1252"),
        (["Ærø", "Ångström", "naïve"], "cp1252"),
    ],
)
def test_texts_without_a_code_page_are_what_they_read_best_as(tmp_path: Path, texts: list[str], encoding: str) -> None:
    assert grid(written(tmp_path / "x.xls", texts, encoding)) == [*([text] for text in texts), ["12.5"]]


def test_what_cannot_be_known_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", ["Łódź żółć"], "cp1250")
    assert code(path) == "file.encoding_ambiguous"
    out = io.StringIO()
    read_grid(path, None, out, "csv", encoding="cp1250")
    assert out.getvalue().split() == ["Łódź", "żółć", "12.5"]


def test_a_code_page_that_is_said_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", ["Łódź żółć"], "cp1250", code_page=1250)
    assert grid(path) == [["Łódź żółć"], ["12.5"]]


def test_a_code_page_that_is_none_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xls", ["no"], "ascii", code_page=0xFFFF)
    with pytest.raises(Exception, match="unknown_codepage_65535"):
        grid(path)
