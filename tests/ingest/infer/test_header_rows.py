"""Headers of several rows: titles of groups above other titles, units below them; and no row of data is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from drafts import draft, types

from ingest.infer import draft_sample
from ingest.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

    Write = Callable[..., Path]


def over(columns: int, text: str, rows: int = 1) -> Callable[[Workbook, Worksheet, int, int], None]:
    """Return a cell that is merged with those behind it, and below it."""

    def write(_: Workbook, page: Worksheet, row: int, column: int) -> None:
        page.merge_range(row, column, row + rows - 1, column + columns - 1, text)

    return write


def numbered(count: int, columns: int) -> list[list[Any]]:
    return [[f"n{row}", *(row + column / 4 for column in range(1, columns))] for row in range(count)]


GROUPS: list[list[Any]] = [
    [over(1, "Shop", 2), over(2, "May"), None, over(2, "June"), None],
    [None, "Qty", "Amt", "Qty", "Amt"],
]
THREE: list[list[Any]] = [
    [over(1, "Shop", 3), over(4, "Plan")],
    [None, over(2, "May"), None, over(2, "June")],
    [None, "Qty", "Amt", "Qty", "Amt"],
]


@pytest.mark.parametrize(
    ("header", "names", "height"),
    [
        (GROUPS, ["shop", "may_qty", "may_amt", "june_qty", "june_amt"], 2),
        ([["Report"], [], *GROUPS], ["shop", "may_qty", "may_amt", "june_qty", "june_amt"], 2),
        ([[None, *GROUPS[0][1:]], ["Shop", *GROUPS[1][1:]]], ["shop", "may_qty", "may_amt", "june_qty", "june_amt"], 2),
        ([[None, over(4, "May")], ["Shop", "Qty", "Amt", "Tax", "Net"]], ["shop", "qty", "amt", "tax", "net"], 1),
        (
            [[over(1, "Shop", 2), over(2, "Sales"), None, "A", "B"], [None, "Qty", "Amt", "C", "D"]],
            ["shop", "sales_qty"],
            2,
        ),
        ([["Shop", over(2, "Sales"), None, "A", "B"], ["name", "x", "y", "a", "b"]], ["shop_name", "sales_x"], 2),
        ([[over(5, "Sales of May")], ["Shop", "Qty", "Amt", "Tax", "Net"]], ["shop", "qty"], 1),
        (THREE, ["shop", "plan_may_qty", "plan_may_amt"], 3),
    ],
    ids=[
        "groups",
        "below a line",
        "shop below",
        "single group",
        "unlike titles",
        "all titled",
        "title of the table",
        "three rows",
    ],
)
def test_titles_of_groups_are_joined_with_those_below(
    workbook: Write, tmp_path: Path, header: list[Any], names: list[str], height: int
) -> None:
    sample = draft_sample(workbook([*header, *numbered(4, 5)]))
    drafted = draft(workbook([*header, *numbered(4, 5)]))
    assert [field.name for field in drafted.fields][: len(names)] == names
    assert drafted.header.rows == height
    assert "Mend" not in sample.text
    later = workbook([*header, *numbered(7, 5)], name="later.xlsx")
    report = parse(later, drafted, tmp_path)
    assert (report.rows.accepted, report.rows.rejected) == (7, 0)


@pytest.mark.parametrize(
    "units",
    [
        [None, "kg", "m"],
        ["[-]", "[kg]", "[m]"],
        ["-", "EUR", "%"],
        [None, "€", "l/min"],
        [None, "公斤", "万元"],
        [None, "m³/h", "kg/m³"],
        [None, "(in thousands)", "pcs"],
        [None, None, "°C"],
    ],
)
def test_units_below_the_titles_are_part_of_them(workbook: Write, tmp_path: Path, units: Sequence[str | None]) -> None:
    header = [["Name", "First", "Second"], list(units)]
    drafted = draft(workbook([*header, *numbered(4, 3)]))
    assert drafted.header.rows == 2
    assert list(types(drafted).values())[1:] == ["decimal(18,2)"] * 2
    assert parse(workbook([*header, *numbered(6, 3)], name="b.xlsx"), drafted, tmp_path).rows.accepted == 6


def test_units_that_change_do_not_pass_for_the_same(workbook: Write, tmp_path: Path) -> None:
    drafted = draft(workbook([["Name", "Weight"], [None, "kg"], *numbered(4, 2)]))
    other = workbook([["Name", "Weight"], [None, "lb"], *numbered(4, 2)], name="b.xlsx")
    report = parse(other, drafted, tmp_path)
    assert report.rows.accepted == 0 or "header.drift" in report.codes


def test_units_in_a_text(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("time;temp;flow\n;°C;l/min\n2026-05-01 10:00;20,5;3\n2026-05-01 10:01;21,5;4\n", "utf-8")
    drafted = draft(path)
    assert list(types(drafted).items())[1:] == [("temp_c", "decimal(18,2)"), ("flow_l_min", "integer")]
    assert parse(path, drafted, tmp_path).rows.accepted == 2


@pytest.mark.parametrize(
    "rows",
    [
        [["from", "to"], ["kg", "g"], ["m", "cm"]],
        [["name", "unit", "price"], ["salt", "kg", 1.5], ["wire", "m", 2.5]],
        [["code", "size"], ["M", "L"], ["S", "M"]],
        [["grade", "count"], ["A", "-"], ["B", 3]],
        [["first", "last", "age"], ["Anna", "Bell", "unknown"], ["Cy", "Dee", 31]],
        [[over(2, "Name"), None, "City"], ["Anna", "Bell", "Rome"], ["Cy", "Dee", "Oslo"]],
        [["Name", "Weight"], ["kg", 5], ["m", 6]],
    ],
)
def test_a_row_of_data_is_no_part_of_the_header(workbook: Write, rows: list[list[Any]]) -> None:
    text = draft_sample(workbook(rows)).text
    assert "rows: " not in text.split("fields:")[0]
    assert "sample of 2 rows" in text
