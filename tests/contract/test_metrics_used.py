"""Every metric of a rule or panel is exported, with the labels asked for; every exported one is used or excused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from dashboards import ROOT, Selection, load, panels, rules, selections, targets

from daemon.metrics.catalogue import CATALOGUE

if TYPE_CHECKING:
    from daemon.metrics.definitions import Definition

MADE_BY_PROMETHEUS = {"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_scraped"}
UNUSED = {
    "python_gc_objects_collected_total": "collections and what could not be collected say what there is to know",
}
"""Exported metrics that no rule and no panel uses, and why they are exported all the same."""

SCRAPED = {"job", "instance"}
DEFINED = {definition.name: definition for definition in CATALOGUE}


def exported() -> set[str]:
    """Every family that docs/metrics.md lists; test_series.py holds that page to a daemon's registry."""
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE))


def family(series: str) -> str:
    """The family that a series belongs to: a histogram has three."""
    shorter = re.sub(r"_(bucket|sum|count)$", "", series)
    return shorter if shorter in DEFINED and DEFINED[shorter].kind == "histogram" else series


def used() -> Iterator[tuple[str, Selection]]:
    for target in targets():
        yield from ((target.place, selection) for selection in selections(target.promql()))
    for rule in rules():
        name = rule.get("alert") or rule["record"]
        yield from ((name, selection) for selection in selections(rule["expr"]))


USED = list(used())
RECORDED = {rule["record"] for rule in rules() if "record" in rule}


def test_no_metric_is_used_that_nobody_exports() -> None:
    known = exported() | RECORDED | MADE_BY_PROMETHEUS
    missing = {(place, selection.name) for place, selection in USED if family(selection.name) not in known}
    assert not missing


def test_every_exported_metric_is_used_or_said_not_to_be() -> None:
    names = {family(selection.name) for _, selection in USED}
    assert exported() - names == set(UNUSED)


def test_recorded_series_are_used() -> None:
    assert {selection.name for _, selection in USED} >= RECORDED


@pytest.mark.parametrize("definition", CATALOGUE, ids=lambda definition: definition.name)
def test_labels_that_are_asked_for_exist(definition: Definition) -> None:
    """A matcher on a label or a value that is never exported would be silently empty, and an alert silent."""
    for place, selection in USED:
        if family(selection.name) != definition.name:
            continue
        for label, wanted in selection.matchers.items():
            if label in SCRAPED | {"__name__"}:
                continue
            assert label in {*definition.labels, "le"}, place
            values = definition.labels.get(label)
            if isinstance(values, tuple):
                assert any(re.fullmatch(wanted, value) for value in values), (place, label, wanted)


def test_legends_name_labels_that_are_kept() -> None:
    """`{{label}}` in a legend is empty unless the query groups by it."""
    for path in sorted((ROOT / "grafana" / "dashboards").glob("*.json")):
        for panel in panels(load(path)):
            for target in panel["targets"]:
                kept = set(re.split(r",\s*", ", ".join(re.findall(r"by \(([^)]*)\)", target["expr"]))))
                named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
                assert named <= kept, (path.stem, panel["title"])
