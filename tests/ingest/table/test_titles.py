"""Titles are compared without regard to the white space within them, unless that is all that tells two apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.infer import draft_sample
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

NUMBER = {"name": "a", "type": "string", "header": ["Order No"]}
OTHER = {"name": "b", "type": "string"}


@pytest.mark.parametrize(
    "title", ["Order\nNo", "Order  No", " order\r\n NO ", "Order\u00a0No", "Order\tNo", "Order\u3000No"]
)
def test_a_title_in_several_lines_is_the_same(dataset: Make, workbook: Write, parsed: Parse, title: str) -> None:
    path = workbook([[title, "b"], ["x", "y"]])
    for wanted in ("Order No", "Order \n No"):
        outcome = parsed(path, dataset({**NUMBER, "header": [wanted]}, OTHER))
        assert (outcome.column(), outcome.faults) == (["x"], [])


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        ("Miktar", "MİKTAR"),
        ("SATIŞ", "Satış"),
        ("İade", "i\u0307ade"),
        ("Order No", "\u200bOrder No"),
        ("Order No", "Or\u00adder No\ufeff"),
        ("الكمية", "\u200fالكمية\u200e"),
        ("♥", "♥\ufe0f"),
    ],
)
def test_dots_and_what_cannot_be_seen_make_no_other_title(
    dataset: Make, workbook: Write, parsed: Parse, wanted: str, title: str
) -> None:
    outcome = parsed(workbook([[title, "b"], ["x", "y"]]), dataset({**NUMBER, "header": [wanted]}, OTHER))
    assert outcome.accepted == {2: ["x", "y"]}


def test_with_both_titles_each_is_its_own(dataset: Make, workbook: Write, parsed: Parse, tmp_path: Path) -> None:
    path = workbook([["Order No", "Order  No", "b"], ["x", "y", "z"]])
    second = {**NUMBER, "name": "c", "header": ["Order  No"]}
    outcome = parsed(path, dataset(NUMBER, second, OTHER))
    assert outcome.accepted == {2: ["x", "y", "z"]}
    assert parsed(path, dataset(second, OTHER)).column() == ["y"]
    draft = draft_sample(path).text
    assert "left out" not in draft
    assert parse(path, parse_dataset(draft, "draft.yml"), tmp_path).rows.accepted == 1


def test_two_titles_that_are_the_same_otherwise_are_not_guessed(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["Order\nNo", "Order  No", "b"], ["x", "y", "z"]])
    assert parsed(path, dataset(NUMBER, OTHER)).refusal == "header.duplicate_label"


def test_a_column_is_not_taken_from_the_field_that_names_it(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["Order  No", "b"], ["x", "y"]])
    second = {**NUMBER, "name": "c", "header": ["Order  No"]}
    assert parsed(path, dataset(NUMBER, second, OTHER)).accepted == {2: [None, "x", "y"]}


def test_a_field_may_name_its_title_in_both_ways(dataset: Make, workbook: Write, parsed: Parse) -> None:
    both = {**NUMBER, "header": ["Order No", "Order\nNo"]}
    for title in ("Order No", "Order\nNo", "Order   No"):
        assert parsed(workbook([[title, "b"], ["x", "y"]]), dataset(both, OTHER)).column() == ["x"]


def test_footers_are_compared_as_they_were(dataset: Make, workbook: Write, parsed: Parse) -> None:
    spec = dataset(NUMBER, {"name": "n", "type": "integer"}, table_end={"footers": ["Sum  total"]})
    path = workbook([["Order\nNo", "n"], ["x", 1], ["Sum  total", 1]])
    assert parsed(path, spec).report.rows.footer == 1
