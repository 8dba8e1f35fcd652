"""Rows whose cells may stand where they do not belong are errors, and programs' own columns without titles are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIELDS = ({"name": "sku", "type": "string"}, {"name": "size", "type": "string"}, {"name": "qty", "type": "string"})
GOOD = "sku,size,qty\nA1,large,5\nA2,small,7\n"


@pytest.fixture
def text(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Callable[..., Any]:
    def run(content: str, **keys: Any) -> Any:
        path = tmp_path / "x.csv"
        path.write_text(content)
        return parsed(path, dataset(*FIELDS, **keys))

    return run


@pytest.mark.parametrize(
    "row", ["A3,round, red,9", "A3,round,9,", ",A3,round,9", "A3,,round,9", "A3,,9,x", "A3,round,9,,,x"]
)
@pytest.mark.parametrize("contract", [{}, {"contract": {"columns": "freeze"}}])
def test_a_record_with_a_field_too_many(text: Callable[..., Any], row: str, contract: dict[str, Any]) -> None:
    outcome = text(f"{GOOD}{row}\nA4,flat,11\n", **contract)
    assert outcome.faults == [("row 4", "row.extra_cells")]
    assert list(outcome.accepted) == [2, 3, 5]


def test_records_with_fewer_fields_or_all_with_an_empty_one_more(text: Callable[..., Any]) -> None:
    assert text(f"{GOOD}A3\n").accepted[4] == ["A3", None, None]
    assert text("sku,size,qty\nA1,large,5,\nA2,small,7,\n").faults == []
    assert text("sku,size,qty,,\nA1,large,5,,\nA2,small,7\nA3,flat,9\n").faults == []


@pytest.mark.parametrize("end", ["A3,fl", "A3,", "A3", "A", '"A3",f', 'A3,"flat', 'A3,flat,"7 in', 'A3,flat,"7\nin a'])
def test_a_file_that_ends_within_its_last_record(text: Callable[..., Any], end: str) -> None:
    lenient = {"quarantine": {"max_percent": 100}}
    outcome = text(f"{GOOD}{end}", **lenient)
    assert (outcome.refusal, outcome.accepted) == ("file.truncated", {})
    assert text(f"{GOOD}{end}\n", **lenient).refusal is None, "a line end says that it is whole"
    assert text(f"{GOOD}A0,flat\n{end}", **lenient).refusal is None, "others are short as well"
    assert text(f"sku,size,qty\nA1,large,5\n{end}", **lenient).refusal is None, "one other record says little"


@pytest.mark.parametrize(
    "end", ["A3,flat,1", "A3,flat,", "End of report", "Total", "printed by hand", '"A3,flat,5"', "\n2026-05-01"]
)
def test_a_last_record_without_a_line_end_is_whole_otherwise(text: Callable[..., Any], end: str) -> None:
    assert text(f"{GOOD}{end}", quarantine={"max_percent": 100}).refusal is None


def test_a_short_last_record_that_begins_as_a_footer_is_none_that_is_cut(text: Callable[..., Any]) -> None:
    outcome = text(f"{GOOD}Total Wine,red", table_end={"footers": ["Total*"]})
    assert outcome.accepted[4] == ["Total Wine", "red", None]


def test_a_text_whose_end_a_program_has_trimmed(text: Callable[..., Any]) -> None:
    tabs = "sku,size,qty\nA1,large,\nA2,small,7\nA3,flat,".replace(",", "\t")
    assert text(tabs.strip()).accepted[4] == ["A3", "flat", None]
    assert text(tabs.replace("large\t", "large\t5").strip()).refusal == "file.truncated"


def test_more_fields_than_titles_in_every_record(text: Callable[..., Any]) -> None:
    outcome = text("sku,size,qty\n1,A1,large,5\n2,A2,small,7\n")
    assert outcome.faults[1:] == [("row 2", "row.extra_cells"), ("row 3", "row.extra_cells")]
    assert outcome.refusal == "table.too_many_bad_rows"


def test_row_numbers_before_the_titles_are_a_column_of_their_own(text: Callable[..., Any]) -> None:
    assert text(",sku,size,qty\n0,A1,large,5\n1,A2,small,7\n").accepted[2] == ["A1", "large", "5"]


@pytest.mark.parametrize("header", ["sku,,size,qty", ",sku,size,qty", 'sku,"size,qty'])
def test_a_header_that_would_shift_every_record(text: Callable[..., Any], header: str) -> None:
    outcome = text(f"{header}\nA1,large,5\nA2,small,7\nA3,flat,9\n")
    assert outcome.refusal in {"header.ambiguous", "header.not_found"}


def test_cells_of_a_workbook_without_a_title(
    workbook: Callable[..., Path], dataset: Callable[..., Any], parsed: Callable[..., Any]
) -> None:
    rows = [["sku", "size", "qty"], ["A1", "large", "5", "x"], ["A2", None, "7", "note"], ["A3", "flat", "9"]]
    outcome = parsed(workbook(rows), dataset(*FIELDS))
    assert outcome.faults == [("row 2", "row.extra_cells")]
    frozen = parsed(workbook(rows), dataset(*FIELDS, contract={"columns": "freeze"}))
    assert [place for place, _ in frozen.faults] == ["row 2", "row 3"]
