"""What all dashboards share: variables, links, alerts as annotations, the grid; knows no panel's content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model
from panels import DATASOURCE, MATCHERS, Row, panel_builder

TAG: Final = "headgate"
ALL: Final = model.VariableOption(selected=True, text="All", value="$__all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. `slug` makes its uid, which never changes: links and alerts name it."""

    slug: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ()
    """Labels of headgate_ingest_rows_total to choose from, besides job and instance."""

    @property
    def uid(self) -> str:
        """The uid in Grafana and the name of the file."""
        return f"headgate-{self.slug}"


def built(board: Board, others: tuple[Board, ...]) -> model.Dashboard:
    """Return the dashboard, with links to the others."""
    builder = dashboard.Dashboard(f"Headgate / {board.title}").uid(board.uid).description(board.description)
    builder.tags([TAG]).readonly().timezone("browser").time("now-6h", "now").refresh("1m")
    builder.tooltip(model.DashboardCursorSync.CROSSHAIR)
    builder.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    builder.with_variable(_variable("job", "headgate_build_info"))
    builder.with_variable(_variable("instance", 'headgate_build_info{job=~"$job"}'))
    for label in board.variables:
        builder.with_variable(_variable(label, f"headgate_ingest_rows_total{{{MATCHERS}}}"))
    builder.annotation(_alerts())
    for other in others:
        if other is not board:
            builder.link(_link(other))
    number = 0
    for row in board.rows:
        number += 1
        builder.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            builder.with_panel(panel_builder(panel, number))
    return builder.build()


def _variable(label: str, metric: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(label).label(label.title()).datasource(DATASOURCE)
    variable.query({"query": f"label_values({metric}, {label})", "refId": f"values-{label}", "qryType": 1})
    variable.multi(multi=True).include_all(include_all=True).all_value(".+").current(ALL)
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _link(board: Board) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(board.title).type(model.DashboardLinkType.LINK).url(f"/d/{board.uid}")
    return link.tooltip(board.description).include_vars(include_vars=True).keep_time(keep_time=True)


def _alerts() -> dashboard.AnnotationQuery:
    firing = f'ALERTS{{alertstate="firing", alertname=~"Headgate.+", {MATCHERS}}}'
    annotation = dashboard.AnnotationQuery().name("Alerts").datasource(DATASOURCE).enable(enable=True)
    return annotation.icon_color("red").expr(firing)
