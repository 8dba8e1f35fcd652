"""The line below a database's result is no row of it, if it counts the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Any]

FIELDS = ({"name": "sku", "type": "string"}, {"name": "qty", "type": "integer"})


@pytest.mark.parametrize(
    "line",
    [
        *(
            "(2 rows)",
            "(2 rows affected)",
            "2 rows selected.",
            "2 rows in set (0.00 sec)",
            "2 rows selected (0.2 seconds)",
        ),
        *(
            "(2 Zeilen)",
            "(2 lignes)",
            "(2 filas)",
            "(2 строки)",
            "(2 行记录)",
            "(2 行)",
            "已选择 2 行。",
            "(2 row(s) affected)",
        ),
    ],
)
@pytest.mark.parametrize("between", ["", "\n", "sku,qty\n"])
def test_a_line_that_counts_the_rows_is_none(
    dataset: Make, parsed: Make, tmp_path: Path, line: str, between: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"sku,qty\nA,1\nB,2\n{between}{line}\n", encoding="utf-8")
    outcome = parsed(path, dataset(*FIELDS))
    assert outcome.column() == ["A", "B"]
    assert (outcome.faults, outcome.report.rows.footer) == ([], 1 + between.startswith("sku"))


@pytest.mark.parametrize("line", ["(3 rows)", "2 rowing boats", "2 Reihen", "2", "rows: 2", '"2 rows",5'])
def test_what_counts_something_else_is_a_row(dataset: Make, parsed: Make, tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f"sku,qty\nA,1\nB,2\n{line}\n", encoding="utf-8")
    assert len(parsed(path, dataset(*FIELDS)).accepted) == 3


def test_in_the_midst_it_is_one(dataset: Make, parsed: Make, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sku,qty\nA,1\n1 row\n" + "B,2\n" * 9, encoding="utf-8")
    assert len(parsed(path, dataset(*FIELDS)).accepted) == 11
