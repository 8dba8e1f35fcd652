"""Tables of web pages that are saved as workbooks, by hand-made tags and by archives: whole, in any encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from shown import code, rows

from ingest.errors import FileRejectedError
from ingest.output.grid import read_sheets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGE = """<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head>{meta}</head><body>
<table><tr><th rowspan=2>订单号</th><th colspan=2>金额</th></tr><tr><th>含税</th><th>不含税</th></tr>
<tr><td>A&amp;1 <b>bold</b></td><td> 113\n 元 </td><td>one<br>two</td></tr>
<tr><td>A2</td><td colspan="x"><table><tr><td>inner</td></tr></table></td><td><!-- no -->&nbsp;</td></tr></table>
<table></table><table><tr><td>second</td></tr></table></body></html>"""


@pytest.mark.parametrize(
    ("meta", "encoding"),
    [
        ("", "utf-8"),
        ("", "gb18030"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=gb2312">', "gb18030"),
        ('<meta charset="utf-8">', "utf-8"),
        ("", "utf-16"),
    ],
)
def test_the_tables_of_a_web_page(write: Callable[..., Path], meta: str, encoding: str) -> None:
    path = write(PAGE.replace("{meta}", meta).encode(encoding), "x.xls")
    assert [(sheet.name, sheet.rows, sheet.columns) for sheet in read_sheets(path)] == [
        ("Table 1", 4, 3),
        ("Table 2", 1, 1),
        ("Table 3", 1, 1),
    ]
    assert rows(path, 0) == [
        ["订单号", "金额", None],
        [None, "含税", "不含税"],
        ["A&1 bold", "113 元", "one\ntwo"],
        ["A2", "inner", "\xa0"],
    ]
    assert rows(path, "Table 3") == [["second"]]


def test_a_page_as_a_dataset(write: Callable[..., Path], dataset: Callable[..., Any], parsed: Any) -> None:
    spec = dataset(
        {"name": "no", "type": "string", "header": ["订单号"]},
        {"name": "gross", "type": "integer", "header": ["金额 / 含税"]},
        header={"rows": 2},
    )
    text = "<table><tr><td rowspan=2>订单号<td colspan=2>金额<tr><td>含税<td>不含税<tr><td>A1<td>113<td>100</table>"
    outcome = parsed(write(text, "x.xls"), spec)
    assert outcome.accepted == {3: ["A1", "113"]}
    assert outcome.faults == [(None, "file.format_mismatch")]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=&quot;00123&quot;", "00123"),
        ('="00123"', "00123"),
        ('=T("00123")', "00123"),
        (' =<b>"a ""b"" c"</b> ', 'a "b" c'),
        ('="1"+"2"', '="1"+"2"'),
        ("=1+1", "=1+1"),
        ('x="1"', 'x="1"'),
    ],
)
def test_a_formula_that_is_a_text_is_that_text_as_excel_shows_it(
    write: Callable[..., Path], cell: str, text: str
) -> None:
    page = f"<table><tr><td>no<td>qty</tr><tr><td>{cell}</td><td>1</td></tr></table>"
    assert rows(write(page, "x.xls")) == [["no", "qty"], [text, "1"]]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<span style='display:none'>20260501</span>01.05.2026", "01.05.2026"),
        ("a<span hidden>1</span> b<i style='color:red; DISPLAY : none;'>2</i>c<p style='display:none'>3</p>", "a bc"),
        ("<div style='display:none'>1</div><div>a</div><div>b</div>", "a\nb"),
        ("a<script>1</script>b<style>i {}</style>c", "abc"),
        ("<span style='display:inline'>1</span>a", "1a"),
        ("a\0b", "a\0b"),
    ],
)
def test_a_cell_has_what_the_page_shows(write: Callable[..., Path], cell: str, text: str) -> None:
    page = f"<table><tr><td>no<td>qty</tr><tr><td>{cell}</td><td>1</td></tr></table>"
    assert rows(write(page, "x.xls")) == [["no", "qty"], [text, "1"]]


@pytest.mark.parametrize("end", ["", "</table>", "<tr>", "<tr></table>", "<tr><td>A2</table>", "</tbody></table>"])
def test_who_leaves_tags_out_has_sent_a_whole_page(write: Callable[..., Path], end: str) -> None:
    page = f"<html><table><tr><td>no</td></tr><tr><td>A1</td></tr>{end}"
    assert rows(write(page, "x.xls"))[:2] == [["no"], ["A1"]]


def test_the_foot_of_a_table_is_its_end_wherever_it_stands(write: Callable[..., Path]) -> None:
    inner = "<table><tfoot><tr><td>in</td></tr></tfoot><tr><td>a</td></tr></table>"
    page = (
        "<table><thead><tr><td>no</td><td>qty</td></tr></thead><tfoot><tr><td>Total</td><td>8</td></tr></tfoot>"
        f"<tbody><tr><td>A1</td><td rowspan=2>8</td></tr><tr><td>{inner}</td></tr></tbody></table>"
    )
    assert rows(write(page, "x.xls"))[::3] == [["no", "qty"], ["Total", "8"]]
    assert rows(write(page, "x.xls"))[1] == ["A1", "8"]


WHOLE = (
    "<html><head><title>Orders</title></head><body><table><thead><tr><th>no</th></tr></thead>"
    "<tbody><tr><td>A1</td></tr>\n<tr><td>A2</td></tr>\n<tr><td>A3</td></tr>\n</tbody></table></body></html>"
)


@pytest.mark.parametrize("row", ["A1", "A2"])
@pytest.mark.parametrize("behind", ["", "\n", "\n<", "\n<tr", "\n<tr>", "\n<br /><b>Fatal error</b>: Out of memory"])
@pytest.mark.parametrize(
    "begin",
    [
        "<html><head></head><body><table><tr><td>no</td></tr>",
        "<table><thead><tr><td>no</td></tr></thead><tbody>",
        "<table><tr><td>Orders</td></tr></table><table><tr><td>no</td></tr>",
    ],
)
def test_a_page_that_ends_between_rows_is_not_whole(
    write: Callable[..., Path], begin: str, behind: str, row: str
) -> None:
    page = f"{begin}<tr><td>A1</td></tr>\n<tr><td>A2</td></tr>\n"
    end = page.index(row) + len("A1</td></tr>")
    assert code(write(page[:end] + behind, "x.xls")) == "file.truncated"


@pytest.mark.parametrize(
    "left_out", ["</body>", "</html>", "</body></html>", "</table>", "</tbody></table>", "</tbody>"]
)
def test_a_page_that_lacks_some_tags_at_its_end_is_whole(write: Callable[..., Path], left_out: str) -> None:
    page = WHOLE.replace(left_out, "")
    assert rows(write(page, "x.xls")) == [["no"], ["A1"], ["A2"], ["A3"]]
    assert rows(write("<!-- <table> -->" + page.replace("<html>", ""), "x.xls")) == [["no"], ["A1"], ["A2"], ["A3"]]


def test_a_page_is_read_to_its_end_however_deep_and_long(write: Callable[..., Path]) -> None:
    long = "x" * 11_000_000
    page = f"<table><tr><td>no<td>note<tr><td>A1<td>{long}<tr><td>A2<td>b</table>"
    assert rows(write("<div>" * 400 + page, "x.xls")) == [["no", "note"], ["A1", long], ["A2", "b"]]
    assert code(write("<div>" * 5000 + page, "x.xls")) == "file.corrupt_xml", "and what is not read is no success"


@pytest.mark.parametrize(
    ("declared", "encoding", "text"),
    [
        ("iso-8859-1", "cp1252", "10 € – größer"),
        ("shift_jis", "cp932", "①注文"),
        ("gb2312", "gb18030", "订单㐀"),
        ("unicode", "utf-8", "größer"),
        ("ks_c_5601-1987", "cp949", "주문"),
    ],
)
def test_pages_declare_their_encodings_loosely(
    write: Callable[..., Path], declared: str, encoding: str, text: str
) -> None:
    page = (
        f'<html><meta http-equiv="Content-Type" content="text/html; charset={declared}"><table><tr><td>{text}</table>'
    )
    assert rows(write(page.encode(encoding), "x.xls")) == [[text]]


ARCHIVE = """MIME-Version: 1.0
X-Document-Type: Workbook
Content-Type: multipart/related; boundary="next"

--next
Content-Location: file:///C:/book.htm
Content-Transfer-Encoding: quoted-printable
Content-Type: text/html; charset="us-ascii"

<html><frameset><frame src=3D"book/tabstrip.htm"></frameset></html>

--next
Content-Location: file:///C:/book/tabstrip.htm
Content-Type: text/html; charset="us-ascii"

<html><table><tr><td>Sheet1</td></tr></table></html>

--next
Content-Location: file:///C:/book/sheet001.htm
Content-Transfer-Encoding: quoted-printable
Content-Type: text/html; charset="utf-8"

<html><meta charset=3D"utf-8"><table><tr><td>no</td><td>=E8=AE=A2=E5=
=8D=95</td></tr><tr><td>A1</td><td>2</td></tr></table></html>

--next--
"""


@pytest.mark.parametrize("missing", ["next--\n", "--next--\n", "--\n", 'next--\n"'], ids=len)
def test_an_archive_without_its_last_boundary(write: Callable[..., Path], missing: str) -> None:
    whole = ARCHIVE.rstrip("\n")
    path = write(whole[: len(whole) - len(missing.strip())].replace("\n", "\r\n"), "x.xls")
    with pytest.raises(FileRejectedError) as error:
        rows(path)
    assert error.value.record.code == "file.truncated"


@pytest.mark.parametrize("browser", ["<Saved by Blink>", "<Saved by WebKit>", '"Saved by Windows Internet Explorer 8"'])
def test_an_archive_of_a_browser(write: Callable[..., Path], browser: str) -> None:
    head = f"From: {browser}\nSnapshot-Content-Location: https://example.com/orders\nSubject: Orders\n"
    path = write((head + ARCHIVE).replace("related; ", 'related;\n\ttype="text/html";\n\t'), "x.mhtml")
    assert rows(path) == [["no", "订单"], ["A1", "2"]]


def test_an_archive_needs_no_line_end(write: Callable[..., Path]) -> None:
    assert rows(write(ARCHIVE.rstrip("\n"), "x.xls")) == [["no", "订单"], ["A1", "2"]]


def test_tables_within_tables(write: Callable[..., Path]) -> None:
    def around(depth: int) -> Path:
        inner = "<table><tr><td>no</td></tr><tr><td>A1</td></tr></table>"
        return write("<html>" + "<table><tr><td>" * depth + inner + "</td></tr></table>" * depth + "</html>", "x.xls")

    assert len(read_sheets(around(99))) == 100
    with pytest.raises(FileRejectedError) as error:
        read_sheets(around(100))
    assert error.value.record.code == "file.cell_limit"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_the_pages_of_an_archive(write: Callable[..., Path], mark: str) -> None:
    path = write(mark + ARCHIVE.replace("\n", "\r\n"), "x.xls")
    assert [(sheet.name, sheet.rows, sheet.columns) for sheet in read_sheets(path)] == [("Table 1", 2, 2)]
    assert rows(path) == [["no", "订单"], ["A1", "2"]]
