"""Which dataset takes a file: by name, or by the one pattern that fits."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.intake.submissions import Submissions
from ingest.errors import FileRejectedError
from ingest.spec.dataset import Dataset, parse_dataset


def dataset(name: str, *globs: str) -> Dataset:
    match = f"match: {{glob: {list(globs)!r}}}" if globs else ""
    return parse_dataset(
        f"dataset: {name}\nversion: 1\n{match}\nfields: [{{name: a, type: string, header: [A]}}]\n"
        f"load: {{table: {name}, mode: insert}}\n",
        f"{name}.yml",
    )


def submissions(*datasets: Dataset) -> Submissions:
    unused: Any = None
    return Submissions(
        ledger=unused,
        spool=unused,
        executors=unused,
        datasets={one.dataset: one for one in datasets},
        metrics=unused,
        wake=lambda: None,
    )


@pytest.mark.parametrize(
    ("glob", "path", "taken"),
    [
        ("orders*", "orders-1.xlsx", True),
        ("orders*", "2026/11/orders-1.xlsx", True),
        ("orders*", "orders/stock.xlsx", False),
        ("**", "a/b/c.xlsx", True),
        ("in/shopee/**", "in/shopee/c.xlsx", True),
        ("in/shopee/**", "in/shopee/2026/c.xlsx", True),
        ("in/shopee/**", "in/lazada/c.xlsx", False),
        ("**/stock/*.xls", "stock/a.xls", True),
        ("**/stock/*.xls", "x/y/stock/a.xls", True),
        ("**/stock/*.xls", "x/stock/y/a.xls", False),
        ("订单*", "订单-11月.xlsx", True),
    ],
)
def test_patterns(glob: str, path: str, taken: bool) -> None:  # noqa: FBT001  # a table of cases
    choose = submissions(dataset("one", glob)).choose
    if taken:
        assert choose(None, path).dataset == "one"
    else:
        with pytest.raises(FileRejectedError) as caught:
            choose(None, path)
        assert caught.value.record.code == "file.no_spec"


def test_a_name_decides_over_patterns_and_an_unknown_one_lists_the_known() -> None:
    chooser = submissions(dataset("one", "**"), dataset("two"))
    assert chooser.choose("two", "x.xlsx").dataset == "two"
    with pytest.raises(FileRejectedError) as caught:
        chooser.choose("three", "x.xlsx")
    assert caught.value.record.code == "file.no_spec"
    assert "one, two" in caught.value.record.hint


def test_two_patterns_that_fit_are_ambiguous() -> None:
    with pytest.raises(FileRejectedError) as caught:
        submissions(dataset("one", "**"), dataset("two", "orders*")).choose(None, "orders.xlsx")
    assert caught.value.record.code == "file.spec_ambiguous"
    assert "one, two" in caught.value.record.message
