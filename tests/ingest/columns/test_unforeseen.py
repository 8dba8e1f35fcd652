"""An exception that nobody foresaw in a check: the file is refused with field, sheet and row, whatever raised it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from ingest.cells.batches import CELLS_AT_ONCE
from ingest.columns.numeric import convert_integer
from ingest.columns.unforeseen import failing_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from ingest.cells.cells import Column
    from ingest.columns.converted import Converted
    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

FIELDS = ({"name": "no", "type": "string"}, {"name": "one", "type": "integer"}, {"name": "two", "type": "integer"})
DEFECT = "666"


@pytest.fixture
def defect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check of integers has a defect: it fails at one number."""

    def wrong(column: Column, *rest: Any) -> Converted:
        if DEFECT in column.texts.to_pylist():
            raise KeyError(DEFECT)
        return convert_integer(column, *rest)

    monkeypatch.setattr("ingest.columns.validate.convert_integer", wrong)


@pytest.mark.usefixtures("defect")
@pytest.mark.parametrize("rows", [10, CELLS_AT_ONCE // 2 + 3], ids=["columns together", "columns apart, in threads"])
@pytest.mark.parametrize("field", ["one", "two"])
def test_it_is_told_with_field_and_row(
    dataset: Make, workbook: Write, parsed: Parse, monkeypatch: pytest.MonkeyPatch, rows: int, field: str
) -> None:
    monkeypatch.setattr("ingest.parallel.WORTH_CELLS", CELLS_AT_ONCE)
    cells: list[list[Any]] = [["no", "one", "two"], *([f"A{row}", row % 600, 1] for row in range(2, rows))]
    cells[7][1 if field == "one" else 2] = int(DEFECT)
    record = parsed(workbook(cells), dataset(*FIELDS)).report.rejection
    assert record is not None
    assert (record.code, record.field, record.row, record.sheet) == ("file.unreadable", field, 8, "Sheet1")
    assert "KeyError" in record.message


@pytest.mark.usefixtures("defect")
def test_it_is_told_with_its_sheet(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    path = tmp_path / "two.xlsx"
    with xlsxwriter.Workbook(path) as book:
        for name, value in (("North", 1), ("South", int(DEFECT))):
            book.add_worksheet(name).add_table(
                0,
                0,
                2,
                2,
                {"columns": [{"header": one["name"]} for one in FIELDS], "data": [["A", 1, 2], ["B", 2, value]]},
            )
    record = parsed(path, dataset(*FIELDS, workbook={"sheets": {"index": "all"}})).report.rejection
    assert record is not None
    assert (record.code, record.field, record.row, record.sheet) == ("file.unreadable", "two", 3, "South")


@pytest.mark.parametrize("stage", ["find_table", "reconcile", "cell_notes"])
def test_any_stage_is_guarded(
    dataset: Make, workbook: Write, parsed: Parse, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def wrong(*_: object) -> None:
        raise IndexError(stage)

    monkeypatch.setattr(f"ingest.parse.{stage}", wrong)
    record = parsed(workbook([["no", "one", "two"], ["A", 1, 2]]), dataset(*FIELDS)).report.rejection
    assert record is not None
    assert record.code == "file.unreadable"
    assert "IndexError" in record.message


@pytest.mark.parametrize("failure", [MemoryError(), OSError(28, "No space left on device")])
def test_what_the_machine_lacks_is_nobodys_fault(
    dataset: Make, workbook: Write, parsed: Parse, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def wrong(*_: object) -> None:
        raise failure

    monkeypatch.setattr("ingest.parse.reconcile", wrong)
    with pytest.raises(type(failure)):
        parsed(workbook([["no", "one", "two"], ["A", 1, 2]]), dataset(*FIELDS))


def test_a_failure_of_several_rows_has_no_row() -> None:
    def sums(rows: np.ndarray[Any, Any]) -> None:
        if rows.sum() > 40:
            raise OverflowError

    assert failing_row(10, sums) is None
    assert failing_row(0, sums) is None
