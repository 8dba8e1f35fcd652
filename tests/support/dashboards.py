"""The committed dashboards and rules as tests read them: panels, queries with Grafana's variables filled in, names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
RULE_FILES = sorted((ROOT / "alerts" / "rules").glob("*.yml"))
INTERVALS = {"$__rate_interval": "4m", "$__interval": "1m", "$__range": "6h"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One query of one panel."""

    dashboard: str
    panel: Mapping[str, Any]
    reference: str
    raw: str

    @property
    def place(self) -> str:
        return f"{self.dashboard} / {self.panel['title']} / {self.reference}"

    def promql(self, **variables: str) -> str:
        return filled(self.raw, **variables)


def filled(text: str, **variables: str) -> str:
    """Return PromQL with Grafana's variables replaced; those not named match everything, as All does."""
    for name, value in {"job": ".+", "instance": ".+", "dataset": ".+", **variables}.items():
        text = text.replace(f'"${name}"', f'"{value}"')
    for name, value in INTERVALS.items():
        text = text.replace(name, variables.get(name.removeprefix("$__"), value))
    return text


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def panels(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every panel but the rows, those inside of rows included."""
    found = []
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            found += panel["panels"]
        else:
            found.append(panel)
    return found


def targets() -> Iterator[Target]:
    for path in FILES:
        for panel in panels(load(path)):
            for target in panel["targets"]:
                yield Target(dashboard=path.stem, panel=panel, reference=target["refId"], raw=target["expr"])


def rules() -> Iterator[Mapping[str, Any]]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Series that an expression selects, with the functions around them from the outside in, and their range."""

    name: str
    matchers: Mapping[str, str]
    functions: tuple[str, ...]
    range: timedelta | None


def selections(promql: str) -> list[Selection]:
    found: list[Selection] = []
    around: list[str] = []
    ranges: list[timedelta] = []

    def before(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.Call):
            around.append(node.func.name)
        elif isinstance(node, promql_parser.MatrixSelector):
            ranges.append(node.range)
        elif isinstance(node, promql_parser.VectorSelector):
            matchers = {matcher.name: matcher.value for matcher in node.matchers.matchers}
            name, span = node.name or matchers["__name__"], ranges[-1] if ranges else None
            found.append(Selection(name=name, matchers=matchers, functions=tuple(around), range=span))

    def after(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.Call):
            around.pop()
        elif isinstance(node, promql_parser.MatrixSelector):
            ranges.pop()

    promql_parser.walk(promql_parser.parse(promql), before, after)
    return found
