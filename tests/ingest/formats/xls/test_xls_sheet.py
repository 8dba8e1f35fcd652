"""xls workbooks read by whole columns hold what xlrd, an independent reader, sees in them cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xlwt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shown import grid

from ingest.errors import FileRejectedError
from ingest.formats.xls.book import XlsBook
from ingest.formats.xls.xlrd_book import XlrdBook
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.formats.readers import Book

LIMITS = FileLimits()
FORMATS = ["General", "yyyy-mm-dd", "d/m/yy h:mm", "[h]:mm", "00000", "[<1]h:mm;0.0", "@"]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60) | st.text("ab\xe9", max_size=60)
numbers = st.one_of(
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-9999, 9999).map(lambda n: n / 100),
)
rich = st.lists(texts.filter(bool), min_size=2, max_size=3)
formulas = st.sampled_from(["1+1", '"a"&"b"', "TRUE", "1/0"]).map(xlwt.Formula)
values = st.one_of(st.none(), texts, numbers, st.booleans(), rich, formulas)
rows = st.lists(st.lists(values, max_size=8), min_size=1, max_size=6)


def seen(book: Book) -> list[Any]:
    """Return all that a book says of its sheets."""
    found: list[Any] = []
    for index, (name, visibility) in enumerate(book.sheets):
        cells = book.read(index)
        columns = {place: (each.kinds.tolist(), each.texts.to_pylist()) for place, each in cells.columns.items()}
        found.append((name, visibility, cells.rows, cells.date1904, cells.merges, columns))
    book.close()
    return found


def write(page: xlwt.Worksheet, rows: list[list[Any]], start: int, styles: list[xlwt.XFStyle]) -> None:
    """Write rows whose cells take turns in their formats; None is a cell that is only formatted."""
    for row, cells in enumerate(rows, start):
        for column, value in enumerate(cells):
            style = styles[(row + column) % len(styles)]
            if isinstance(value, list):
                page.write_rich_text(row, column, value, style)
            else:
                page.write(row, column, value, style)


@given(
    pages=st.lists(rows, min_size=1, max_size=3),
    times=st.integers(1, 100),
    date1904=st.booleans(),
    merged=st.integers(0, 3),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_whole_columns_hold_what_xlrd_sees(
    tmp_path: Path, *, pages: list[list[list[Any]]], times: int, date1904: bool, merged: int
) -> None:
    book = xlwt.Workbook()
    book.dates_1904 = date1904
    styles = [xlwt.easyxf(num_format_str=form) for form in FORMATS]
    for number, rows in enumerate(pages):
        page = book.add_sheet(f"Sheet {number}")
        page.visibility = number % 3
        for time in range(times if number == 0 else 1):
            write(page, rows, time * (len(rows) + number), styles)
        for place in range(merged):
            page.merge(1000 + 2 * place, 1001 + 2 * place, 9, 12)
    path = tmp_path / "x.xls"
    book.save(path)
    assert seen(XlsBook(path, LIMITS)) == seen(XlrdBook(path, LIMITS))


def test_shared_strings_that_go_on_in_another_record(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("S")
    for row in range(3000):
        page.write(row, 0, f"{row} " + "ab\xe9"[row % 3] * (row % 97))
        page.write(row, 1, f"{row} " + "订单" * (row % 61))
        page.write_rich_text(row, 2, [f"{row}", "中" * (row % 50 + 1), "b"])
    page.write(0, 3, "x" * 32_000)
    page.write(1, 3, "长" * 32_000)
    path = tmp_path / "x.xls"
    book.save(path)
    assert seen(XlsBook(path, LIMITS)) == seen(XlrdBook(path, LIMITS))


@pytest.mark.parametrize("before", range(2))
def test_a_character_whose_halves_are_in_two_records_is_one(tmp_path: Path, before: int) -> None:
    halves = {"\ue123": "\ud842", "\ue124": "\udfb7"}
    book = xlwt.Workbook()
    page = book.add_sheet("S")
    page.write(0, 0, "x" * before + "".join(halves) * 8000)
    page.write(1, 0, "next")
    path = tmp_path / "x.xls"
    book.save(path)
    content = path.read_bytes()
    for stand_in, half in halves.items():
        content = content.replace(stand_in.encode("utf-16-le"), half.encode("utf-16-le", "surrogatepass"))
    path.write_bytes(content)
    text = "x" * before + "\U00020bb7" * 8000
    assert grid(path) == [[text], ["next"]]


def test_the_real_workbooks_beside_the_repository(corpus: Path) -> None:
    sure = 0
    for path in sorted(corpus.rglob("*.xls")):
        try:
            found = seen(XlsBook(path, LIMITS))
        except Exception:  # noqa: BLE001, S112  # left to xlrd
            continue
        sure += 1
        assert found == seen(XlrdBook(path, LIMITS)), path.name
    assert sure > 20


def test_a_sheet_beyond_the_limit_is_refused_alone_and_alike(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    for name, row in (("small", 1), ("large", 300)):
        page = book.add_sheet(name)
        page.write(0, 0, "a")
        page.write(row, 9, None, xlwt.easyxf(num_format_str="0"))
    path, limits = tmp_path / "x.xls", FileLimits(cells=1000)
    book.save(path)
    refusals = []
    for opened in (XlsBook(path, limits), XlrdBook(path, limits)):
        assert opened.read(0).rows == 1
        with pytest.raises(FileRejectedError) as caught:
            opened.read(1)
        refusals.append(caught.value.record)
    assert refusals[0] == refusals[1]
