"""xlsx packages: every way in which writers put a cell down, and every one in which a package is damaged or hostile."""

from __future__ import annotations

import random
import struct
import time
import zipfile
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
import xlsxwriter
from shown import code, grid

from ingest.cells.cells import Merge
from ingest.cells.styles import CellStyles
from ingest.errors import FileRejectedError
from ingest.formats.xlsx import book, sheet
from ingest.formats.xlsx.cell_values import SheetContext
from ingest.output.grid import read_sheets
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Package = Callable[..., Path]


PLAIN = '<row r="1"><c r="A1"><v>1</v></c></row>'
CELLS = [
    ('<c r="A1"><v>1.50</v></c>', "1.5"),
    ('<c r="A1" t="n"><v>1E3</v></c>', "1000"),
    ('<c r="A1" s=""><v>1</v></c>', "1"),
    ('<c r="A1" t="str"><v> x </v></c>', "x"),
    ('<c r="A1" t="str"><v xml:space="preserve"> x </v></c>', " x "),
    ('<c r="A1" t="str"><v>a_x000D_&amp;&#x4E2D;&lt;b</v></c>', "a\r&中<b"),
    ('<c r="A1" t="str"><v>_x005F_x000D_</v></c>', "_x000D_"),
    ('<c r="A1" t="str"><v><![CDATA[a < b & c]]></v></c>', "a < b & c"),
    ('<c r="A1" t="inlineStr"><is><t>in</t></is></c>', "in"),
    ('<c r="A1" t="inlineStr"><is><r><t>in</t></r><r><rPr><b/></rPr><t>line</t></r></is></c>', "inline"),
    ('<c r="A1" t="inlineStr"><is><t>漢</t><rPh sb="0" eb="1"><t>kan</t></rPh></is></c>', "漢"),
    ('<c r="A1" t="s"><v>0</v></c>', "zero"),
    ('<c r="A1" t="s"><v>1</v></c>', "rich text"),
    ('<c r="A1" t="b"><v>1</v></c>', "TRUE"),
    ('<c r="A1" t="b"><v>true</v></c>', "TRUE"),
    ('<c r="A1" t="b"><v>false</v></c>', "FALSE"),
    ('<c r="A1" t="e"><v>#N/A</v></c>', "#N/A"),
    ('<c r="A1" t="e" vm="1"><v>#VALUE!</v></c>', "#VALUE!"),
    ('<c r="A1" s="99"><v>1</v></c>', "1"),
    ('<c r="A1"><f t="dataTable" ref="A1:A2" dt2D="1" r1="B1" r2="C1"/><v>4</v></c>', "4"),
    ('<c r="A1" t="str" cm="1"><f t="array" ref="A1">_xlfn.X()</f><v>dynamic</v></c>', "dynamic"),
    ('<c r="A1" t="d"><v>2024-02-29</v></c>', "2024-02-29"),
    ('<c r="A1" t="d"><v>2024-02-29T12:30:00</v></c>', "2024-02-29T12:30:00"),
    ('<c r="A1"><f>1+1</f><v>2</v></c>', "2"),
    ('<c r="A1"><f t="shared" si="0"/><v>2</v></c>', "2"),
    ("<c><v>1</v></c>", "1"),
    ('<c r="$A$1"><v>1</v></c>', "1"),
    ("<!-- <c r='A1'><v>0</v></c> --><c r='A1'><v>1</v></c>", "1"),
]
STRINGS = "<si><t>zero</t></si><si><r><t>rich</t></r><r><t xml:space='preserve'> text</t></r></si>"


@pytest.mark.parametrize(("cell", "shown"), CELLS)
def test_a_cell_is_read_however_it_is_written(package: Package, cell: str, shown: str) -> None:
    assert grid(package(f'<row r="1">{cell}</row>', strings=STRINGS)) == [[shown]]


@pytest.mark.parametrize(("cell", "shown"), CELLS)
def test_one_odd_cell_changes_nothing_around_it(package: Package, cell: str, shown: str) -> None:
    rows = f'<row r="1">{cell}<c r="B1"><v>5</v></c></row><row r="2"><c r="C2" t="s"><v>0</v></c></row>'
    assert grid(package(rows, strings=STRINGS)) == [[shown, "5", ""], ["", "", "zero"]]


@pytest.mark.parametrize("least", [0, 1 << 30], ids=["beside the sheet", "before it"])
def test_strings_are_the_same_whenever_they_are_read(
    package: Package, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(book, "_WORTH_A_THREAD", least)
    text = '<row r="1"><c r="A1" t="s"><v>{}</v></c></row>'
    assert grid(package(text.format(1), strings=STRINGS)) == [["rich text"]]
    with pytest.raises(FileRejectedError, match="a shared string that is not there"):
        grid(package(text.format(2), strings=STRINGS))
    damaged = {"xl/sharedStrings.xml": "<sst><si><t>ze&none;ro</t></si></sst>"}
    for cells in (text.format(0), text.format(2), '<row r="1"><c r="A1" t="no"><v>1</v></c></row>'):
        with pytest.raises(FileRejectedError, match="begins no known reference"):
            grid(package(cells, parts=damaged))


def test_rows_and_cells_without_numbers_follow_each_other(package: Package) -> None:
    rows = (
        '<row><c><v>1</v></c><c><v>2</v></c></row><row r="4"><c r="C4"><v>3</v></c><c><v>4</v></c></row><row><c/></row>'
    )
    assert grid(package(rows)) == [["1", "2", "", ""], *[["", "", "", ""]] * 2, ["", "", "3", "4"]]


def numbered(row: int, *values: str, at: int | None = None) -> str:
    cells = "".join(f'<c r="{letter}{at or row}">{value}</c>' for letter, value in zip("ABC", values, strict=False))
    return f'<row r="{row}">{cells}</row>'


ONE, TWO, NONE = "<v>1</v>", "<v>2</v>", ""
TWICE = [
    (numbered(1, ONE) + numbered(1, TWO), "A1"),
    (numbered(1, ONE) + numbered(2, ONE, TWO) + numbered(3, ONE) + numbered(2, ONE, ONE), "B2"),
    (numbered(1, ONE) + numbered(2, TWO, at=1), "A1"),
    (numbered(1, ONE) + '<row r="2"><c r="A2"><v>1</v></c><c r="A2" t="str"><v>1</v></c></row>', "A2"),
    ("".join(numbered(row, ONE, TWO) for row in range(1, 900)) + numbered(7, TWO, TWO), "A7"),
]


@pytest.mark.parametrize(("rows", "cell"), TWICE)
def test_a_cell_that_is_there_twice_is_refused(
    package: Package, monkeypatch: pytest.MonkeyPatch, rows: str, cell: str
) -> None:
    for size in (sheet.CHUNK_BYTES, 200):
        monkeypatch.setattr(sheet, "CHUNK_BYTES", size)
        with pytest.raises(FileRejectedError, match=f"cell {cell} is there twice"):
            grid(package(rows))


@pytest.mark.parametrize(
    "rows",
    [
        numbered(2, TWO) + numbered(1, ONE),
        numbered(1, ONE) + numbered(2, TWO) + numbered(1, ONE),
        numbered(1, ONE) + numbered(1, NONE) + numbered(2, NONE) + numbered(2, TWO),
    ],
)
def test_rows_in_any_order_and_cells_that_are_the_same_are_read(package: Package, rows: str) -> None:
    assert grid(package(rows)) == [["1"], ["2"]]


def test_prefixed_and_utf16_parts(package: Package) -> None:
    ns = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    sheet = (
        f'<x:worksheet xmlns:x="{ns}"><x:sheetData><x:row r="1"><x:c r="A1" t="str"><x:v>中</x:v></x:c></x:row>'
        "</x:sheetData></x:worksheet>"
    )
    assert grid(package("", parts={"xl/worksheets/sheet1.xml": sheet})) == [["中"]]
    coded = '<?xml version="1.0" encoding="UTF-16"?>' + sheet
    assert grid(package("", parts={"xl/worksheets/sheet1.xml": coded.encode("utf-16")})) == [["中"]]


def test_trailing_formatted_rows_to_the_end_of_the_sheet_cost_nothing(package: Package) -> None:
    rows = PLAIN + "".join(f'<row r="{row}"><c r="A{row}" s="0"/></row>' for row in range(1_048_000, 1_048_577))
    path = package(rows)
    assert grid(path) == [["1"]]
    assert [(sheet.rows, sheet.columns) for sheet in read_sheets(path)] == [(1, 1)]


def test_sheets_are_chosen_by_name_or_place(package: Package) -> None:
    path = package(PLAIN)
    assert grid(path, "Sheet1") == grid(path, 0) == [["1"]]
    for absent in ("Sheet2", 1):
        with pytest.raises(FileRejectedError, match=r"sheet\.missing.*0 'Sheet1'"):
            grid(path, absent)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ('<row r="1"><c r="A1"><v>1</v></c></row', "file.corrupt_xml"),
        ('<row r="1"><c r="A1"><v>1</c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1" t="s"><v>9</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1" t="s"><v>-1</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A0"><v>1</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="XFE1"><v>1</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1048577"><v>1</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1" t="z"><v>1</v></c></row>', "file.corrupt_xml"),
        ('<row r="x"><c><v>1</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1"><v>&bomb;</v></c></row>', "file.corrupt_xml"),
        ('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>', "file.cell_limit"),
    ],
)
def test_damaged_rows_are_refused(package: Package, rows: str, expected: str) -> None:
    assert code(package(rows)) == expected


def test_a_document_type_is_refused_wherever_it_stands(package: Package) -> None:
    bomb = '<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    path = package(PLAIN)
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name).decode() for name in archive.namelist()}
    for name in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "_rels/.rels"):
        assert code(package(PLAIN, parts={name: bomb + contents[name]})) == "file.bomb"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("before", ["", "\n", " "])
def test_a_document_type_is_refused_in_an_encoding_that_nothing_declares(
    package: Package, encoding: str, before: str
) -> None:
    path = package(PLAIN)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("xl/workbook.xml").decode().partition("?>")[2]
    part = f'{before}<!DOCTYPE s [<!ENTITY a "aaaa">]>{content}'.encode(encoding)
    assert code(package(PLAIN, parts={"xl/workbook.xml": part})) == "file.bomb"


def test_what_expands_beyond_the_ratio_is_refused(package: Package) -> None:
    rows = '<row r="1"><c r="A1" t="str"><v>' + " " * (64 << 20) + "</v></c></row>"
    path = package(rows)
    assert path.stat().st_size < 270_000
    assert code(path) == "file.bomb"


def test_sizes_are_counted_from_what_is_inflated_not_from_what_the_zip_says(package: Package) -> None:
    path = package('<row r="1"><c r="A1" t="str"><v>' + "ab" * (40 << 20) + "</v></c></row>")
    content = bytearray(path.read_bytes())
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        struct.pack_into("<I", content, place + 24, 100)
        place = content.find(b"PK\x01\x02", place + 4)
    path.write_bytes(content)
    assert code(path) in {"file.bomb", "file.corrupt_container"}


def test_many_pictures_are_no_bomb(package: Package) -> None:
    path = package(PLAIN, parts={f"xl/media/{number}.png": b"picture" for number in range(1100)})
    assert read_sheets(path)[0].rows == 1


def test_however_much_stands_before_the_rows_they_are_read(package: Package) -> None:
    widths = "".join(f'<col min="{column}" max="{column}" width="{column / 7}"/>' for column in range(1, 400_000))
    sheet = f"<worksheet><cols>{widths}</cols><sheetData>{PLAIN}</sheetData></worksheet>"
    assert len(sheet) > 16 << 20
    assert grid(package("", parts={"xl/worksheets/sheet1.xml": sheet})) == [["1"]]


@pytest.mark.parametrize("long", [b" " * (24 << 20), b'<sheetPr x="' + b"y" * (24 << 20) + b'"/>'])
def test_what_stands_around_the_rows_is_put_together_once(long: bytes) -> None:
    merges = b'<mergeCells><mergeCell ref="A1:B2"/></mergeCells>'
    part = b"<worksheet>" + long + b"<sheetData>" + PLAIN.encode() + b"</sheetData>" + long + merges + b"</worksheet>"
    context = SheetContext(
        name="s", strings=lambda: pa.array([], pa.large_string()), styles=CellStyles([]), date1904=False, max_cells=9
    )
    began = time.process_time()
    xml = sheet.SheetXml((part[place : place + 4096] for place in range(0, len(part), 4096)), len(part), context)
    assert sum(block.last + 1 for block in xml.blocks()) == 1
    assert xml.merges() == [Merge(top=0, bottom=1, left=0, right=1)]
    assert time.process_time() - began < 5


def test_a_message_names_the_limit(
    dataset: Callable[..., object], package: Package, parsed: Callable[..., object]
) -> None:
    path = package(PLAIN, parts={f"xl/media/{number}.png": b"" for number in range(20)})
    spec = dataset({"name": "v", "type": "string"}, limits={"entries": 20})
    outcome = parsed(path, spec)
    assert outcome.refusal == "file.bomb"  # type: ignore[attr-defined]
    rejection = outcome.report.rejection  # type: ignore[attr-defined]
    assert "limits.entries (20)" in rejection.message
    assert "limits.entries" in rejection.hint


def test_files_that_are_no_workbooks(tmp_path: Path, package: Package) -> None:
    whole = package(PLAIN).read_bytes()
    path = tmp_path / "x.xlsx"
    for content, expected in [
        (b"", "file.empty"),
        (b"plain words", "file.format_unknown"),
        (random.Random(1).randbytes(5000), "file.format_unknown"),  # any bytes will do
        (whole[: len(whole) // 2], "file.truncated"),
        (b"PK\x03\x04", "file.truncated"),
        (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 4000, "file.format_unknown"),
    ]:
        path.write_bytes(content)
        assert code(path) == expected


def test_a_file_beyond_its_limit_is_refused_before_it_is_read(
    dataset: Callable[..., object], package: Package, parsed: Callable[..., object]
) -> None:
    path = package(PLAIN, parts={"xl/media/1.png": random.Random(1).randbytes(2 << 20)})
    spec = dataset({"name": "v", "type": "string"}, limits=FileLimits(file_mb=1).model_dump())
    assert parsed(path, spec).refusal == "file.too_large"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("../xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("worksheets\\sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("Worksheets/SHEET1.XML", "xl/worksheets/sheet1.xml"),
        ("worksheets/my%20sheet.xml", "xl/worksheets/my sheet.xml"),
        ("worksheets/my%20sheet.xml", "xl/worksheets/my%20sheet.xml"),
    ],
)
def test_a_sheet_is_found_however_it_is_named(package: Package, target: str, part: str) -> None:
    sheet = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{PLAIN}</sheetData></worksheet>'
    relations = f'<Relationships><Relationship Id="s1" Type="x/worksheet" Target="{target}"/></Relationships>'
    path = package("", parts={"xl/_rels/workbook.xml.rels": relations, part: sheet})
    assert grid(path) == [["1"]]


def test_other_office_documents_are_no_workbooks(package: Package) -> None:
    assert code(package("", parts={"xl/workbook.xml": "<w:document xmlns:w='w'/>"})) == "file.format_unknown"


def test_a_workbook_without_relations_is_corrupt(package: Package) -> None:
    assert code(package(PLAIN, parts={"xl/_rels/workbook.xml.rels": "<Relationships/>"})) == "file.corrupt_container"


def test_a_sheet_is_chosen_by_name_before_index(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name in ("2024", "0", "last"):
            book.add_worksheet(name).write(0, 0, f"in {name}")
    assert grid(path, "2024") == [["in 2024"]]
    assert grid(path, "0") == [["in 0"]]
    assert grid(path, "2") == [["in last"]]
    assert grid(path, 0) == [["in 2024"]]
    with pytest.raises(FileRejectedError, match=r"sheet\.missing"):
        grid(path, "3")


def test_formatted_cells_beyond_the_table_are_not_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, red = book.add_worksheet(), book.add_format({"bg_color": "red"})
        for row in range(40):
            sheet.write_row(row, 0, [f"A{row}", row])
            sheet.write_blank(row, 9, None, red)
        for row in range(40, 3000):
            sheet.write_blank(row, 0, None, red)
    [found] = read_sheets(path)
    assert (found.rows, found.columns) == (40, 2)
    assert len(grid(path)) == 40


@pytest.mark.parametrize("more", ["", "<si><r><t> rich </t></r></si>", "<si id='1'><t>odd</t></si>"])
def test_white_space_may_be_kept_for_all_strings_at_once(package: Package, more: str) -> None:
    strings = (
        f'<sst xmlns="x" xml:space="preserve"><si><t> a </t></si><si><t xml:space="preserve"> b </t></si>{more}</sst>'
    )
    path = package(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>',
        parts={"xl/sharedStrings.xml": strings},
    )
    assert grid(path) == [[" a ", " b "]]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["xl/worksheets/sheet1.xml", "XL/Worksheets/Sheet1.xml", "xl\\worksheets\\sheet1.xml"])
def test_a_part_that_is_there_twice_is_read_if_nothing_differs(package: Package, name: str) -> None:
    path = package(PLAIN)
    with zipfile.ZipFile(path, "a") as archive:
        content = archive.read("xl/worksheets/sheet1.xml")
        archive.writestr(name, content)
        archive.writestr("docProps/app.xml", "<a/>")
        archive.writestr("docProps/app.xml", "<b/>")
    assert grid(path) == [["1"]]
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, content.replace(b"<v>1</v>", b"<v>2</v>"))
    assert code(path) == "file.corrupt_container"


@pytest.mark.parametrize("encoding", ["zip", "bz2", "hex", "base64", "rot13", "undefined", "no-such"])
@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_a_part_is_decoded_as_a_text_only(package: Package, encoding: str, part: str) -> None:
    content = f'<?xml version="1.0" encoding="{encoding}"?><a/>'.encode()
    assert code(package(PLAIN, parts={part: content})) == "file.corrupt_xml"
