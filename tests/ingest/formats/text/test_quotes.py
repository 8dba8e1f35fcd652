"""Quotes of delimited text: what they mean, and that no line is lost without a word wherever one stands too many."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.formats.text.dialect import Dialect
from ingest.formats.text.find_dialect import find_dialect
from ingest.formats.text.orderly import Quotes
from ingest.formats.text.records import SplitText, split_text
from ingest.formats.text.scan import Scan, Scanner
from ingest.output.grid import read_grid

if TYPE_CHECKING:
    from collections.abc import Callable

COMMA = Dialect(delimiter=",")
BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TITLES = "sku,size,qty\n"
GOOD = "".join(f"A{row:03},tube {row} mm,{row}\n" for row in range(1, 6))
QUOTED = "".join(f'"A{row:03}","part {row}, steel","{row}"\n' for row in range(1, 6))


def split(rows: str, before: str = GOOD, after: str = "B001,end,9\n") -> SplitText:
    return split_text(TITLES + before + rows + after, COMMA)


def split_or_code(text: str) -> SplitText | str:
    """Return the records, or what the file is refused with."""
    try:
        return split_text(text, COMMA)
    except FileRejectedError as error:
        return str(error)


def between(rows: str, **around: str) -> list[list[str]]:
    """Return the records that are made of rows between good ones, none of which is suspect."""
    found = split(rows, **around)
    assert not found.suspects
    return [list(record) for record in found.records[6:-1]]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        ('X,5" pipe,7\n', ["X", '5" pipe', "7"]),
        ('X,a 5",7\n', ["X", 'a 5"', "7"]),
        ('X,"6"" pipe",7\n', ["X", '6" pipe', "7"]),
        ('X,"6" pipe",7\n', ["X", '6" pipe', "7"]),
        ('X,"6"",7\n', ["X", '6"', "7"]),
        ('X,"wide" ,7\n', ["X", "wide", "7"]),
        ('X,"wide"x,7\n', ["X", "widex", "7"]),
        ('X,wide,"7" \n', ["X", "wide", "7"]),
        ('X,"",7\n', ["X", "", "7"]),
        ('X,"""",7\n', ["X", '"', "7"]),
        ('X,"a, b",7\n', ["X", "a, b", "7"]),
        ('X,"two\nlines",7\n', ["X", "two\nlines", "7"]),
        ('X,"two, with\nmore, of it\nlines",7\n', ["X", "two, with\nmore, of it\nlines", "7"]),
        ('X,"he said "no" twice\nand left",7\n', ["X", 'he said "no" twice\nand left', "7"]),
    ],
)
def test_a_quote_means_what_its_line_proves(row: str, fields: list[str]) -> None:
    assert between(row) == [fields]


@pytest.mark.parametrize("before", [GOOD, QUOTED])
@pytest.mark.parametrize(
    ("row", "column"),
    [
        ('X,"5 inch,7\n', 3),
        ('"X,5 inch,7\n', 1),
        ('X,"part 20, steel,20\n', 3),
        ('X,part,"7\n', 8),
        ('X,"he said "no", and left",7\n', 3),
        ('X,"5 inch,7\n"Y","part 21, steel","21"\n', 3),
    ],
)
def test_a_quote_that_never_closes_makes_its_row_suspect_and_no_other(row: str, column: int, before: str) -> None:
    found = split(row, before)
    assert found.suspects == {6: f"the quote that opens in line 7, column {column} never closes"}
    assert len(found.records) == 7 + row.count("\n")
    assert found.records[-1] == ["B001", "end", "9"]


@pytest.mark.parametrize("before", [GOOD, QUOTED])
@pytest.mark.parametrize("row", ['"X,""5"""" pipe"",7"\n', '"X,part,7"\n', '"X,""two\nlines"",7"\n'])
def test_a_record_that_is_in_quotes_once_more_is_suspect(row: str, before: str) -> None:
    """A spreadsheet whose list separator is another one puts quotes around the lines that have some."""
    found = split(row, before)
    line = before.count("\n") + 1
    assert found.suspects == {line: f"quotes enclose all fields of line {line + 1}: take them away"}


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ('tags,b,c\nt0,b0,x\nt1,b1,y\n"red,green,blue"\nt2,b2,z\n', 3),
        ('item,qty,price\na,1,2\nb,3,4\n"Notes: revenue,cost,margin"\nc,5,6\n', 3),
        ('amount,note\n"910,59"\n"166,15",x\n"22,11",k\n', 2),
        ('price,vat,note\n"1,163,168"\n"166,15",1,x\n"22,11",2,k\n', 3),
        ('a\n"x, y"\n"p, q"\np, q\n', 1),
        ('item,what,qty\n"He said ""a"", b, c"\nx,y,1\nz,w,2\n', 3),
    ],
)
def test_a_field_with_delimiters_in_it_is_no_record(text: str, width: int) -> None:
    found = split_text(text, COMMA)
    assert not found.suspects
    assert len(found.records) == text.count("\n")
    assert width in {len(record) for record in found.records}


@pytest.mark.parametrize("place", ["Main St 5, Springfield", "Main St 5, Springfield, IL", "Main St 5"])
@pytest.mark.parametrize("end", ["Exported by me\n", 'Z,"5" pipe",7\n', ""])
def test_addresses_of_several_lines_are_fields(place: str, end: str) -> None:
    """However many delimiters they have, and whatever else is not in order."""
    rows = "".join(f'A{number},"John Smith\n{place}\nUSA",7\n' for number in range(20))
    found = split_text(f"sku,address,qty\n{rows}{end}", COMMA)
    assert not found.suspects
    assert found.records[1:21] == [[f"A{number}", f"John Smith\n{place}\nUSA", "7"] for number in range(20)]
    assert len(found.records) == 21 + bool(end)


@pytest.mark.parametrize("row", ['X,"two\nlines\nY,"more\nlines",8\n', 'X,"two\nlines,7\nY,"more\nlines",8\n'])
def test_a_quote_does_not_swallow_a_record_of_several_lines(row: str) -> None:
    found = split(row)
    assert list(found.suspects) == [6]
    assert found.records[8:] == [["Y", "more\nlines", "8"], ["B001", "end", "9"]]


@pytest.mark.parametrize("lines", [1, 15])
def test_a_field_in_order_is_whole_however_many_rows_lack_their_last_delimiters(lines: int) -> None:
    """A spreadsheet writes empty fields at the end of the first rows only."""
    field = '"p ""x"", y"'
    text = "sku,title\n" + f"{field},\n" * lines + f"{field}\n" * 20
    assert split_text(text, COMMA).records[lines + 1 :] == [['p "x", y']] * 20


def test_a_stray_quote_does_not_make_a_longer_record_of_two() -> None:
    """The quote before the 0 is closed by the one that opens a field in the next line, which is a record by itself."""
    found = split('X,"00,","0\n,",0",1\n')
    assert found.suspects == {6: "the quote that opens in line 7, column 9 never closes"}
    assert found.records[7:] == [["", ",0", "1"], ["B001", "end", "9"]]


def test_a_record_over_lines_may_have_more_fields_than_the_others() -> None:
    assert between('X,"two\nlines",7,,\n') == [["X", "two\nlines", "7", "", ""]]


@pytest.mark.parametrize(
    "rows",
    [
        'X,"5 inch,7\nY,6" pipe,8\n',
        'X,"5 inch,7\nY,part,8\nZ,6",9\n',
        'X,"5 inch,7\nY,6",8\n',
        'X,"5 inch,7\n' + GOOD * 40 + 'Y,6",8\n',
        'X,",7\n,",0",1\n',
    ],
)
def test_a_later_quote_does_not_swallow_rows(rows: str) -> None:
    """A quote that was forgotten may be closed by one far below: the quotes are even, and rows are gone."""
    found = split_or_code(TITLES + GOOD + rows + "B001,end,9\n")
    if isinstance(found, str):
        assert found.startswith("file.quote_ambiguous: the quote that opens in line 7, column 3 ")
    else:
        assert len(found.records) == 7 + rows.count("\n")
        assert 6 in found.suspects


@pytest.mark.parametrize(
    "text",
    [
        'sku,note\nA1,"red, round\nand light, too"\nA2,x\n',
        'sku,note,qty\nA1,"line 0, a, b\nline 1, c, d\nline 2, e, f",5\nA2,x,7\nA3,y,8\n',
        '"sku","note"\n"A1","a,b\nc,d\ne,f"\n"A2","x"\n',
    ],
)
def test_lines_within_quotes_that_are_no_rows_stay_text(text: str) -> None:
    found = split_text(text, COMMA)
    assert not found.suspects
    assert [list(record) for record in found.records] == list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.slow
def test_many_stray_quotes_take_no_time_that_grows_with_their_square() -> None:
    rows = "".join(f'A{row},"5 inch,{row}\n' for row in range(20_000))
    found = split_text(TITLES + rows, COMMA)
    assert len(found.records) == 20_001
    assert len(found.suspects) == 20_000


CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), include_characters="\n'\",;|"), max_size=6
)
TABLES = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8)
DELIMITERS = st.sampled_from([",", ";", "\t", "|", "~"])
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


def written(rows: list[list[str]], **dialect: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue()


def grid_or_code(content: bytes) -> list[list[str]] | str:
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(content)
        try:
            read_grid(path, None, out, "json")
        except FileRejectedError as error:
            return str(error)
    # Only a line feed ends a line of JSON; texts may hold the other separators of Unicode.
    return [[value or "" for value in json.loads(line)] for line in out.getvalue().rstrip("\n").split("\n")]


@BOUNDED
@given(TABLES, DELIMITERS, QUOTING, ENDS)
def test_what_csv_writes_in_any_dialect_is_read_back(
    rows: list[list[str]], delimiter: str, quoting: Any, end: str
) -> None:
    # csv quotes what belongs to its own line end only: a line feed would stand bare in a file of carriage returns.
    rows = [["first", "second", "third"], *([field.replace("\n", end) for field in row] for row in rows)]
    text = written(rows, delimiter=delimiter, quoting=quoting, lineterminator=end)
    found = grid_or_code(f"sep={delimiter}{end}{text}".encode("utf-8-sig"))
    if isinstance(found, str):
        # A text that is written as its neighbours are may be one of them, and that is said.
        assert found.startswith("file.quote_ambiguous")
        return
    while rows and not any(rows[-1]):
        rows.pop()
    assert found[1:] == rows


@BOUNDED
@given(TABLES, QUOTING, st.data())
def test_a_stray_quote_never_loses_a_row_without_a_word(
    rows: list[list[str]], quoting: Any, data: st.DataObject
) -> None:
    rows = [["first", "second", "third"], *([*row[:2], str(number)] for number, row in enumerate(rows))]
    assume(not any("\n" in field for row in rows for field in row))
    text = written(rows, quoting=quoting, lineterminator="\n")
    place = data.draw(st.integers(text.index("\n") + 1, len(text)))
    found = split_or_code(f'{text[:place]}"{text[place:]}')
    if isinstance(found, str):
        assert found.startswith("file.quote_ambiguous")
    else:
        assert len(found.records) >= len(rows)


@BOUNDED
@given(TABLES, QUOTING, ENDS)
def test_quotes_that_csv_writes_are_in_order(rows: list[list[str]], quoting: Any, end: str) -> None:
    assert Quotes(written(rows, quoting=quoting, lineterminator=end).encode(), COMMA).in_order


@pytest.mark.parametrize("text", ['a,"b\n', 'a,5" pipe\n', 'a,"b"x\n', '"a""\n', 'a"b"\n'])
def test_quotes_out_of_order(text: str) -> None:
    assert not Quotes(text.encode(), COMMA).in_order


def test_records_of_several_lines_are_found() -> None:
    text = b'a,"b\nc"\nd,e\n"f\r\n\r\ng",h'
    places = list(Quotes(text, COMMA).tall_records())
    assert [text[start:end] for start, end in places] == [b'a,"b\nc"', b'"f\r\n\r\ng",h']


def test_rows_are_loaded_around_a_bad_one(
    tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(TITLES + GOOD + 'X,"5 inch,7\nB001,end,9\n')
    fields = ({"name": "sku", "type": "string"}, {"name": "size", "type": "string"}, {"name": "qty", "type": "integer"})
    outcome = parsed(path, dataset(*fields))
    assert len(outcome.lines) == 6
    assert outcome.faults == [("row 7", "row.open_quote")]


def test_ids_as_excel_is_told_to_keep_them(tmp_path: Path) -> None:
    path, out = tmp_path / "x.csv", io.StringIO()
    path.write_text('sku,x\n="00123",1\n"=""00""""1""",2\n"\t00125",3\n"00126\t",4\n"=SUM(A1)",5\n')
    read_grid(path, None, out, "json")
    assert [json.loads(line)[0] for line in out.getvalue().splitlines()[1:]] == [
        "00123",
        '00"1',
        "00125",
        "00126",
        "=SUM(A1)",
    ]


@pytest.mark.parametrize(
    "line",
    ['A1","bolt","5\n', 'a","b\n', 'b","x\n' + "1,2,3\n" * 5],
    ids=["quotes-cut-off-each-line", "quotes-across-lines", "records-within-quotes"],
)
def test_what_is_read_of_quotes_that_stay_open_grows_with_the_text(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line was read to the end of the text once more."""
    read, record = 0, Scanner.record

    def counted(self: Scanner, start: int = 0, *arguments: Any, **named: Any) -> Scan:
        nonlocal read
        scan = record(self, start, *arguments, **named)
        read += (scan.end if scan.broken is None else scan.broken) - start
        return scan

    monkeypatch.setattr(Scanner, "record", counted)

    def read_of(size: int) -> int:
        nonlocal read
        read, text = 0, TITLES + GOOD + line * (size // len(line)) + "B001,end,9\n"
        find_dialect(text)
        split_or_code(text)
        return read

    assert read_of(24_000) < 3 * read_of(12_000)
