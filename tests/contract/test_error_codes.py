"""docs/errors.md, in each language that it is in, and the catalogue of codes say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import ROOT
from error_pages import brought_up_to_date, codes, error_pages

from ingest.errors import CODES

EACH_PAGE = pytest.mark.parametrize("page", error_pages(), ids=lambda page: page.relative_to(ROOT).as_posix())


@EACH_PAGE
def test_every_code_has_a_section_in_the_order_of_the_catalogue(page: Path) -> None:
    assert codes(page) == CODES


@EACH_PAGE
def test_severity_and_remedy_are_those_of_the_catalogue(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == brought_up_to_date(page), "run `make docs`"


def test_every_code_named_in_the_code_is_in_the_catalogue() -> None:
    named = set()
    for path in [*(ROOT / "ingest").rglob("*.py"), *(ROOT / "daemon").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r'"((?:file|sheet|header|table|load|row|cell)\.[a-z_]+)"', text))
    beginnings = {name for name in named if name.endswith("_")}
    assert named - beginnings <= set(CODES)
    assert all(any(code.startswith(name) for code in CODES) for name in beginnings)
    assert len(named) > 40
