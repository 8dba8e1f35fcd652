"""OpenDocument spreadsheets: every type of value, repetition, texts, hidden sheets, flat files, and damage."""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from shown import grid

from ingest.cells.cells import Kind
from ingest.errors import FileRejectedError
from ingest.formats.ods.reader import OdsReader
from ingest.formats.open import open_book
from ingest.formats.zip.container import sniff
from ingest.output.grid import read_grid, read_sheets
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ods = Callable[..., Path]

MIME = "application/vnd.oasis.opendocument.spreadsheet"
NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{urn}:1.0"'
    for name, urn in {
        **dict.fromkeys(("office", "table", "text", "style")),
        "number": "datastyle",
        "draw": "drawing",
    }.items()
    for urn in (urn or name,)
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
STYLES = """
<number:time-style style:name="N1" number:truncate-on-overflow="false"><number:hours/></number:time-style>
<number:time-style style:name="N2"><number:hours/></number:time-style>
<number:number-style style:name="N3"><number:number number:min-integer-digits="5"/></number:number-style>
<number:date-style style:name="N4"><number:year/><number:month/></number:date-style>
<style:style style:name="Default" style:family="table-cell"/>
<style:style style:name="zeros" style:family="table-cell" style:data-style-name="N3"/>
<style:style style:name="day" style:family="table-cell" style:data-style-name="N4"/>
<style:style style:name="elapsed" style:family="table-cell" style:data-style-name="N1"/>
<style:style style:name="below" style:family="table-cell" style:parent-style-name="elapsed"/>
<style:style style:name="clock" style:family="table-cell" style:data-style-name="N2"/>
<style:style style:name="gone" style:family="table"><style:table-properties table:display="false"/></style:style>
"""


def sheet(rows: str, attributes: str = 'table:name="S"') -> str:
    return f"<table:table {attributes}><table:table-column/>{rows}</table:table>"


def document(sheets: str, root: str = "document-content") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:{root} {NAMES} {CALC} office:mimetype="{MIME}">'
        f"<office:automatic-styles>{STYLES}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body></office:{root}>"
    )


@pytest.fixture
def ods(tmp_path: Path) -> Ods:
    def write(*sheets: str, content: str | None = None, mimetype: bool = True) -> Path:
        path = tmp_path / "x.ods"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            if mimetype:
                archive.writestr("mimetype", MIME)
            archive.writestr("content.xml", document("".join(sheets)) if content is None else content)
            archive.writestr("META-INF/manifest.xml", "<manifest/>")
        return path

    return write


def row(cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{cells}</table:table-row>"


def cell(attributes: str, content: str = "<text:p>shown</text:p>", name: str = "table-cell") -> str:
    return f"<table:{name} {attributes}>{content}</table:{name}>"


def typed(kind: str, value: str, more: str = "") -> str:
    name = {"float": "value", "percentage": "value", "currency": "value"}.get(kind, f"{kind}-value")
    return cell(f'office:value-type="{kind}" office:{name}="{value}" {more}')


VALUES = [
    (typed("float", "1.50"), "1.5"),
    (typed("float", "123456789012345678"), "123456789012345678"),
    (typed("percentage", "0.12"), "0.12"),
    (typed("currency", "9.99", 'office:currency="EUR"'), "9.99"),
    (typed("boolean", "true"), "TRUE"),
    (typed("boolean", "false"), "FALSE"),
    (typed("date", "2024-02-29"), "2024-02-29"),
    (typed("date", "2024-02-29T12:30:15.5"), "2024-02-29T12:30:15.5"),
    (typed("date", "1900-01-01"), "1900-01-01"),
    (typed("date", "1899-12-30T08:30:00"), "08:30:00"),
    (typed("date", "1899-12-30"), "1899-12-30"),
    (typed("date", "1850-07-01"), "1850-07-01"),
    (typed("time", "PT08H05M09S"), "08:05:09"),
    (typed("time", "PT08H05M09S", 'table:style-name="clock"'), "08:05:09"),
    (typed("time", "PT08H05M09S", 'table:style-name="elapsed"'), "8:05:09"),
    (typed("time", "PT08H05M09S", 'table:style-name="below"'), "8:05:09"),
    (typed("time", "PT36H00M00.5S"), "36:00:00.5"),
    (typed("time", "PT1107442H15M00S", 'table:style-name="clock"'), "2026-05-01T10:15:00"),
    (typed("time", "PT36H00M00S", 'table:style-name="elapsed"'), "36:00:00"),
    (typed("time", "-PT1H", 'table:style-name="clock"'), "-1:00:00"),
    (typed("time", "-PT1H"), "-1:00:00"),
    (typed("time", "P1DT2H"), "26:00:00"),
    (typed("string", "said"), "said"),
    (cell('office:value-type="string"'), "shown"),
    (cell('table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"', "<text:p>#DIV/0!</text:p>"),
     "#DIV/0!"),
    (cell('table:formula="of:=NA()" office:value-type="float" office:value="0"', "<text:p>#N/A</text:p>"), "#N/A"),
    (cell('table:formula="of:=X" office:value-type="string" calcext:value-type="error"', "<text:p>Err:502</text:p>"),
     "Err:502"),
    (cell('office:value-type="string"', "<text:p>#N/A</text:p>"), "#N/A"),
    (cell('table:formula="of:=X" office:value-type="float" office:value="0"', "<text:p>#WERT!</text:p>"), "#WERT!"),
    (cell("", "<text:p>untyped</text:p>"), "untyped"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "shown"), VALUES)
def test_every_type_of_value(ods: Ods, content: str, shown: str) -> None:
    assert grid(ods(sheet(row("\n" + content + "\n" + typed("float", "1"))))) == [[shown, "1"]]


FAILED = [
    'table:formula="of:=1/0" office:value-type="string" office:string-value="" calcext:value-type="error"',
    'office:value-type="float" office:value="0" calcext:value-type="error"',
    'table:formula="of:=1/0" office:value-type="float" office:value="0"',
]


@pytest.mark.parametrize("attributes", FAILED)
@pytest.mark.parametrize(
    "content", ["<text:p>#WERT!</text:p>", "<text:p>Err:502</text:p>", "<!-- --><text:p>#NV</text:p>"]
)
def test_errors_of_formulas_in_every_language(ods: Ods, attributes: str, content: str) -> None:
    assert kind_of(ods(sheet(row(cell(attributes, content))))) == Kind.ERROR


def test_what_the_file_calls_an_error_is_one_whatever_it_says(ods: Ods) -> None:
    path = ods(sheet(row(cell('office:value-type="string" calcext:value-type="error"', "<text:p>#错误!</text:p>"))))
    assert kind_of(path) == Kind.ERROR


def kind_of(path: Path) -> int:
    """Return what the only cell of a sheet is."""
    with open_book(path, sniff(path, FileLimits()), FileLimits()) as book:
        return int(book.read(0).columns[0].kinds[0])


def test_a_text_of_many_megabytes(ods: Ods) -> None:
    long = "x" * 11_000_000
    out = io.StringIO()
    read_grid(ods(sheet(row(cell("", f"<text:p>{long}</text:p>") + typed("float", "1")))), 0, out, "json")
    assert json.loads(out.getvalue()) == [long, 1]


TEXTS = [
    ("<text:p>a</text:p><text:p>b</text:p>", "a\nb"),
    ("<text:p>a</text:p><text:p/><text:p>b</text:p>", "a\n\nb"),
    ("<text:p>  a \n  b  </text:p>", "a b "),
    ('<text:p><text:s text:c="2"/>a<text:s/> b<text:tab/>c<text:line-break/>d<text:s/></text:p>', "  a  b\tc\nd "),
    ("<text:p>one <text:span> two</text:span><text:a> three</text:a></text:p>", "one two three"),
    ("<text:p>x<text:span>y</text:span>&amp;z</text:p>", "xy&z"),
    ("<office:annotation><text:p>note</text:p></office:annotation><text:p>text</text:p>", "text"),
    ("<text:p>a<office:annotation><text:p>note</text:p></office:annotation>b</text:p>", "ab"),
    ("<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame><text:p>text</text:p>", "text"),
    ("<text:p>漢<text:ruby-text>kan</text:ruby-text>字</text:p>", "漢字"),
]


@pytest.mark.parametrize(("content", "shown"), TEXTS)
def test_texts_as_they_are_shown(ods: Ods, content: str, shown: str) -> None:
    assert grid(ods(sheet(row(cell('office:value-type="string"', content))))) == [[shown]]


def test_repetition_merged_and_grouped_cells(ods: Ods) -> None:
    twice = typed("float", "1", 'table:number-columns-repeated="2"')
    rows = (
        f"<table:table-header-rows>{row(twice)}"
        "</table:table-header-rows>"
        + row(cell('table:number-columns-repeated="3"', "") + typed("float", "2"), 'table:number-rows-repeated="2"')
        + "<table:table-row-group><table:table-rows>"
        + row(
            cell('table:number-columns-spanned="2" table:number-rows-spanned="2" office:value-type="string"')
            + cell("", "", "covered-table-cell")
            + typed("float", "3")
        )
        + "</table:table-rows></table:table-row-group>"
        + row(cell('table:number-columns-repeated="16384"', ""), 'table:number-rows-repeated="1048572"')
    )
    path = ods(sheet(rows))
    assert grid(path) == [["1", "1", "", ""], ["", "", "", "2"], ["", "", "", "2"], ["shown", "", "3", ""]]
    with open_book(path, sniff(path, FileLimits()), FileLimits()) as book:
        [merge] = book.read(0).merges
    assert (merge.top, merge.bottom, merge.left, merge.right) == (3, 4, 0, 1)


def held(path: Path, *, apart: bool) -> list[list[str | None]]:
    """Return what the columns of the first sheet hold, with the zeros that ids alone keep."""
    reader = OdsReader(100, apart=apart)
    with zipfile.ZipFile(path) as archive:
        reader.read([archive.read("content.xml")])
    columns = reader.sheets[0].cells.sheet(date1904=False).columns
    return [columns[place].texts.to_pylist() for place in sorted(columns)]


STYLED = [
    ("zeros", "", "", "00100"),
    ("zeros", "", 'table:style-name="Default"', "100"),
    ("zeros", "Default", "", "100"),
    ("Default", "zeros", "", "00100"),
    ("zeros", "day", "", "100"),
    ("day", "zeros", 'table:style-name="plain"', "100"),
    ("zeros", "", 'table:style-name=""', "00100"),
    ("zeros", "none", "", "100"),
]


@pytest.mark.parametrize(("of_column", "of_row", "own", "shown"), STYLED)
def test_a_cell_without_a_style_has_that_of_its_row_or_column(
    ods: Ods, of_column: str, of_row: str, own: str, shown: str
) -> None:
    """OpenDocument 1.3 part 3, 19.619 (`table:default-cell-style-name`)."""
    column = f'<table:table-column table:default-cell-style-name="{of_column}"/>'
    attributes = f'table:default-cell-style-name="{of_row}"' if of_row else ""
    rows = row(typed("float", "100", own), attributes)
    path = ods(f'<table:table table:name="S">{column}{rows}</table:table>')
    assert held(path, apart=True) == held(path, apart=False) == [[shown]]


def test_columns_in_groups_count_and_repeated_ones_as_often(ods: Ods) -> None:
    columns = (
        '<table:table-column table:number-columns-repeated="2" table:default-cell-style-name="Default"/>'
        "<table:table-column-group><table:table-header-columns><table:table-column/></table:table-header-columns>"
        '<table:table-columns><table:table-column table:number-columns-repeated="2"'
        ' table:default-cell-style-name="zeros"/></table:table-columns></table:table-column-group>'
        '<table:table-column table:default-cell-style-name="elapsed" table:number-columns-repeated="16379"/>'
    )
    rows = row(typed("float", "7") * 4) + row(
        typed("float", "8", 'table:number-columns-repeated="5"'), 'table:number-rows-repeated="2"'
    )
    path = ods(f'<table:table table:name="S">{columns}{rows}</table:table>')
    assert held(path, apart=False) == [["7", "8", "8"]] * 3 + [["00007", "00008", "00008"], [None, "00008", "00008"]]
    assert grid(ods(f'<table:table table:name="S">{columns}{row(typed("time", "PT8H") * 6)}</table:table>')) == [
        ["08:00:00"] * 5 + ["8:00:00"]
    ]


def test_sheets_are_those_of_the_tabs(ods: Ods) -> None:
    inner = sheet(row(typed("float", "9")), 'table:name="inner"')
    path = ods(
        sheet(row(cell('office:value-type="string"', f"<draw:frame>{inner}</draw:frame><text:p>x</text:p>"))),
        sheet("", 'table:name="Gone" table:style-name="gone"'),
        sheet(row(typed("float", "1")), "table:name=\"'file:///a.ods'#$S\""),
    )
    assert [(found.name, found.visibility, found.rows) for found in read_sheets(path)] == [
        ("S", "visible", 1),
        ("Gone", "hidden", 0),
    ]
    assert grid(path) == [["x"]]


def test_a_document_within_a_sheet_has_no_sheets_of_it(tmp_path: Path) -> None:
    inner = sheet(row(typed("float", "9")), 'table:name="inner"')
    body = f"<office:body><office:spreadsheet>{inner}</office:spreadsheet></office:body>"
    frame = f"<draw:frame><draw:object><office:document>{body}</office:document></draw:object></draw:frame>"
    path = tmp_path / "x.fods"
    rows = row(cell('office:value-type="string"', f"{frame}<text:p>x</text:p>")) + row(typed("float", "1"))
    path.write_text(document(sheet(f"<table:shapes>{frame}</table:shapes>{rows}"), "document"))
    assert [(found.name, found.rows) for found in read_sheets(path)] == [("S", 2)]
    assert grid(path) == [["x"], ["1"]]


def test_a_flat_file(tmp_path: Path) -> None:
    path = tmp_path / "x.fods"
    path.write_text(document(sheet(row(typed("float", "1")) + row(cell('office:value-type="string"'))), "document"))
    assert grid(path) == [["1"], ["shown"]]


def test_a_document_without_its_type_is_known_by_its_content(ods: Ods) -> None:
    assert grid(ods(sheet(row(typed("float", "1"))), mimetype=False)) == [["1"]]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<a><b></a>", "file.corrupt_xml"),
        ('<?xml version="1.0" encoding="none"?><a/>', "file.corrupt_xml"),
        (
            document(
                sheet(
                    row(cell("", ""), f'table:number-rows-repeated="{10**20}"')
                    + row(typed("float", "1"), 'table:number-rows-repeated="2"')
                )
            ),
            "file.cell_limit",
        ),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "file.bomb"),
        (f"<office:document-content {NAMES}/>", "file.format_unknown"),
        (document(sheet(row(typed("float", "1"), 'table:number-rows-repeated="1048577"'))), "file.corrupt_xml"),
        (
            document(
                sheet(
                    row(
                        typed("float", "1", 'table:number-columns-repeated="99"'), 'table:number-rows-repeated="999999"'
                    )
                )
            ),
            "file.cell_limit",
        ),
    ],
)
def test_damaged_and_hostile_documents(ods: Ods, content: str, expected: str) -> None:
    with pytest.raises(FileRejectedError) as caught:
        read_sheets(ods(content=content))
    assert caught.value.record.code == expected
