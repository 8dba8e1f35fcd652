"""What all dashboards share: variables, links, marks on the time axis, the grid; knows no panel's content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model
from looks import DATASOURCE, panel_builder
from panels import MATCHERS, Row

TAG: Final = "headgate"
ALL: Final = model.VariableOption(selected=True, text="All", value="$__all")
CHOICES: Final = "headgate_dataset_last_success_timestamp_seconds"
"""It has every dataset that any metric has: all with a freshness target, beyond those whose files are counted apart."""
PAGE, DOCS = "http://127.0.0.1:8847", "http://127.0.0.1:9847/"
"""Where a daemon on this machine has its page, and the documents that came with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One dashboard. `slug` makes its uid, which never changes: links and alerts name it."""

    slug: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[str, ...] = ()
    """Labels of `CHOICES` to choose from, besides job and instance."""

    @property
    def uid(self) -> str:
        """The uid in Grafana and the name of the file."""
        return f"headgate-{self.slug}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """An event on the time axis of every graph: a thin line at the moment that is the value of `expr`, in seconds."""

    name: str
    expr: str
    title: str
    colour: str


MARKS: Final = (
    Mark(
        name="Critical alerts",
        expr='ALERTS_FOR_STATE{severity="critical", alertname=~"Headgate.+", $sel} and ignoring (alertstate) '
        'ALERTS{alertstate="firing", severity="critical", alertname=~"Headgate.+", $sel}',
        title="{{alertname}} on {{instance}}",
        colour="red",
    ),
    Mark(
        name="Starts and versions",
        expr="process_start_time_seconds{$sel} * on (job, instance) group_left (version) headgate_build_info{$sel}",
        title="{{instance}} starts, version {{version}}",
        colour="blue",
    ),
    Mark(
        name="Reloads",
        expr="headgate_config_last_reload_success_timestamp_seconds{$sel} > process_start_time_seconds{$sel} + 60",
        title="{{instance}} takes a new configuration",
        colour="purple",
    ),
    Mark(
        name="Storms of retries",
        # While more than twenty attempts were repeated within five minutes, as near as the samples tell.
        expr="timestamp(headgate_ingest_retries_total{$sel}) and headgate_ingest_retries_total{$sel} "
        "- headgate_ingest_retries_total{$sel} offset 5m > 20",
        title="{{instance}}: many attempts are repeated, {{reason}}",
        colour="orange",
    ),
)


class _Marks(model.AnnotationQuery):
    """The SDK's annotation with what Grafana's Prometheus source reads besides."""

    extra: dict[str, Any]

    def to_json(self) -> dict[str, object]:
        """Return what Grafana reads."""
        return {**super().to_json(), **self.extra}

    def build(self) -> model.AnnotationQuery:
        """Return itself: it is its own builder."""
        return self


def built(board: Board, others: tuple[Board, ...]) -> model.Dashboard:
    """Return the dashboard, with links to the others."""
    builder = dashboard.Dashboard(f"Headgate / {board.title}").uid(board.uid).description(board.description)
    builder.tags([TAG]).readonly().timezone("browser").time("now-6h", "now").refresh("1m")
    builder.tooltip(model.DashboardCursorSync.CROSSHAIR)
    builder.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    # Only what is a Headgate has this metric; an instance is listed by `up`, also while it is down.
    builder.with_variable(_variable("job", "headgate_build_info"))
    builder.with_variable(_variable("instance", 'up{job=~"$job"}'))
    for label in board.variables:
        builder.with_variable(_variable(label, f"{CHOICES}{{{MATCHERS}}}"))
    builder.with_variable(dashboard.TextBoxVariable("page").label("Page").default_value(PAGE))
    builder.with_variable(dashboard.TextBoxVariable("docs").label("Documents").default_value(DOCS))
    for mark in MARKS:
        builder.annotation(_annotation(mark))
    for other in others:
        if other is not board:
            builder.link(_link(other))
    number = 0
    for row in board.rows:
        number += 1
        if row.title:
            builder.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            builder.with_panel(panel_builder(panel, number))
    return builder.build()


def _variable(label: str, metric: str) -> dashboard.QueryVariable:
    """Return a choice; All is every value that is found, so that no foreign job is taken in."""
    variable = dashboard.QueryVariable(label).label(label.title()).datasource(DATASOURCE)
    variable.query({"query": f"label_values({metric}, {label})", "refId": f"values-{label}", "qryType": 1})
    variable.multi(multi=True).include_all(include_all=True).current(ALL)
    return variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)


def _link(board: Board) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(board.title).type(model.DashboardLinkType.LINK).url(f"/d/{board.uid}")
    return link.tooltip(board.description).include_vars(include_vars=True).keep_time(keep_time=True)


def _annotation(mark: Mark) -> _Marks:
    marks = _Marks(name=mark.name, datasource=DATASOURCE, enable=True, icon_color=mark.colour)
    marks.expr = f"1000 * ({mark.expr})".replace("$sel", MATCHERS)
    marks.extra = {"useValueForTime": True, "titleFormat": mark.title, "step": "60s"}
    return marks
