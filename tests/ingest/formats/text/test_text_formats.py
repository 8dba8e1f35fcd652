"""Delimited text and the XML of Excel 2003: found by content, in any encoding they come in."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shown import code, rows

from ingest.cells.cells import MAX_COLUMNS
from ingest.errors import FileRejectedError
from ingest.formats.zip.container import sniff
from ingest.output.grid import read_sheets
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERS = "订单号,数量,备注\nA1,1,加急\nA2,2,\n"


# -- delimited text --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gb2312"]
)
def test_delimited_text_in_any_encoding(write: Callable[..., Path], encoding: str) -> None:
    path = write(ORDERS.encode(encoding))
    assert sniff(path, FileLimits()).format == "csv"
    assert rows(path)[1:] == [["A1", "1", "加急"], ["A2", "2", None]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("name", ["x.csv", "x.xlsx"])
def test_the_delimiter_is_found(write: Callable[..., Path], delimiter: str, name: str) -> None:
    """Amounts with a comma do not make it the delimiter of a text whose fields are between semicolons."""
    texts = [["no", "amount"], *([f"A{number}", f"{number},50" if delimiter != "," else "1"] for number in range(9))]
    path = write("".join(delimiter.join(row) + "\r\n" for row in texts), name)
    assert rows(path) == texts


def test_quotes_lines_within_quotes_ragged_and_blank_records(write: Callable[..., Path]) -> None:
    path = write('title\n\nno,note\nA1,"two\nlines, and ""quotes"""\nA2\nA3,x,more\n')
    assert rows(path) == [
        ["title", None, None],
        [None, None, None],
        ["no", "note", None],
        ["A1", 'two\nlines, and "quotes"', None],
        ["A2", None, None],
        ["A3", "x", "more"],
    ]


@pytest.mark.parametrize("amounts", [["12,00", "-0,5", "1.234,56 €"], ["$1,234.50", "9", "12"], ["7,5%", "19%"]])
def test_a_single_column_of_amounts_is_not_split_at_their_commas(
    write: Callable[..., Path], amounts: list[str]
) -> None:
    assert rows(write("\n".join(["Betrag", *amounts]))) == [["Betrag"], *([amount] for amount in amounts)]


@pytest.mark.parametrize("text", ["a,b\n1,5\n2,5\n", "1,5\n2,5\n", "no\n1,5,7\n2,5,7\n", "no\n1,5\nx,7\n"])
def test_other_commas_delimit(write: Callable[..., Path], text: str) -> None:
    assert [row[:2] for row in rows(write(text))][-2:] == [line.split(",")[:2] for line in text.split()[-2:]]


def test_lists_in_fields_of_several_lines_are_no_records(write: Callable[..., Path]) -> None:
    """By the numbers of the other records, which have several lines too."""
    text = '"note","price","who"\r\n"a,b,c\n","-3.25","x|y"\r\n"see; below\na,b,c","12","5"" pipe"\r\n'
    found = rows(write(text))
    assert found == [["note", "price", "who"], ["a,b,c\n", "-3.25", "x|y"], ["see; below\na,b,c", "12", '5" pipe']]


def test_the_delimiter_may_be_declared(write: Callable[..., Path]) -> None:
    assert rows(write("sep=;\na,x;b\n1,5;2\n")) == [[None, None], ["a,x", "b"], ["1,5", "2"]]


def test_a_single_column_counts_under_a_name_of_delimited_text_only(write: Callable[..., Path]) -> None:
    assert rows(write("no\nA1\nA2\n")) == [["no"], ["A1"], ["A2"]]
    assert code(write("no\nA1\nA2\n", "x.xlsx")) == "file.format_unknown"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Dear team, please find\nthe orders, as agreed, below.\nBest, A\n", "file.format_unknown"),
        ('{"no": 1, "x": 2}\n{"no": 2, "x": 3}\n', "file.format_unknown"),
        ("<table><tr><td>no</td></tr><tr><td>A1</td></tr><tr><td>A", "file.truncated"),
        ("<html><body><p>Your session has ended, a new one is needed.</p></body></html>", "file.format_unknown"),
        (b"no\0t,te\0xt\n" * 20, "file.format_unknown"),
        ("no,größe\n1,x\n".encode("cp1252"), "file.encoding_ambiguous"),
        (b"\xff\xfea\x00b", "file.encoding_ambiguous"),
        (b"\xef\xbb\xbf\r\n", "file.empty"),
        ('ID;PWXL;N;E\nP;PGeneral\nC;Y1;X1;K"no"\nC;Y1;X2;K"x"\nE\n', "file.format_unknown"),
        ('TABLE\n0,1\n"EXCEL"\nVECTORS\n0,2\n""\nTUPLES\n0,3\n""\n', "file.format_unknown"),
        ("{\\rtf1\\ansi no, x\n}\n", "file.format_unknown"),
        (b"a,b\n1,\xff\xff\n", "file.encoding_ambiguous"),
    ],
)
def test_other_text_is_refused(write: Callable[..., Path], content: bytes | str, expected: str) -> None:
    assert code(write(content, "x.xlsx")) == expected


def test_dates_and_numbers_in_delimited_text_are_read_by_their_fields(
    write: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    spec = dataset(
        {"name": "no", "type": "string", "id": True},
        {"name": "on", "type": "date", "format": ["%d.%m.%Y"]},
        {"name": "amount", "type": "decimal(9,2)", "decimalChar": ",", "groupChar": "."},
    )
    path = write("no;on;amount\n000123456789012345678;01.02.2024;1.234,50\nA2;2024-02-01;x\n")
    outcome = parsed(path, spec)
    assert outcome.accepted == {2: ["000123456789012345678", "2024-02-01", "1234.50"]}
    assert outcome.faults == [("B3", "cell.type"), ("C3", "cell.type")]


CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\t"), max_size=8).filter(
    lambda text: text == text.strip("\t")  # tabs around a number have a rule, and a test, of their own
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8-sig", "utf-16"]),
)
def test_what_csv_writes_is_read_back(records: list[list[str]], delimiter: str, encoding: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    text.write(f"sep={delimiter}\r\n")
    writer.writerow(["first", "second", "third"])
    writer.writerows(records)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(text.getvalue().encode(encoding))
        found = rows(path)[2:]
    while records and not any(records[-1]):
        records.pop()
    assert [[value or "" for value in row] for row in found] == records


def test_a_record_has_no_more_fields_than_a_sheet_has_columns(write: Callable[..., Path]) -> None:
    fits = write(",".join(map(str, range(MAX_COLUMNS))))
    assert len(rows(fits)[0]) == MAX_COLUMNS
    for content in (",".join("1" * (MAX_COLUMNS + 1)), "no,name\n1,b\n" + "," * MAX_COLUMNS):
        with pytest.raises(FileRejectedError, match=f"has {MAX_COLUMNS + 1} fields, more than a sheet"):
            rows(write(content))


@pytest.mark.parametrize("unit", ["£", "  $"])
def test_a_long_field_is_looked_at_once(write: Callable[..., Path], unit: str) -> None:
    """Whatever tried each of its characters anew would not come to an end; all of it is looked at for the dialect."""
    text = unit * 20_000 + "x"
    assert rows(write(f"no,note\n1,{text}\n2,b\n"))[1][1] == text


def test_a_line_that_begins_with_many_spaces_is_looked_at_once(write: Callable[..., Path]) -> None:
    text = " " * 300_000 + 'x"y'
    assert rows(write(f'no,note\n{text},1\n2,b\n3,"d\n'))[1][0] == text


# -- the XML of Excel 2003 -------------------------------------------------------------------------------

XML = """<?xml version="1.0" encoding="{encoding}"?><?mso-application progid="Excel.Sheet"?>
<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet" xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"
 xmlns:x="urn:schemas-microsoft-com:office:excel" xmlns:html="http://www.w3.org/TR/REC-html40">
<Worksheet ss:Name="数据"><Table>
<Row><Cell><Data ss:Type="String">订单号</Data></Cell>
<Cell ss:Index="3"><Data ss:Type="String">数量</Data></Cell></Row>
<Row ss:Index="4"><Cell ss:MergeAcross="1"><Data ss:Type="String">A<html:B>1</html:B></Data></Cell>
<Cell><Data ss:Type="Number">1.50</Data></Cell>
<Cell><Data ss:Type="DateTime">2024-02-29T00:00:00.000</Data></Cell></Row>
<Row><Cell><Data ss:Type="Boolean">1</Data></Cell><Cell ss:Formula="=NA()"><Data ss:Type="Error">#N/A</Data></Cell>
<Cell><Data ss:Type="DateTime">2024-02-29T12:30:00.000</Data></Cell>
<Cell><Data ss:Type="DateTime">1899-12-31T08:15:00.000</Data></Cell></Row>
</Table></Worksheet>
<Worksheet ss:Name="hidden"><Table/>
<x:WorksheetOptions><x:Visible>SheetHidden</x:Visible></x:WorksheetOptions></Worksheet>
</Workbook>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb2312"])
def test_the_xml_of_excel_2003(write: Callable[..., Path], encoding: str) -> None:
    path = write(XML.replace("{encoding}", encoding).encode("gb18030" if encoding == "gb2312" else encoding), "x.xls")
    assert sniff(path, FileLimits()).format == "xml2003"
    assert [(sheet.name, sheet.visibility) for sheet in read_sheets(path)] == [
        ("数据", "visible"),
        ("hidden", "hidden"),
    ]
    assert rows(path) == [
        ["订单号", None, "数量", None],
        [None] * 4,
        [None] * 4,
        ["A1", None, 1.5, "2024-02-29"],
        [True, "#N/A", "2024-02-29T12:30:00", "08:15:00"],
    ]


def test_a_text_of_many_megabytes_in_the_xml_of_excel_2003(write: Callable[..., Path]) -> None:
    long = "x" * 11_000_000
    path = write(XML.replace("{encoding}", "utf-8").replace("订单号", long), "x.xls")
    assert rows(path)[0] == [long, None, "数量", None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("</Workbook>", ""), "file.corrupt_xml"),
        (('ss:Index="4"', 'ss:Index="2000000"'), "file.corrupt_xml"),
        (('ss:Index="4"', 'ss:Index="-4"'), "file.corrupt_xml"),
        (('ss:Type="Boolean"', 'ss:Type="Guess"'), "file.corrupt_xml"),
        # Two rows at one place: Excel opens no such file, and the later one would hide the other.
        (('<Row><Cell><Data ss:Type="Boolean"', '<Row ss:Index="4"><Cell><Data ss:Type="Boolean"'), "file.corrupt_xml"),
        (("<Workbook ", '<!DOCTYPE a [<!ENTITY b "c">]><Workbook '), "file.bomb"),
    ],
)
def test_a_damaged_one_is_refused(write: Callable[..., Path], change: tuple[str, str], expected: str) -> None:
    path = write(XML.replace("{encoding}", "utf-8").replace(*change), "x.xls")
    assert code(path) == expected


def test_a_title_that_begins_like_sylk(write: Callable[..., Path]) -> None:
    assert rows(write("ID;Price\nA1;2\n")) == [["ID", "Price"], ["A1", "2"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", [False, True])
def test_records_of_one_length_are_those_of_any_length(write: Callable[..., Path], end: str, quote: bool) -> None:  # noqa: FBT001
    texts = [["no", "note", "x"], *([f"A{row}", f"{row}, no" if quote else f"{row}", ""] for row in range(2000))]
    lines = [",".join(f'"{text}"' if quote else text for text in record) for record in texts]
    expected = [[text or None for text in record] for record in texts]
    assert rows(write(end.join(lines) + end)) == expected
    assert rows(write(end.join([*lines, "ragged"]) + end)) == [*expected, ["ragged", None, None]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("订单号,数量,备注\nA1,1,加急\n", ["订单号", "数量", "备注"]),
        ("姓名,地址\n张三,北京市海淀区中关村大街一号\n李四,上海市浦东新区世纪大道\n", ["姓名", "地址"]),
        ("商品;价格\n蓝色茶壶（大号）;￥12.50\n", ["商品", "价格"]),
    ],
)
def test_chinese_text_in_its_national_encoding(write: Callable[..., Path], text: str, first: list[str]) -> None:
    assert rows(write(text.encode("gb18030")))[0] == first


@pytest.mark.parametrize(
    "cell",
    [
        '=("00123")',
        '= T( "00123" ) ',
        '=t("00123")',
        ' ="00123"',
        '="00123" ',
        '= "00123"',
        '="00123"\t',
        '"=""\t00123"""',
        '\t="00123"',
    ],
)
def test_what_keeps_the_zeros_of_an_id_is_no_part_of_it(write: Callable[..., Path], cell: str) -> None:
    assert rows(write(f"no,of\n{cell},1\n")) == [["no", "of"], ["00123", "1"]]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["no\t", "a b\t", "c\td\t", "5\t"], ["no", "a b", "c\td", "5"]),
        (["no", "\ta b", "\tc"], ["no", "a b", "c"]),
        (["no", "a b\t", "", "c\t"], ["no", "a b", None, "c"]),
        (["no", "a b\t", "c", "d", "e\t", "f"], ["no", "a b\t", "c", "d", "e\t", "f"]),
        (["no", "a b\t"], ["no", "a b\t"]),
    ],
)
def test_tabs_behind_all_values_of_a_column_are_none_of_them(
    write: Callable[..., Path], cells: list[str], found: list[str | None]
) -> None:
    assert [row[0] for row in rows(write("".join(f"{cell},1\n" for cell in cells)))] == found
