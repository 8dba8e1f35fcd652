"""Sheets without titles: what stands behind the columns of all fields is told of, or what the contract says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]

FIELDS: tuple[dict[str, Any], ...] = ({"name": "sku", "type": "string"}, {"name": "qty", "type": "integer"})
WIDE = [["A1", 1, "x"], ["A2", 2, None], ["A3", 3, "y"]]


def bare(dataset: Make, columns: str | None = None) -> Dataset:
    contract = {"contract": {"columns": columns}} if columns else {}
    made: Dataset = dataset(*FIELDS, header={"mode": "none"}, **contract)
    return made


@pytest.mark.parametrize("columns", [None, "discard_value"])
def test_a_column_behind_all_fields_is_told_of(
    dataset: Make, workbook: Callable[..., Path], parsed: Callable[..., Parsed], columns: str | None
) -> None:
    outcome = parsed(workbook(WIDE), bare(dataset, columns))
    assert outcome.column() == ["A1", "A2", "A3"]
    assert [(record.code, record.severity, record.column) for record in outcome.records] == [
        ("header.extra_column", "warning", 3)
    ]


def test_rows_that_fill_it_are_rejected(
    dataset: Make, workbook: Callable[..., Path], parsed: Callable[..., Parsed]
) -> None:
    outcome = parsed(workbook(WIDE), bare(dataset, "discard_row"))
    assert outcome.column() == ["A2"]
    assert outcome.faults == [("row 1", "row.extra_cells"), ("row 3", "row.extra_cells")]


def test_a_frozen_dataset_refuses_it(
    dataset: Make, workbook: Callable[..., Path], parsed: Callable[..., Parsed]
) -> None:
    assert parsed(workbook(WIDE), bare(dataset, "freeze")).refusal == "header.extra_column"


@pytest.mark.parametrize("columns", [None, "freeze", "discard_row", "discard_value"])
@pytest.mark.parametrize(
    "more",
    [[None], [" "], [None, 7, "cell.type, cell.required", "B1: x is no whole number", "enter one"]],
    ids=["nothing", "blank", "what was wrong with rejected rows"],
)
def test_what_is_no_column_of_the_file(
    dataset: Make, workbook: Callable[..., Path], parsed: Callable[..., Parsed], columns: str | None, more: list[Any]
) -> None:
    outcome = parsed(workbook([["A1", 1, *more], ["A2", 2, *more]]), bare(dataset, columns))
    assert outcome.column() == ["A1", "A2"]
    assert not outcome.records


def test_a_single_record_with_a_field_too_many_is_torn(
    dataset: Make, parsed: Callable[..., Parsed], tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("A1,1\nA2,2\nA3,3,x\nA4,4\n", encoding="utf-8")
    outcome = parsed(path, bare(dataset))
    assert outcome.column() == ["A1", "A2", "A4"]
    assert outcome.faults == [("row 3", "row.extra_cells")]
