"""Values written as YAML: one line, and read as they were by the rules of YAML 1.1 and of 1.2."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.spec.yaml_document import parse_yaml
from ingest.spec.yaml_text import inline, quoted

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.one_of(TEXTS, st.booleans(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["a", "b"]), inner)),
    max_leaves=6,
)


@given(VALUES)
@example("null")
@example("1e3")
@example("0o17")
@example("no")
@example("12:30")
@example("a\u2028b\x85c\n")
@example("\ufeff#: [")
def test_what_is_written_is_read(value: Any) -> None:
    line = inline({"key": value})
    assert "\n" not in line
    assert yaml.safe_load(line) == {"key": value}
    assert parse_yaml(line, "x.yml").data == {"key": value}


@given(TEXTS)
def test_a_quoted_text_can_stand_in_a_comment(text: str) -> None:
    line = quoted(text)
    assert len(line.splitlines()) == 1
    assert yaml.safe_load(line) == text
    assert yaml.safe_load(f"a: 1  # {line}\nb: 2") == {"a": 1, "b": 2}
