"""One value of a YAML document changed: the value is the new one, and everything else is as it was written."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.spec.yaml_document import parse_yaml
from ingest.spec.yaml_edit import edited

FLOW = """\
# looked at by Anna
dataset: orders
fields:
  - {name: nr, type: string, header: [Nr]}  # as "1"
  # or: {name: nr, type: integer}
  - {name: price, type: 'decimal(18,2)'}
primaryKey: [nr]  # certain
load: {table: orders, mode: upsert}
"""
BLOCK = """\
dataset: orders
fields:
  - name: nr  # first
    type: string
  - name: price
    type: number
match:
load:
  table: orders  # the old one
  mode: insert
# end
"""


def test_only_the_changed_line_is_another() -> None:
    new = edited(FLOW, ("fields", 0, "type"), "integer")
    assert new == FLOW.replace("type: string", "type: integer", 1)
    assert edited(FLOW, ("load", "mode"), "insert") == FLOW.replace("mode: upsert", "mode: insert")
    assert edited(FLOW, ("dataset",), "1: x") == FLOW.replace("dataset: orders", "dataset: '1: x'")


def test_what_is_taken_away_goes_with_its_line() -> None:
    assert edited(FLOW, ("primaryKey",), None) == FLOW.replace("primaryKey: [nr]  # certain\n", "")
    assert edited(FLOW, ("missing",), None) == FLOW
    with_rule = edited(FLOW, ("fields", 0, "constraints", "required"), True)  # noqa: FBT003  # a value of the document
    assert "constraints: {required: true}}  # as" in with_rule
    assert edited(with_rule, ("fields", 0, "constraints", "required"), None) == FLOW


def test_what_is_not_there_is_put_there() -> None:
    assert edited("dataset: a", ("primaryKey",), ["x", "y"]) == "dataset: a\nprimaryKey: [x, y]\n"
    assert edited(BLOCK, ("match", "glob"), "a*") == BLOCK.replace("match:", "match: {glob: a*}")


def test_block_style_is_written_anew_and_what_is_beside_it_stays() -> None:
    new = edited(edited(BLOCK, ("fields", 0, "type"), "integer"), ("load", "mode"), "replace")
    assert new == BLOCK.replace("name: nr  # first\n    type: string", "{name: nr, type: integer}").replace(
        "table: orders  # the old one\n  mode: insert", "{table: orders, mode: replace}"
    )


@pytest.mark.parametrize(
    ("text", "location"),
    [
        (FLOW, ("fields", 7, "type")),
        (FLOW, ("fields", 0)),
        (FLOW, ("dataset", "name")),
        (FLOW, ("fields", "name")),
        ("a: &x {b: 1}\nc: *x\n", ("c", "b")),
    ],
    ids=["no item", "an item itself", "below a text", "a key in a list", "an alias"],
)
def test_what_cannot_be_changed_is_said(text: str, location: tuple[str | int, ...]) -> None:
    with pytest.raises(LookupError):
        edited(text, location, "new")


VALUES = st.one_of(
    st.text(max_size=12), st.integers(), st.booleans(), st.lists(st.text(max_size=5), max_size=3, min_size=1)
)
PLACES = st.sampled_from(
    [("dataset",), ("fields", 0, "type"), ("fields", 1, "name"), ("load", "table"), ("primaryKey",), ("new",)]
)


@settings(deadline=None)
@given(text=st.sampled_from([FLOW, BLOCK]), changes=st.lists(st.tuples(PLACES, VALUES), max_size=4))
def test_any_changes_leave_what_they_say(text: str, changes: list[tuple[Any, Any]]) -> None:
    wanted: Any = copy.deepcopy(dict(parse_yaml(text, "t").data))
    for location, value in changes:
        text = edited(text, location, value)
        *way, last = location
        place = wanted
        for part in way:
            place = place[part]
        place[last] = value
    assert parse_yaml(text, "t").data == wanted
