"""A cell's value never depends on its neighbours: alone, among like rows and beside odd ones it is read the same."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from ingest.errors import FileRejectedError
from ingest.output.grid import read_grid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Package = Callable[..., Path]

RICH = '<c r="B{row}" t="inlineStr"><is><r><t>ri</t></r><r><t>ch</t></r></is></c>'
CELLS = [
    ('<c r="A{row}" t="inlineStr"><v>x</v></c>', "x"),
    ('<c r="A{row}" t="inlineStr"><is><t>x</t></is></c>', "x"),
    ('<c r="A{row}" t="inlineStr"><v>y</v><is><t>x</t></is></c>', "x"),
    ('<c r="A{row}" t="inlineStr"><is><t></t></is></c>', None),
    ('<c r="A{row}" t="inlineStr"><is><t/></is></c>', None),
    ('<c r="A{row}" t="inlineStr"><is/></c>', None),
    ('<c r="A{row}" t="inlineStr"></c>', None),
    ('<c r="A{row}" t="inlineStr"><v>1</v><is><t></t></is></c>', None),
    ('<c r="A{row}"><is><t>x</t></is></c>', "x"),
    ('<c r="A{row}" t="str"><is><t>7</t></is></c>', "7"),
    ('<c r="A{row}"><v>5</v><is><t>x</t></is></c>', 5),
    ('<c r="A{row}" t="str"><v>a</v><is><t>x</t></is></c>', "a"),
    ('<c r="A{row}" t="inlineStr"><is><t> x </t></is></c>', "x"),
    ('<c r="A{row}" t="inlineStr"><is><t xml:space="preserve"> x </t></is></c>', " x "),
    ('<c r="A{row}" t="inlineStr"><is><t xml:space=\'preserve\'> x </t></is></c>', " x "),
    ('<c r="A{row}" t="inlineStr"><is><t xml:space="default"> x </t></is></c>', "x"),
    ('<c r="A{row}" t="inlineStr"><is><t>a</t><rPh sb="0" eb="1"><t>b</t></rPh></is></c>', "a"),
    ('<c r="A{row}" t="str"><f>"a"</f><v> x </v></c>', "x"),
    ('<c r="A{row}" t="str"><f>"a"</f><v xml:space="preserve"> x </v></c>', " x "),
    ('<c r="A{row}" t="b"><v>TRUE</v></c>', True),
    ('<c r="A{row}" t="b"><v>2</v></c>', "2"),
    ('<c r="A{row}"><v>NaN</v></c>', "NaN"),
    ('<c r="A{row}"><v>1e400</v></c>', "1e400"),
    ('<c r="A{row}"><v> 5 </v></c>', 5),
    ('<c r="A{row}" s="12345678"><v>5</v></c>', 5),
    ('<c r="A{row}" t="d"><v>2026-05-01T10:00:00+08:00</v></c>', "2026-05-01T10:00:00+08:00"),
    ('<c r="A{row}" t="inlineStr"><is><t>a\0b</t></is></c>', "file.corrupt_xml"),
]


def value_in(path: Path, row: int) -> object:
    out = io.StringIO()
    try:
        read_grid(path, 0, out, "json")
    except FileRejectedError as error:
        return error.record.code
    lines = out.getvalue().splitlines()
    return json.loads(lines[row - 1])[0] if row <= len(lines) else None


@pytest.mark.parametrize(("cell", "value"), CELLS)
def test_a_cell_is_read_the_same_wherever_it_stands(package: Package, cell: str, value: object) -> None:
    like = [f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(2, 400)]
    same = [f'<row r="{row}">{cell.format(row=row)}</row>' for row in range(2, 400)]
    one = f'<row r="1">{cell.format(row=1)}</row>'
    beside = f'<row r="1">{cell.format(row=1)}{RICH.format(row=1)}</row>'
    below = f'<row r="400"><c r="A400"><!-- a note --><v>1</v></c>{RICH.format(row=400)}</row>'
    texts = {
        "alone": one,
        "beside a rich text": beside,
        "above numbers": one + "".join(like),
        "above its like": one + "".join(same),
        "above odd rows": one + "".join(like) + below,
        "above its like and odd rows": one + "".join(same) + below,
        "in a row with a number that is none": one.replace('<row r="1">', '<row r="one">') + below,
    }
    assert {name: value_in(package(rows), 1) for name, rows in texts.items()} == dict.fromkeys(texts, value)


def test_rows_that_are_only_formatted_are_no_rows(package: Package) -> None:
    rows = "".join(f'<row r="{row}"><c r="A{row}"><v>{row}</v></c></row>' for row in range(1, 400))
    empty = "".join(f'<row r="{row}"><c r="A{row}" s="1"/><c r="B{row}" s="1"/></row>' for row in range(401, 404))
    path = package(rows + empty)
    assert value_in(path, 399) == 399
    assert value_in(path, 400) is None


@pytest.mark.parametrize("begin", [b"\xef\xbb\xbf", b"\r\n\r\n", b"\xef\xbb\xbf \n"])
def test_what_stands_before_a_zip_is_no_part_of_it(package: Package, begin: bytes) -> None:
    path = package('<row r="1"><c r="A1"><v>5</v></c></row>')
    path.write_bytes(begin + path.read_bytes())
    assert value_in(path, 1) == 5
