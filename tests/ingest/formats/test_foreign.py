"""Files of other kinds are called what they are, whatever their name says, and archives are to be unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = b"sku,qty\nA1,5\nA2,7\n"
FIELDS = ({"name": "sku", "type": "string"}, {"name": "qty", "type": "integer"})


@pytest.fixture
def refusal(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Callable[..., Any]:
    def run(content: bytes, name: str = "x.csv") -> Any:
        path = tmp_path / name
        path.write_bytes(content)
        return parsed(path, dataset(*FIELDS)).report.rejection

    return run


@pytest.mark.parametrize("name", ["x.csv", "x.xlsx", "x"])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (gzip.compress(TEXT), "gzip"),
        (bz2.compress(TEXT), "bzip2"),
        (lzma.compress(TEXT), "xz"),
        (b"\x28\xb5\x2f\xfd" + TEXT, "Zstandard"),
        (b"7z\xbc\xaf\x27\x1c\0\4" + TEXT, "7z"),
        (b"Rar!\x1a\x07\1\0" + TEXT, "RAR"),
        (b"\x04\x22\x4d\x18\x64\x40\xa7" + TEXT, "LZ4"),
        (b"\x1f\x9d\x90" + TEXT, "compress"),
        (b"MSCF" + bytes(4) + TEXT, "cabinet"),
    ],
    ids=["gzip", "bzip2", "xz", "zstd", "7z", "rar", "lz4", "compress", "cabinet"],
)
def test_archives_are_to_be_unpacked(refusal: Callable[..., Any], content: bytes, kind: str, name: str) -> None:
    found = refusal(content, name)
    assert (found.code, found.message) == ("file.format_unknown", f"the file is an archive of the kind {kind}")
    assert found.hint == "unpack it, and send the workbook that is in it"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (["May/orders.xlsx", "notes.pdf"], "of other files"),
        (["ORDERS.CSV"], "of other files"),
        (["photo.jpg", "Index/Tables.iwa"], "without a workbook in it"),
        (["xl/worksheets/sheet1.xml"], "without a workbook in it"),
    ],
)
def test_a_zip_of_workbooks_is_not_said_to_have_none(refusal: Callable[..., Any], inside: list[str], said: str) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in inside:
            archive.writestr(name, TEXT)
    found = refusal(content.getvalue(), "orders.zip")
    assert (found.code, found.message.partition(" zip archive ")[2].startswith(said)) == ("file.format_unknown", True)
    assert ("unpack the archive" in found.hint) == (said == "of other files")


def test_other_files_are_called_what_they_are(refusal: Callable[..., Any], tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "db").execute("CREATE TABLE orders (sku)").connection.close()
    parquet.write_table(pa.table({"sku": ["A1"]}), tmp_path / "parquet")
    for content, kind in (
        (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog, /Pages 2 0 R >>\nendobj\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG"),
        (b"GIF89a\1\0\1\0", "GIF"),
        ((tmp_path / "parquet").read_bytes(), "Parquet"),
        ((tmp_path / "db").read_bytes(), "SQLite"),
    ):
        found = refusal(content)
        assert (found.code, found.message) == ("file.format_unknown", f"the file is a {kind} file")


@pytest.mark.parametrize("title", ["PAR1", "BZh9", "GIF", "Rar!", "7z", "%PDF", "SQLite"])
def test_titles_that_begin_alike_are_none(refusal: Callable[..., Any], title: str) -> None:
    text = f"{title},sku,qty\n1,A1,5\n2,A2,7\n"
    assert refusal(text.encode()) is None
    assert refusal(text.replace(",", "\t").encode()) is None
    assert refusal(text.replace(title, f"{title}é").encode()) is None
