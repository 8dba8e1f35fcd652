"""Lines that listings draw between rows are passed over, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.formats.text.find_dialect import find_dialect
from ingest.infer import draft_sample
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

FIELDS = [{"name": "sku", "type": "string"}, {"name": "size", "type": "string"}, {"name": "qty", "type": "integer"}]
PSQL = " sku  | size  | qty \n------+-------+-----\n A001 | large |   5\n A002 |       |    \n A003 | big   |   7\n"
SQLPLUS = "SKU |SIZE  | QTY\n----|------|----\nA001|large |   5\nA002|      |\nA003|big   |   7\n"
SQLCMD = "sku,size,qty\n---,----,-\nA001,large,5\nA002,,\nA003,big,7\n"
FRAMED = (
    "+------+-------+-----+\n| sku  | size  | qty |\n+------+-------+-----+\n| A001 | large |   5 |\n"
    "| A002 |       |     |\n| A003 | big   |   7 |\n+------+-------+-----+\n"
)
MARKDOWN = "|sku|size|qty|\n|:---|---|---:|\n|A001|large|5|\n|A002||  |\n|A003|big|7|\n"
RULED = "sku;size;qty\n====;====;===\nA001;large;5\nA002;;\nA003;big;7\n____;____;____\n"


@pytest.mark.parametrize("text", [PSQL, SQLPLUS, SQLCMD, FRAMED, MARKDOWN, RULED])
def test_drawn_lines_are_no_rows(dataset: Make, tmp_path: Path, parsed: Parse, text: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text)
    outcome = parsed(path, dataset(*FIELDS))
    rows = [[cell and cell.strip() for cell in row] for row in outcome.accepted.values()]
    assert rows == [["A001", "large", "5"], ["A002", None, None], ["A003", "big", "7"]]
    assert [note.code for note in outcome.notes if note.code == "row.header"] == ["row.header"]
    assert outcome.faults == []


@pytest.mark.parametrize(
    "row", [["A1", "---", "5"], ["-", "-", "-"], ["--", "-", None], ["---", "x", None], ["", "", "-5"]]
)
def test_dashes_that_stand_for_no_value_are_a_row(
    dataset: Make, workbook: Write, parsed: Parse, row: list[str | None]
) -> None:
    fields = [*FIELDS[:2], {"name": "qty", "type": "string"}]
    outcome = parsed(workbook([["sku", "size", "qty"], ["A0", "s", "1"], row, ["A2", "s", "2"]]), dataset(*fields))
    assert list(outcome.accepted) == [2, 3, 4]


def test_a_listing_is_split_where_its_records_are() -> None:
    listing = (
        "Stock\n-----\n| no | text | value |\n----------\n| A1 | Screw | 1,50 |\n| A2 | Nut | 2,00 |\n----------\n"
    )
    assert find_dialect(listing).dialect.delimiter == "|"


@pytest.mark.parametrize(
    "end", ["(3 rows)", "3 rows selected.", "3 rows in set (0.00 sec)", "(1 row affected)", "(3 Zeilen)"]
)
def test_a_draft_leaves_lines_and_the_number_of_rows_out(tmp_path: Path, parsed: Parse, end: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"{SQLPLUS}\n{end}\n")
    text = draft_sample(path).text
    assert "type: integer, header: ['QTY'" not in text
    assert len(parsed(path, parse_dataset(text, "draft.yml")).accepted) == 3
