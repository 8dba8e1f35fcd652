"""Which dataset takes a file: by name, or by the one pattern that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.errors import FileRejectedError
from ingest.spec.dataset_file import parse_dataset
from ingest.spec.matching import choose_dataset

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset


def dataset(name: str, *globs: str) -> Dataset:
    match = f"match: {{glob: {list(globs)!r}}}" if globs else ""
    return parse_dataset(
        f"dataset: {name}\nversion: 1\n{match}\nfields: [{{name: a, type: string, header: [A]}}]\n"
        f"load: {{table: {name}, mode: insert}}\n",
        f"{name}.yml",
    )


def chosen(paths: tuple[str, ...], *datasets: Dataset, name: str | None = None) -> str:
    return choose_dataset({one.dataset: one for one in datasets}, name, *paths).dataset


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
        ("**/in/**/*.xls", "x/in/y/in/z/a.xls", True),
        ("**/in/**/*.xls", "a.xls", False),
        ("**/in/**", "in", True),
        ("a/**/b/c", "a/b/x/b/c", True),
        ("a/**/b/c", "a/b/c/d", False),
        ("**/in/**/in/**/*.xls", "in/" * 10_000 + "a.csv", False),
        ("订单*", "订单-11月.xlsx", True),
    ],
)
def test_patterns(glob: str, path: str, taken: bool) -> None:  # noqa: FBT001  # a table of cases
    if taken:
        assert chosen((path,), dataset("one", glob)) == "one"
    else:
        with pytest.raises(FileRejectedError) as caught:
            chosen((path,), dataset("one", glob))
        assert caught.value.record.code == "file.no_spec"


def test_a_name_decides_over_patterns_and_an_unknown_one_lists_the_known() -> None:
    known = dataset("one", "**"), dataset("two")
    assert chosen(("x.xlsx",), *known, name="two") == "two"
    with pytest.raises(FileRejectedError) as caught:
        chosen(("x.xlsx",), *known, name="three")
    assert caught.value.record.code == "file.no_spec"
    assert "one, two" in caught.value.record.hint


def test_two_patterns_that_fit_are_ambiguous() -> None:
    with pytest.raises(FileRejectedError) as caught:
        chosen(("orders.xlsx",), dataset("one", "**"), dataset("two", "orders*"))
    assert caught.value.record.code == "file.spec_ambiguous"
    assert "one, two" in caught.value.record.message


@pytest.mark.parametrize("name", [None, "orders"])
def test_where_no_dataset_is_configured_that_is_said(name: str | None) -> None:
    with pytest.raises(FileRejectedError) as caught:
        chosen(("orders.xlsx",), name=name)
    assert caught.value.record.code == "file.no_spec"
    assert caught.value.record.hint.startswith("no dataset is configured")
