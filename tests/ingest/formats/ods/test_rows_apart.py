"""Rows that are taken out of a document hold what a parser reads, whatever stands in them, and however damaged."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.formats.ods import rows_apart
from ingest.formats.ods.book import OdsBook
from ingest.formats.ods.reader import OdsReader
from ingest.formats.ods.rows_apart import RowsApart
from ingest.formats.ods.styles import OdsStyles
from ingest.formats.unsure import UnsureError
from ingest.spec.dataset import FileLimits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ingest.formats.ods.reader import OdsSheet

URNS: Final[dict[str | None, str]] = {
    "office": "urn:oasis:names:tc:opendocument:xmlns:office:1.0",
    "table": "urn:oasis:names:tc:opendocument:xmlns:table:1.0",
    "text": "urn:oasis:names:tc:opendocument:xmlns:text:1.0",
    "style": "urn:oasis:names:tc:opendocument:xmlns:style:1.0",
    "number": "urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0",
    "draw": "urn:oasis:names:tc:opendocument:xmlns:drawing:1.0",
    "calcext": "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0",
}
STYLES: Final = """
<number:time-style style:name="N1" number:truncate-on-overflow="false"><number:hours/></number:time-style>
<number:number-style style:name="N2"><number:number number:min-integer-digits="5"/></number:number-style>
<number:date-style style:name="N3"><number:year/><number:month/></number:date-style>
<style:style style:name="elapsed" style:family="table-cell" style:data-style-name="N1"/>
<style:style style:name="zeros" style:family="table-cell" style:data-style-name="N2"/>
<style:style style:name="day" style:family="table-cell" style:data-style-name="N3"/>
"""
TYPED: Final = [
    ('office:value-type="float"', 'office:value="1.5"'), ('office:value-type="float"', 'office:value="42"'),
    ('office:value-type="float"', 'office:value="45000"'), ('office:value-type="float"', 'office:value="1,5"'),
    ('office:value-type="float"', 'office:value=""'), ('office:value-type="float"', 'office:value="1&#50;"'),
    ('office:value-type="float"', 'office:value="1\n"'), ('office:value-type="float"', 'office:value="&lt;"'),
    ('office:value-type="percentage"', 'office:value="0.12"'),
    ('office:value-type="currency"', 'office:currency="EUR"', 'office:value="9.99"'),
    ('office:value-type="date"', 'office:date-value="2024-02-29"'),
    ('office:value-type="date"', 'office:date-value="2024-02-29T12:30:15"'),
    ('office:value-type="date"', 'office:date-value="2024-02-29T12:30:15.25"'),
    ('office:value-type="date"', 'office:date-value="2023-02-29"'),
    ('office:value-type="date"', 'office:date-value="1899-12-30T08:30:00"'),
    ('office:value-type="date"', 'office:date-value="1900-02-28"'),
    ('office:value-type="date"', 'office:date-value="1850-01-01"'),
    ('office:value-type="time"', 'office:time-value="PT08H05M09S"'),
    ('office:value-type="time"', 'office:time-value="PT36H"'), ('office:value-type="time"', 'office:time-value="8"'),
    ('office:value-type="boolean"', 'office:boolean-value="true"'),
    ('office:value-type="boolean"', 'office:boolean-value="TRUE "'),
    ('office:value-type="string"',), ('office:value-type="string"', 'calcext:value-type="string"'),
    ('office:value-type="string"', 'office:string-value="a  b"'),
    ('office:value-type="string"', 'office:string-value=""'),
    ('office:value-type="string"', 'calcext:value-type="error"'),
    ('calcext:value-type="float"', 'office:value="3"'), ('office:value-type=""', 'calcext:value-type="string"'),
    ('office:value-type="void"',), (), (), ('office:string-value="lost"',), ('office:value="7"',),
    ('office:value-type="float"', 'office:value="1"', 'office:date-value="2024-01-01"'),
    ('office:value-type="float"', 'office:date-value="2024-01-01"'),
]  # fmt: skip
MORE: Final = [
    'table:style-name="elapsed"', 'table:style-name="zeros"', 'table:style-name="day"', 'table:style-name="a&amp;b"',
    'table:number-columns-repeated="2"', 'table:number-columns-repeated="03"', 'table:number-columns-repeated="-1"',
    'table:number-columns-spanned="2" table:number-rows-spanned="3"', 'table:formula="of:=[.A1]&lt;&quot;x&quot;"',
    'table:formula="of:=1/0"', 'table:formula="of:=&#65;"', 'table:formula=\'of:="x"\'', 'style:other="1"',
    'other="1"', 'table:content-validation-name="v"', 'table:number-matrix-rows-spanned="2"',
]  # fmt: skip
FAULTY: Final = [
    'strange:other="1"', 'xmlns:x="y"', 'table:style-name="zeros" table:style-name="day"', 'style:o="1" style:o="2"',
    'table:formula="a & b"', 'table:formula="&nope;"', 'xml:id="1 2"', 'table:formula="<"',
]  # fmt: skip
CONTENTS: Final = [
    "", "<text:p/>", "<text:p></text:p>", "<text:p>1</text:p>", "<text:p>text</text:p>", "<text:p>订单 é</text:p>",
    "<text:p> a  b \n c </text:p>", "<text:p>&lt;b&gt; &amp;amp; &quot;</text:p>", "<text:p>&#20013;</text:p>",
    '<text:p>say "hi" > 1</text:p>', "<text:p>a</text:p><text:p>b</text:p>", "<text:p>a<text:s/>b<text:tab/></text:p>",
    '<text:p text:style-name="P1">styled</text:p>', "<text:h>head</text:h>", "<text:p>#N/A</text:p>",
    "<text:p>Err:502</text:p>", "<text:p> #WERT!</text:p>", "<text:p><text:span>rich</text:span>er</text:p>",
    "<office:annotation><text:p>note</text:p></office:annotation><text:p>text</text:p>", "\n <text:p>a</text:p>\n ",
    "junk<text:p>a</text:p>", "<text:p>a</text:p>junk", "<text:p>a\r\nb\rc</text:p>", "<text:p>  </text:p>",
    "<text:p>a<!-- c -->b</text:p>", "<text:p><![CDATA[<table:table-row>]]></text:p>", "<text:p>a<?pi?>b</text:p>",
]  # fmt: skip
NESTED: Final = (
    '<text:p>a<draw:frame><table:table table:name="in"><table:table-row><table:table-cell office:value-type="string">'
    "<text:p>inner</text:p></table:table-cell></table:table-row></table:table></draw:frame></text:p>"
)
RARE: Final = ["<text:p>a & b</text:p>", "<text:p>&nope;</text:p>", "<text:p>a]]>b</text:p>", "<text:p>\x01</text:p>",
               "<text:p>\ufffe</text:p>", "<text:p>a</text:q>", "<text:p>a", NESTED]  # fmt: skip
ROWS: Final = [
    "", "", "", ' table:style-name="ro1"', ' table:number-rows-repeated="3"', ' table:visibility="filter"',
    ' table:number-rows-repeated="0"', ' table:number-rows-repeated="900000"', " ", ' strange="a&amp;b"',
    ' table:default-cell-style-name="zeros"', ' table:default-cell-style-name=""',
    ' table:default-cell-style-name="none" table:number-rows-repeated="2"', ' table:default-cell-style-name="&#122;"',
]  # fmt: skip
BETWEEN: Final = [
    "", "", "", "\n", "<table:table-row/>", "<table:table-header-rows>HERE</table:table-header-rows>", "junk",
    "<table:table-row-group>HERE</table:table-row-group>", '<x:y xmlns:x="z">HERE</x:y>',
    '<table:g xmlns:table="urn:other">HERE</table:g>', "<table:shapes/>", "<!-- <table:table-row/> -->",
]  # fmt: skip
COLUMNS: Final = [
    "<table:table-column/>", '<table:table-column table:number-columns-repeated="16384"/>',
    '<table:table-column table:default-cell-style-name="zeros"/>',
    '<table:table-column table:default-cell-style-name="elapsed" table:number-columns-repeated="2"/>',
    '<table:table-column table:default-cell-style-name="none"/>',
    '<table:table-columns><table:table-column table:default-cell-style-name="day"/></table:table-columns>',
    '<table:table-column table:default-cell-style-name="zeros" table:number-columns-repeated="99999999999999999999"/>',
]  # fmt: skip
PREFIXES: Final = [{}, {}, {"table": "t", "office": "o"}, {"text": "", "calcext": "table2"}]


def _cell(chance: random.Random, rare: float, odd: float) -> str:
    name = "covered-table-cell" if chance.random() < 0.05 else "table-cell"
    attributes = list(chance.choice(TYPED))
    attributes += [each for each in chance.sample(MORE, 2) if chance.random() < 0.2]
    content = chance.choice(CONTENTS if chance.random() < odd else CONTENTS[:10])
    if chance.random() < rare:
        attributes.append(chance.choice(FAULTY))
    if chance.random() < rare:
        content = chance.choice(RARE)
    if chance.random() < 0.3:
        chance.shuffle(attributes)
    space = chance.choice([" ", " ", " ", "\n"]) if chance.random() < odd / 9 else " "
    tag = "".join(f"{space}{attribute}" for attribute in attributes)
    if not content and chance.random() < 0.7:
        return f"<table:{name}{tag}{chance.choice(['', ' '])}/>"
    return f"<table:{name}{tag}>{content}</table:{name}>"


def _sheet(chance: random.Random, number: int, *, rare: float) -> str:
    odd = chance.choice([0, 0.1, 0.5])
    kinds = [_cell(chance, 0, odd) for _ in range(chance.randint(1, 5))]
    rows = []
    for _ in range(chance.choice([0, 1, 3, 20])):
        cells = [
            _cell(chance, rare, odd) if chance.random() < 0.2 else kinds[place % len(kinds)]
            for place in range(chance.randint(0, 6))
        ]
        space = chance.choice(["", "", "\n  "])
        attributes = chance.choice(ROWS) if chance.random() < 0.3 else ""
        row = f"<table:table-row{attributes}>{space}{space.join(cells)}{space}</table:table-row>"
        between = chance.choice(BETWEEN) if chance.random() < 0.2 else ""
        rows.append(between.replace("HERE", row) if "HERE" in between else between + row)
    name = chance.choice([f"S{number}", f"S{number}", "'file:///a.ods'#$S"])
    columns = chance.choices(COLUMNS, k=chance.choice([1, 1, 3, 6]))
    return f'<table:table table:name="{name}">{"".join(columns)}{"".join(rows)}</table:table>'


def _document(sheets: str) -> str:
    namespaces = "".join(f' xmlns:{prefix}="{urn}"' for prefix, urn in URNS.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content{namespaces}><office:automatic-styles>{STYLES}'
        f"</office:automatic-styles><office:body><office:spreadsheet>{sheets}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """Return a document: most cells of usual forms, in a few ways to write them down."""
    chance = random.Random(draw(st.integers(0, 1 << 32)))
    rare = draw(st.sampled_from([0, 0, 0.02]))
    text = _document("".join(_sheet(chance, number, rare=rare) for number in range(draw(st.integers(1, 3)))))
    for prefix, other in draw(st.sampled_from(PREFIXES)).items():
        text = re.sub(rf"(?<=[<\s/]){prefix}:", f"{other}:" if other else "", text)
        text = text.replace(f"xmlns:{prefix}=", f"xmlns:{other}=" if other else "xmlns=")
    return text.encode("utf-8", "surrogatepass")


def damaged(document: bytes, damages: list[tuple[float, bytes]]) -> bytes:
    """Return the document with bytes in the place of others."""
    for place, new in damages:
        start = int(place * len(document))
        document = document[:start] + new + document[start + len(new) :]
    return document


def _shown(sheet: OdsSheet) -> Any:
    if sheet.refusal is not None:
        record = sheet.refusal.record
        # What the cells span where the limit is met depends on how many of a row are looked at together.
        return replace(record, message="") if record.code == "file.cell_limit" else record
    cells = sheet.cells.sheet(date1904=False)
    columns = {place: (each.kinds.tolist(), each.texts.to_pylist()) for place, each in cells.columns.items()}
    return sheet.name, sheet.visibility, cells.rows, cells.merges, columns


def told(content: Iterable[bytes], *, apart: bool) -> Any:
    """Return what a reader says of a document; None if it is not sure, or refuses it where it may not say why."""
    reader = OdsReader(100_000, apart=apart)
    try:
        reader.read(content)
    except FileRejectedError as error:
        return None if apart else error.record
    except UnsureError:
        return None
    return reader.spreadsheet, [_shown(sheet) for sheet in reader.sheets]


def cut(document: bytes, piece_bytes: int) -> list[bytes]:
    """Return a document in pieces."""
    return [document[start : start + piece_bytes] for start in range(0, len(document), piece_bytes)]


DAMAGES: Final = st.tuples(
    st.floats(0.2, 0.999), st.sampled_from([b"<", b">", b'"', b"&", b" ", b"\0", b"\xff", b"/", b"x"])
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(documents(), st.sampled_from([1 << 20, 1 << 20, 700]), st.lists(DAMAGES, max_size=1), st.integers(0, 3))
def test_a_document_is_read_as_a_parser_reads_it(
    document: bytes, piece_bytes: int, damages: list[tuple[float, bytes]], sound: int
) -> None:
    document = document if sound else damaged(document, damages)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_apart, "_PIECE_BYTES", piece_bytes)
        found = told(cut(document, piece_bytes), apart=True)
    if found is not None:
        assert found == told([document], apart=False)


USUAL: Final = {
    'office:value-type="string" calcext:value-type="string"': "订单 &amp; x",
    'office:value-type="float" office:value="1.5" calcext:value-type="float"': "1.5",
    'table:style-name="day" office:value-type="date" office:date-value="2023-10-03T19:30:39"': "2023-10-03 19:30",
    'table:formula="of:=[.A1]&lt;2" office:value-type="float" office:value="7"': "7",
}
USUAL_CELLS: Final = "".join(
    f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>" for attributes, text in USUAL.items()
)
USUAL_ROW: Final = (
    f'<table:table-row table:style-name="ro1">{USUAL_CELLS}<table:table-cell table:number-columns-repeated="16380"/>'
    "</table:table-row>"
)
RICH_ROW: Final = (
    '<table:table-row><table:table-cell office:value-type="string"><text:p>a<text:s/>b</text:p></table:table-cell>'
    "</table:table-row>"
)


@pytest.mark.parametrize("attribute", ["", *MORE, *FAULTY, *(" ".join(each) for each in TYPED)])
@pytest.mark.parametrize("content", ["", *CONTENTS[:5]])
def test_one_odd_attribute_among_usual_ones(attribute: str, content: str) -> None:
    among_usual_rows(f"<table:table-cell {attribute}>{content}</table:table-cell>")


@pytest.mark.parametrize("content", [*CONTENTS, *RARE])
@pytest.mark.parametrize("attribute", ["", 'office:value-type="float" office:value="1"', 'table:formula="of:=A1"'])
def test_one_odd_content_among_usual_ones(attribute: str, content: str) -> None:
    among_usual_rows(f"<table:table-cell {attribute}>{content}</table:table-cell>")


def among_usual_rows(cell: str) -> None:
    """Hold both ways to the same for a cell behind and before usual ones."""
    rows = f"{USUAL_ROW}<table:table-row>{cell}{USUAL_CELLS}{cell}</table:table-row>{USUAL_ROW}"
    document = _document(f'<table:table table:name="S">{rows}</table:table>').encode("utf-8", "surrogatepass")
    found = told([document], apart=True)
    assert found is None or found == told([document], apart=False)


def left_of(document: str, piece_bytes: int = 1 << 20) -> bytes:
    """Return what the parser gets of a document."""
    apart = RowsApart(OdsStyles())
    left = []
    for piece in apart.left(cut(document.encode(), piece_bytes)):
        left.append(piece)
        apart.begin(URNS)
    return b"".join(left)


def test_only_rows_of_unusual_forms_are_left_to_the_parser() -> None:
    unusual = RICH_ROW.replace('"string"', "'string'")
    rows = [USUAL_ROW] * 20 + [RICH_ROW] + [USUAL_ROW] * 20 + [unusual] + [USUAL_ROW] * 40
    left = left_of(_document(f'<table:table table:name="S">{"".join(rows)}</table:table>'))
    assert left.count(b"<table:table-row") == 1
    assert unusual.encode() in left
    assert left.count(b"<table:rows-") == 2


def test_where_texts_may_hide_rows_all_is_left_from_there_on(monkeypatch: pytest.MonkeyPatch) -> None:
    hiding = RICH_ROW.replace("a<text:s/>b", f"<![CDATA[{USUAL_ROW * 9}]]>")
    monkeypatch.setattr(rows_apart, "_PIECE_BYTES", len(USUAL_ROW) * 3)
    document = _document(f'<table:table table:name="S">{USUAL_ROW * 9}{hiding}{USUAL_ROW * 9}</table:table>')
    assert left_of(document, len(USUAL_ROW)).count(USUAL_ROW.encode()) >= 18
    pieces = cut(document.encode(), len(USUAL_ROW))
    assert told(pieces, apart=True) == told(pieces, apart=False)


FIVE: Final = '<table:table-cell office:value-type="float" office:value="5"{}><text:p>5</text:p></table:table-cell>'
PLAIN: Final = "<table:table-row>" + FIVE.format("") * 3 + "</table:table-row>"


def test_sheets_of_a_piece_have_their_own_columns() -> None:
    """Each is taken apart, though all lie in one piece; the vector reading must not fall back to the parser."""
    sheets = [
        f'<table:table table:name="S{number}"><table:table-column table:number-columns-repeated="{number}"/>'
        f'<table:table-column table:default-cell-style-name="zeros"/>{PLAIN * 3}</table:table>'
        for number in (1, 2, 1, 7)
    ]
    found = told([_document("".join(sheets)).encode()], apart=True)
    assert found == told([_document("".join(sheets)).encode()], apart=False)
    shown = [[column[1][0] for _, column in sorted(sheet[4].items())] for sheet in found[1]]
    assert shown == [["5", "00005", "5"], ["5", "5", "00005"], ["5", "00005", "5"], ["5", "5", "5"]]


def test_a_repeated_cell_over_columns_of_several_styles_is_left_to_the_parser() -> None:
    row = "<table:table-row>" + FIVE.format(' table:number-columns-repeated="4"') + "</table:table-row>"
    column = '<table:table-column table:default-cell-style-name="zeros" table:number-columns-repeated="2"/>'
    document = _document(f'<table:table table:name="S"><table:table-column/>{column}{row}</table:table>').encode()
    assert told([document], apart=True) is None
    columns = told([document], apart=False)[1][0][4]
    assert [columns[place][1] for place in range(4)] == [["5"], ["00005"], ["00005"], ["5"]]


def test_a_piece_may_end_anywhere_before_the_first_row() -> None:
    document = _document(f'<table:table table:name="S">{USUAL_ROW * 3}</table:table>').encode()
    expected = told([document], apart=False)
    first = document.index(b"<table:table-row")
    for place in range(first - 30, first + 30):
        assert told([document[:place], document[place:]], apart=True) == expected


@pytest.mark.parametrize("prefix", ["office", "table", "text", "calcext", "other"])
def test_prefixes_that_change_between_rows_are_left_to_the_parser(prefix: str) -> None:
    group = f'<table:table-row-group xmlns:{prefix}="urn:other">{USUAL_ROW}</table:table-row-group>'
    document = _document(f'<table:table table:name="S">{USUAL_ROW}{group}{USUAL_ROW}</table:table>').encode()
    found = told([document], apart=True)
    assert found is None or found == told([document], apart=False)


def test_a_table_within_a_text_belongs_to_its_cell(tmp_path: Path) -> None:
    row = RICH_ROW.replace("<text:p>a<text:s/>b</text:p>", NESTED)
    document = _document(f'<table:table table:name="S">{USUAL_ROW}{row}</table:table>')
    path = tmp_path / "x.fods"
    path.write_text(document, encoding="utf-8")
    assert told([document.encode()], apart=True) is None
    assert OdsBook(path, FileLimits()).read(0).columns[0].texts.to_pylist() == ["订单 & x", "ainner"]
