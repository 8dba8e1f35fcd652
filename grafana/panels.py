"""What a panel of ours is, and how each kind of it looks in Grafana; knows no metric and no dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as source

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
MATCHERS: Final = 'job=~"$job", instance=~"$instance"'
LIMIT: Final = "limit"
WIDTH: Final = 24

GREEN, ORANGE, RED, TEXT = "green", "orange", "red", "text"


class Kind(Enum):
    """How a panel shows its numbers."""

    STAT = "stat"
    BARS = "bargauge"
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
class Panel:
    """One panel. `steps` colour values from each bound on; `limit` is an exported limit, drawn as a threshold."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    steps: tuple[tuple[float, str], ...] = ()
    base: str = GREEN
    limit: str | None = None
    span: int = 8
    height: int = 7
    decimals: int | None = None
    top: float | None = None
    words: Mapping[str, str] | None = None
    nothing: str | None = None

    def targets(self) -> tuple[Query, ...]:
        """Return the queries, that of the limit included."""
        return self.queries if self.limit is None else (*self.queries, Query(expr=self.limit, legend=LIMIT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A question that an operator asks, and the panels that answer it."""

    title: str
    panels: tuple[Panel, ...]


def panel_builder(panel: Panel, number: int) -> Builder[model.Panel]:
    """Return the SDK's builder of a panel whose id is `number`."""
    builder = _BUILDERS[panel.kind](panel)
    builder.id(number).title(panel.title).description(panel.description).datasource(DATASOURCE)
    builder.unit(panel.unit).span(panel.span).height(panel.height).thresholds(_thresholds(panel))
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.top is not None:
        builder.max(panel.top)
    if panel.kind is not Kind.TABLE:
        builder.min(0)
    if panel.words:
        builder.mappings([_words(panel.words)])
    if panel.nothing is not None:
        builder.no_value(panel.nothing)
    for reference, query in zip("ABCDEFGH", panel.targets(), strict=False):
        builder.with_target(_target(panel, query, reference))
        if query.legend == LIMIT:
            builder.with_transformation(_limit_as_threshold(reference))
    return builder


def _target(panel: Panel, query: Query, reference: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.promql()).legend_format(query.legend).ref_id(reference)
    target.datasource(DATASOURCE).editor_mode(source.QueryEditorMode.CODE)
    if panel.kind in {Kind.TABLE, Kind.BARS, Kind.STAT}:
        target.instant()
        if panel.kind is Kind.TABLE:
            target.format(source.PromQueryFormat.TABLE)
        return target
    if panel.kind is Kind.COLUMNS:
        # A column counts what happened in its own step: steps below the scrape interval would be empty.
        target.interval("1m")
    return target.range()


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=None, color=panel.base)]
    steps += [model.Threshold(value=bound, color=color) for bound, color in panel.steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _limit_as_threshold(reference: str) -> model.DataTransformerConfig:
    """Make the limit's series the red threshold of all others, so that no dashboard copies a configuration."""
    mapping = {"fieldName": LIMIT, "handlerKey": "threshold1", "reducerId": "lastNotNull"}
    return model.DataTransformerConfig(
        id_val="configFromData", options={"configRefId": reference, "mappings": [mapping]}
    )


def _words(words: Mapping[str, str]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, index=place) for place, (value, text) in enumerate(words.items())
        }
    )


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)


def _stat(_panel: Panel) -> stat.Panel:
    builder = stat.Panel().reduce_options(_last()).graph_mode(look.BigValueGraphMode.NONE)
    builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    return builder.color_mode(look.BigValueColorMode.BACKGROUND).text_mode(look.BigValueTextMode.AUTO)


def _bars(_panel: Panel) -> bargauge.Panel:
    builder = bargauge.Panel().reduce_options(_last()).orientation(look.VizOrientation.HORIZONTAL)
    builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    return builder.display_mode(look.BarGaugeDisplayMode.BASIC)


def _lines(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(look.LegendDisplayMode.TABLE).show_legend(show_legend=True)
    legend.placement(look.LegendPlacement.BOTTOM).calcs(["mean", "max", "lastNotNull"])
    tooltip = common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING)
    builder = timeseries.Panel().legend(legend).tooltip(tooltip).fill_opacity(10).line_width(1)
    builder.show_points(look.VisibilityMode.NEVER)
    builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    if panel.limit is not None or panel.steps:
        dashed = common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode.DASHED)
        builder.thresholds_style(dashed)
    return builder


def _stack(panel: Panel) -> timeseries.Panel:
    stacked = common.StackingConfig().mode(look.StackingMode.NORMAL).group("A")
    return _lines(panel).stacking(stacked).fill_opacity(60)


def _columns(panel: Panel) -> timeseries.Panel:
    return _stack(panel).draw_style(look.GraphDrawStyle.BARS).fill_opacity(90)


def _table(_panel: Panel) -> table.Panel:
    dropped = {"Time": True, "__name__": True}
    builder = table.Panel().show_header(show_header=True).cell_height(look.TableCellHeight.SM)
    return builder.with_transformation(
        model.DataTransformerConfig(id_val="organize", options={"excludeByName": dropped})
    )


_BUILDERS: Final = {
    Kind.STAT: _stat,
    Kind.BARS: _bars,
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.COLUMNS: _columns,
    Kind.TABLE: _table,
}
