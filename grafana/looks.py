"""How each kind of panel looks: makes the SDK's builders from our panels; knows no metric and no dashboard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from colours import FIXED, NEUTRAL, RED
from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as look
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as source
from panels import HALF, LIMIT, Column, Kind, Panel, Query

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

DATASOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
KEPT: Final = "${__url_time_range}&${job:queryparam}&${instance:queryparam}"
"""What a link to another dashboard takes along."""
REFERENCES: Final = "ABCDEFGHIJ"
GRAPHS: Final = frozenset({Kind.LINES, Kind.STACK, Kind.COLUMNS})


def panel_builder(panel: Panel, number: int) -> Builder[model.Panel]:
    """Return the SDK's builder of a panel whose id is `number`."""
    builder = _BUILDERS[panel.kind](panel)
    builder.id(number).title(panel.title).description(panel.description).datasource(DATASOURCE)
    builder.unit(panel.unit).span(panel.span).height(panel.height)
    builder.thresholds(_thresholds(panel.base, panel.steps)).no_value(panel.nothing)
    if panel.decimals is not None:
        builder.decimals(panel.decimals)
    if panel.kind is not Kind.TABLE:
        builder.min(0)
    if panel.words:
        builder.mappings([_words(panel.words)])
    if panel.board:
        link = dashboard.DashboardLink("Open").url(f"/d/headgate-{panel.board}?{KEPT}")
        builder.links([link])
    for reference, query in zip(REFERENCES, panel.targets(), strict=False):
        builder.with_target(_target(panel, query, reference))
    for name, properties in _overrides(panel):
        builder.override_by_name(name, properties)
    return builder


def _target(panel: Panel, query: Query, reference: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.promql()).legend_format(query.legend).ref_id(reference)
    target.datasource(DATASOURCE).editor_mode(source.QueryEditorMode.CODE)
    if panel.kind in GRAPHS:
        # A column counts what happened in its own step: below the longest scrape interval steps would be empty.
        return target.range().interval("1m") if panel.kind is Kind.COLUMNS else target.range()
    target.instant()
    return target.format(source.PromQueryFormat.TABLE) if panel.kind is Kind.TABLE else target


def _thresholds(base: str, steps: tuple[tuple[float, str], ...]) -> dashboard.ThresholdsConfig:
    found = [model.Threshold(value=None, color=base)]
    found += [model.Threshold(value=bound, color=color) for bound, color in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def _words(words: Mapping[str, str]) -> model.ValueMap:
    return model.ValueMap(
        options={
            value: model.ValueMappingResult(text=text, index=place) for place, (value, text) in enumerate(words.items())
        }
    )


def _overrides(panel: Panel) -> Iterator[tuple[str, list[model.DynamicConfigValue]]]:
    if panel.kind is Kind.TABLE:
        for column in panel.columns:
            yield column.title, list(_cell(column))
        return
    if panel.limit is not None:
        yield LIMIT, list(_properties(_LIMIT_LOOK))
    for name in panel.neutral:
        yield name, list(_properties({"color": {"mode": "fixed", "fixedColor": NEUTRAL}}))
    for query in panel.queries:
        if (label := re.fullmatch(r"{{(\w+)}}", query.legend)) and panel.kind in GRAPHS:
            for value, colour in FIXED.get(label[1], {}).items():
                yield value, list(_properties({"color": {"mode": "fixed", "fixedColor": colour}}))


def _properties(values: Mapping[str, Any]) -> Iterator[model.DynamicConfigValue]:
    for name, value in values.items():
        yield model.DynamicConfigValue(id_val=name, value=value)


_LIMIT_LOOK: Final = {
    "color": {"mode": "fixed", "fixedColor": RED},
    "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
    "custom.fillOpacity": 0,
    "custom.stacking": {"mode": "none", "group": "B"},
}


def _cell(column: Column) -> Iterator[model.DynamicConfigValue]:
    look_of: dict[str, Any] = {"unit": column.unit, "noValue": column.nothing}
    if column.decimals is not None:
        look_of["decimals"] = column.decimals
    if column.width is not None:
        look_of["custom.width"] = column.width
    if column.words:
        look_of["mappings"] = [_words(column.words)]
    if column.steps:
        look_of["thresholds"] = _thresholds("green", column.steps).build()
        look_of["color"] = {"mode": "thresholds"}
        kind = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"} if column.bar else {"type": "color-text"}
        look_of["custom.cellOptions"] = kind
    if column.bar:
        look_of |= {"min": 0, "max": 1}
    if column.link:
        title, url = column.link
        look_of["links"] = [{"title": title, "url": url, "targetBlank": False}]
    yield from _properties(look_of)


# -- the kinds ---------------------------------------------------------------------------------------------


def _stat(panel: Panel) -> stat.Panel:
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)
    builder = stat.Panel().reduce_options(reduced).graph_mode(look.BigValueGraphMode.NONE)
    builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    several = len(panel.queries) > 1 or "{{" in panel.queries[0].legend
    words = look.BigValueTextMode.VALUE_AND_NAME if several else look.BigValueTextMode.VALUE
    return builder.color_mode(look.BigValueColorMode.BACKGROUND).text_mode(words)


def _lines(panel: Panel) -> timeseries.Panel:
    tooltip = common.VizTooltipOptions().mode(look.TooltipDisplayMode.MULTI).sort(look.SortOrder.DESCENDING)
    builder = timeseries.Panel().legend(_legend(panel)).tooltip(tooltip).fill_opacity(10).line_width(1)
    builder.show_points(look.VisibilityMode.NEVER)
    builder.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC))
    if panel.soft_top is not None:
        builder.axis_soft_max(panel.soft_top)
    if panel.steps:
        builder.thresholds_style(common.GraphThresholdsStyleConfig().mode(look.GraphThresholdsStyleMode.DASHED))
    return builder


def _legend(panel: Panel) -> common.VizLegendOptions:
    """Return a table at the right, which has room for all series; narrow panels have names alone."""
    legend = common.VizLegendOptions().show_legend(show_legend=panel.legend)
    if panel.span < HALF:
        return legend.display_mode(look.LegendDisplayMode.LIST).placement(look.LegendPlacement.BOTTOM).calcs([])
    numbers = ["sum"] if panel.kind is Kind.COLUMNS else ["max", "lastNotNull"]
    return legend.display_mode(look.LegendDisplayMode.TABLE).placement(look.LegendPlacement.RIGHT).calcs(numbers)


def _stack(panel: Panel) -> timeseries.Panel:
    stacked = common.StackingConfig().mode(look.StackingMode.NORMAL).group("A")
    return _lines(panel).stacking(stacked).fill_opacity(60)


def _columns(panel: Panel) -> timeseries.Panel:
    return _stack(panel).draw_style(look.GraphDrawStyle.BARS).fill_opacity(90)


def _table(panel: Panel) -> table.Panel:
    """Join the queries' rows, name the columns and put them in order; what has no column is left out."""
    sources = {query.legend: f"Value #{reference}" for reference, query in zip(REFERENCES, panel.queries, strict=False)}
    if len(panel.queries) == 1:
        sources = dict.fromkeys(sources, "Value")
    names = [(sources.get(column.source, column.source), column.title) for column in panel.columns]
    shown = {name for name, _ in names}
    hidden = {"Time", "__name__", "job", *sources.values()} - shown
    organized = {
        "excludeByName": dict.fromkeys(sorted(hidden), True),
        "indexByName": {name: place for place, (name, _) in enumerate(names)},
        "renameByName": dict(names),
    }
    builder = table.Panel().show_header(show_header=True).cell_height(look.TableCellHeight.SM)
    if len(panel.queries) > 1:
        builder.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    return builder.with_transformation(model.DataTransformerConfig(id_val="organize", options=organized))


_BUILDERS: Final = {
    Kind.STAT: _stat,
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.COLUMNS: _columns,
    Kind.TABLE: _table,
}
