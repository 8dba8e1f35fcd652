"""docs/errors.md and the catalogue of codes say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ingest.errors import CATALOGUE, CODES

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(
    r"### `(?P<code>[a-z_.]+)`\n\n(?P<severity>\w+)\. (?P<cause>.+)\n\n"
    r"- Example: (?P<example>.+)\n- Remedy: (?P<remedy>.+)\n"
)
SECTIONS = {
    found["code"]: found for found in SECTION.finditer((ROOT / "docs" / "errors.md").read_text(encoding="utf-8"))
}


def test_every_code_has_a_section_in_the_order_of_the_catalogue() -> None:
    assert tuple(SECTIONS) == CODES


@pytest.mark.parametrize("code", CODES)
def test_severity_and_remedy_are_those_of_the_catalogue(code: str) -> None:
    section, entry = SECTIONS[code], CATALOGUE[code]
    assert section["severity"].lower() == entry.severity
    assert section["remedy"] == entry.hint


def test_every_code_named_in_the_code_is_in_the_catalogue() -> None:
    named = set()
    for path in [*(ROOT / "ingest").rglob("*.py"), *(ROOT / "daemon").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'"((?:file|sheet|header|table|load|row|cell)\.[a-z_]+)"', text))
    beginnings = {name for name in named if name.endswith("_")}
    assert named - beginnings <= set(CODES)
    assert all(any(code.startswith(name) for code in CODES) for name in beginnings)
    assert len(named) > 40
