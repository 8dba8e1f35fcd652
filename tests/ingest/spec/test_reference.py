"""References to other tables as they are written, and what is none."""

from __future__ import annotations

import pytest

from ingest.spec.dataset_file import parse_dataset
from ingest.spec.reference import Reference
from ingest.spec.yaml_document import DocumentError


def spec(keys: str) -> str:
    return f"dataset: d\nfields:\n  - {{name: shop, type: string, {keys}}}\nload: {{table: sales}}\n"


@pytest.mark.parametrize(
    ("written", "table", "field", "gives"),
    [
        ("references: shops.code", "shops", "code", None),
        ("references: app.shops.code", "app.shops", "code", None),
        ("references: {table: shops, field: code}", "shops", "code", None),
        ("lookup: shops.code -> shops.id", "shops", "code", "id"),
        ("lookup: shops.code->id", "shops", "code", "id"),
        ("lookup: app.shops.code -> app.shops.id", "app.shops", "code", "id"),
        ("lookup: {table: app.shops, field: code, gives: id}", "app.shops", "code", "id"),
    ],
)
def test_each_way_to_write_a_reference(written: str, table: str, field: str, gives: str | None) -> None:
    [found] = parse_dataset(spec(written), "d.yml").fields
    assert found.parent == Reference(table=table, field=field, gives=gives)


@pytest.mark.parametrize(
    ("written", "reason", "remedy"),
    [
        ("references: shops", "'shops' names no column of a table", "write shops.code"),
        ("references: {table: shops, field: code, gives: id}", "references gives a column", "write lookup: "),
        ("references: {table: shops}", "required, but missing", "add it"),
        ("references: {table: shops, column: code}", "", ""),
        ("lookup: shops.code", "is no lookup within one table", "write shops.code -> shops.id"),
        ("lookup: shops.code -> regions.id", "is no lookup within one table", "write shops.code -> shops.id"),
        ("lookup: {table: shops, field: code}", "lookup gives no column", "write shops.code -> shops.id"),
        ("references: shops.code, lookup: shops.code -> shops.id", "both given", "keep lookup"),
        ("references: '\"App\".shops.code'", "names are written without quotes", "write App.shops"),
    ],
)
def test_what_is_none_is_refused_by_name(written: str, reason: str, remedy: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_dataset(spec(written), "d.yml")
    assert any(reason in problem.reason and remedy in problem.remedy for problem in refused.value.problems)
