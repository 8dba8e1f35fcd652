"""docs/architecture.svg is what the imports make of it, and docs/architecture.md names what is there."""

from __future__ import annotations

import re

import pytest
from architecture import WAY, drawing
from import_graph import ROOT, Rooms, rooms


def test_the_picture_is_what_the_imports_make_of_it() -> None:
    """`make docs` draws it anew."""
    made = "".join(f"{line}\n" for line in drawing(rooms()))
    assert (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8") == made


def test_the_way_of_a_workbook_leads_through_rooms_that_are_there() -> None:
    assert {*WAY} <= {*rooms().modules}


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md", "README.md"])
def test_files_and_folders_that_a_document_names_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:daemon|ingest|tests|alerts|grafana|deploy|docs|examples)/[\w./-]*)`", text))
    assert named or name == "SECURITY.md"
    assert not {one for one in named if not (ROOT / one).exists()}


def test_levels_directions_and_circles_are_found() -> None:
    arrows = {"door": {"hall", "cellar"}, "hall": {"cellar", "room"}, "room": {"hall"}, "cellar": set()}
    house = Rooms(modules={name: (name,) for name in arrows}, arrows={k: frozenset(v) for k, v in arrows.items()})
    assert house.circles == [("hall", "room")]
    assert house.levels() == [["cellar"], ["hall", "room"], ["door"]]
    assert house.arrow_count == 5
    straight = Rooms(modules=house.modules, arrows={**house.arrows, "room": frozenset()})
    assert straight.circles == []
    assert straight.direct()["door"] == {"hall"}
