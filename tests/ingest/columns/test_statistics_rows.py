"""Rows of averages and other statistics below the data: proven by the numbers, and no row of data taken for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ingest.spec.dataset import Dataset
    from tests.ingest.conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

FIELDS = (
    {"name": "shop", "type": "string"},
    {"name": "count", "type": "integer"},
    {"name": "price", "type": "decimal(9,2)"},
)
SHOPS = [["North", 3, 1.5], ["South", 5, 2.25], ["East", 7, 2.0], ["West", 6, 4.0]]


def loaded(parsed: Parse, file: Path, spec: Dataset) -> Sequence[Any]:
    """Return the first column of what is loaded."""
    return parsed(file, spec).column(0)


@pytest.mark.parametrize(
    "below",
    [
        [["Average", 5.25, 2.4375]],
        [["Average", 5.25, 2.44]],
        [["AVERAGE:", None, 2.4375]],
        [["Durchschnitt", 5.25, 2.1]],
        [["平均值", 5.25, 2.4375]],
        [["Total", 21, 9.75], ["Average", 5.25, 2.4375]],
        [["Average", 5.25, 2.4375], ["Total", 21, 9.75]],
        [[None, None, None], ["Average", 5.25, 2.4375], ["Printed by the office", None, None]],
    ],
)
@pytest.mark.parametrize(
    "words", [{"known_totals": True}, {"footers": ["Total", "Average*", "Durchschnitt", "平均值"]}]
)
def test_averages_of_what_stands_above_are_no_data(
    dataset: Make, workbook: Write, parsed: Parse, below: list[list[Any]], words: dict[str, Any]
) -> None:
    spec = dataset(*FIELDS, table_end=words)
    outcome = parsed(workbook([["shop", "count", "price"], *SHOPS, *below]), spec)
    assert outcome.column(0)[:4] == ["North", "South", "East", "West"]
    assert not {"Average", "AVERAGE:", "Durchschnitt", "平均值", "Total"} & set(outcome.column(0))


@pytest.mark.parametrize(
    "row",
    [
        ["Media", 5, 2.0],  # a department; its numbers are near the averages, and round ones
        ["Average", 3, 1.5],
        ["Average", 5.25, 9.0],
        ["Average Joe", 5.25, 2.44],
        ["Mean Machines", 5.25, 2.44],
        ["Average", None, None],
    ],
)
def test_a_row_that_is_only_called_so_is_data(dataset: Make, workbook: Write, parsed: Parse, row: list[Any]) -> None:
    fields = (FIELDS[0], {"name": "count", "type": "number"}, FIELDS[2])
    spec = dataset(*fields, table_end={"known_totals": True})
    assert loaded(parsed, workbook([["shop", "count", "price"], *SHOPS, row]), spec)[-1] == row[0]


READINGS = [["s1", 20.1], ["s2", 20.5], ["s3", 19.9], ["s4", 20.3]]
MEAN, SD = 20.2, 0.2582


@pytest.mark.parametrize(
    "below",
    [
        [["Mean", MEAN], ["SD", SD]],
        [["Mean", MEAN], ["SD", SD], ["%RSD", 1.278]],
        [["Min", 19.9], ["Max", 20.5], ["Average", MEAN]],
        [["Minimum", 19.9], ["Maximum", 20.5]],
        [["最大值", 20.5], ["最小值", 19.9], ["平均值", MEAN], ["标准差", SD]],
        [["Count", 4], ["Mean", MEAN], ["Median", MEAN], ["Std. Dev.", 0.2236]],
    ],
)
def test_statistics_below_readings_are_no_data(
    dataset: Make, workbook: Write, parsed: Parse, below: list[list[Any]]
) -> None:
    fields = ({"name": "sample", "type": "string"}, {"name": "reading", "type": "number"})
    spec = dataset(*fields, table_end={"known_totals": True})
    assert loaded(parsed, workbook([["sample", "reading"], *READINGS, *below]), spec) == ["s1", "s2", "s3", "s4"]


@pytest.mark.parametrize("below", [[["Max", 20.5]], [["Max", 31.0], ["Min", 30.0]], [["Max", 20.5], ["Max", 20.5]]])
def test_people_called_max_are_data(dataset: Make, workbook: Write, parsed: Parse, below: list[list[Any]]) -> None:
    fields = ({"name": "name", "type": "string"}, {"name": "hours", "type": "number"})
    spec = dataset(*fields, table_end={"known_totals": True})
    found = loaded(parsed, workbook([["name", "hours"], *READINGS, *below]), spec)
    assert found[4:] == [row[0] for row in below]


def test_averages_above_data_are_data(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(
        {"name": "shop", "type": "string"}, {"name": "count", "type": "integer"}, table_end={"known_totals": True}
    )
    rows = [["good", 2], ["poor", 4], ["average", 3], ["good", 6]]
    assert loaded(parsed, workbook([["shop", "count"], *rows]), spec) == ["good", "poor", "average", "good"]


def test_averages_are_not_looked_for_unless_a_dataset_says_so(dataset: Make, workbook: Write, parsed: Parse) -> None:
    fields = (FIELDS[0], {"name": "count", "type": "number"}, FIELDS[2])
    file = workbook([["shop", "count", "price"], *SHOPS, ["Average", 5.25, 2.44]])
    assert loaded(parsed, file, dataset(*fields))[-1] == "Average"


def test_several_rows_that_are_called_so_are_data(dataset: Make, workbook: Write, parsed: Parse) -> None:
    fields = ({"name": "mark", "type": "string"}, {"name": "count", "type": "integer"})
    spec = dataset(*fields, table_end={"known_totals": True})
    rows = [["good", 1], ["good", 3], ["average", 2], ["average", 2]]
    assert loaded(parsed, workbook([["mark", "count"], *rows]), spec) == ["good", "good", "average", "average"]
