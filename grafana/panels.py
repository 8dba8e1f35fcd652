"""What a panel of ours is, and one helper for each kind; knows no metric, no dashboard, and nothing of the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from colours import GREEN, ORANGE, RED, TEXT

MATCHERS: Final = 'job=~"$job", instance=~"$instance"'
LIMIT: Final = "limit"
COUNT, SECONDS, BYTES, SHARE, PER_SECOND, ROWS = "none", "s", "bytes", "percentunit", "ops", "suffix:rows/s"
NO_DATA: Final = "no data"
HALF, WHOLE = 12, 24


class Kind(Enum):
    """How a panel shows its numbers."""

    STAT = "stat"
    LINES = "timeseries"
    STACK = "timeseries, stacked"
    COLUMNS = "timeseries, stacked columns of what happened in each step"
    TABLE = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question to Prometheus: `$sel` stands for the matchers of job and instance, `$rate` for the interval."""

    expr: str
    legend: str

    def promql(self) -> str:
        """Return the expression as Grafana sends it, its own variables left in."""
        return self.expr.replace("$sel", MATCHERS).replace("$rate", "$__rate_interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: the title, the query or label that fills it, and how it looks."""

    title: str
    source: str
    unit: str = COUNT
    decimals: int | None = None
    width: int | None = None
    steps: tuple[tuple[float, str], ...] = ()
    words: Mapping[str, str] | None = None
    nothing: str = ""
    bar: bool = False
    link: tuple[str, str] | None = None
    """The title and the address that a cell leads to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel. `steps` colour values from each bound on; `limit` is an exported limit, drawn as a dashed line."""

    kind: Kind
    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = COUNT
    steps: tuple[tuple[float, str], ...] = ()
    base: str = GREEN
    neutral: tuple[str, ...] = ()
    """Legends of queries whose number is neither good nor bad."""
    limit: str | None = None
    span: int = HALF
    height: int = 8
    decimals: int | None = None
    soft_top: float | None = None
    words: Mapping[str, str] | None = None
    nothing: str = NO_DATA
    columns: tuple[Column, ...] = ()
    legend: bool = True
    board: str | None = None
    """The dashboard that says more, by its slug."""

    def targets(self) -> tuple[Query, ...]:
        """Return the queries, that of the limit included."""
        return self.queries if self.limit is None else (*self.queries, Query(expr=self.limit, legend=LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question that an operator asks, and the panels that answer it; without a title the panels stand alone."""

    title: str
    panels: tuple[Panel, ...]


# -- one helper for each kind ------------------------------------------------------------------------------


def stat(title: str, description: str, expr: str, **look: Any) -> Panel:
    """Return a single number: green, and red from 1 on, unless `look` says otherwise."""
    wanted = {"decimals": 0, "steps": ((1, RED),), "span": 3, "height": 3, **look}
    return Panel(kind=Kind.STAT, title=title, description=description, queries=(_query(expr, title),), **wanted)


def lines(title: str, description: str, *queries: Query, **look: Any) -> Panel:
    """Return numbers over time; numbers of things are whole ones."""
    wanted = {"base": TEXT, **_whole(look), **look}
    return Panel(kind=Kind.LINES, title=title, description=description, queries=queries, **wanted)


def shares(title: str, description: str, *queries: Query, **look: Any) -> Panel:
    """Return shares over time, 0 to 100 %: orange from 80 % on and red from 95 %, or with an exported limit."""
    coloured = {} if "limit" in look else {"steps": ((0.8, ORANGE), (0.95, RED))}
    wanted = {"unit": SHARE, "soft_top": 1, "decimals": 1, **coloured, **look}
    return Panel(kind=Kind.LINES, title=title, description=description, queries=queries, **wanted)


def stack(title: str, description: str, *queries: Query, **look: Any) -> Panel:
    """Return parts of a whole over time."""
    wanted = {"base": TEXT, **_whole(look), **look}
    return Panel(kind=Kind.STACK, title=title, description=description, queries=queries, **wanted)


def columns(title: str, description: str, query: Query, **look: Any) -> Panel:
    """Return how often something happened in each step: whole numbers, whose sum is that of the range."""
    wanted = {"base": TEXT, "decimals": 0, "nothing": "none in this time", **look}
    return Panel(kind=Kind.COLUMNS, title=title, description=description, queries=(query,), **wanted)


def table(title: str, description: str, queries: Mapping[str, str], fields: tuple[Column, ...], **look: Any) -> Panel:
    """Return one row for each thing: the queries, by name, are joined by the labels that they share."""
    asked = tuple(_query(expr, name) for name, expr in queries.items())
    wanted = {"span": WHOLE, "base": TEXT, **look}
    return Panel(kind=Kind.TABLE, title=title, description=description, queries=asked, columns=fields, **wanted)


def _query(expr: str, legend: str) -> Query:
    return Query(expr=expr, legend=legend)


def _whole(look: Mapping[str, Any]) -> dict[str, Any]:
    """Return how numbers of things are shown: whole, on an axis that reaches one of them; of others two digits."""
    if look.get("unit", COUNT) == COUNT:
        return {"decimals": 0, "soft_top": 1}
    return {"decimals": 2} if look["unit"] == PER_SECOND else {}
