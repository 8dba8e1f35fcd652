"""The committed dashboards: made by grafana/build.py, and held to the rules of grafana's dashboard-linter, all of them.

dashboard-linter itself runs in deploy/check-monitoring.sh where it is installed. Each rule of its strict mode stands
here under its own name, so that a dashboard is held to it everywhere.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from dashboards import FILES, ROOT, Target, filled, load, panels, rules, selections, targets
from grafana_foundation_sdk.models import units

from daemon.metrics.job_metrics import Metrics

TARGETS = list(targets())
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
COUNTING = {"rate", "irate", "increase"}

per_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
per_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.place)


def variables(path: Path) -> dict[str, dict[str, Any]]:
    return {variable["name"]: variable for variable in load(path)["templating"]["list"]}


def test_they_are_what_the_build_makes_of_them() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "grafana" / "build.py", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_six_are_there() -> None:
    names = ("overview", "ingestion", "executors", "database", "resources", "itself")
    assert {path.stem for path in FILES} == {f"headgate-{name}" for name in names}


@per_file
def test_uid_and_ids(path: Path) -> None:
    """A dashboard keeps its uid for ever: links and alerts name it. Ids of panels are unique."""
    board = load(path)
    assert board["uid"] == path.stem
    assert board["tags"] == ["headgate"]
    ids = [panel["id"] for panel in [*board["panels"], *panels(board)] if panel["type"] != "row"]
    assert len({*ids}) == len(panels(board))


def test_the_overview_fits_on_one_screen() -> None:
    """1280 x 900: eight numbers, a table, four graphs, two tables. A row is 30 pixels high, with 8 between."""
    (overview,) = [load(path) for path in FILES if path.stem == "headgate-overview"]
    lines: dict[int, list[str]] = {}
    for panel in overview["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["type"])
    assert list(lines.values()) == [["stat"] * 8, ["table"], ["timeseries"] * 4, ["table"] * 2]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in overview["panels"]) * 38
    assert height <= 900 - 2 * 40, "what is left of the screen below Grafana's own two bars"


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem != "headgate-overview"], ids=lambda path: path.stem
)
def test_other_dashboards_have_a_question_over_each_row(path: Path) -> None:
    rows = [row["title"] for row in load(path)["panels"] if row["type"] == "row"]
    assert len(rows) >= 3


@per_file
def test_links_lead_to_the_other_dashboards_and_keep_time_and_variables(path: Path) -> None:
    links = load(path)["links"]
    assert {link["url"] for link in links} == {f"/d/{other.stem}" for other in FILES if other != path}
    assert all(link["includeVars"] and link["keepTime"] and not link["targetBlank"] for link in links)


def test_the_dashboards_that_alerts_name_exist() -> None:
    named = {rule["alert"]: rule["annotations"].get("dashboard_url", "") for rule in rules() if "alert" in rule}
    known = {path.stem for path in FILES}
    for alert, url in named.items():
        if "/d/" in url:
            assert url.partition("/d/")[2].partition("?")[0].partition("/")[0] in known, alert


@per_file
def test_marks_are_moments_and_few(path: Path) -> None:
    """Critical alerts, starts, reloads and storms: thin lines, no areas of colour over the graphs."""
    annotations = load(path)["annotations"]["list"]
    assert [one["name"] for one in annotations] == [
        *("Critical alerts", "Starts and versions", "Reloads", "Storms of retries"),
    ]
    for annotation in annotations:
        assert annotation["datasource"] == SOURCE
        assert annotation["enable"]
        assert annotation["useValueForTime"], "a moment, not the time in which it lasts"
        promql_parser.parse(filled(annotation["expr"]))
        matchers = [one.matchers for one in selections(filled(annotation["expr"]))]
        assert all({"job", "instance"} <= set(one) for one in matchers)
    assert all(one.matchers["severity"] == "critical" for one in selections(filled(annotations[0]["expr"])))


@per_file
def test_panels_lie_beside_each_other(path: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in load(path)["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@per_file
def test_every_panel_has_thresholds_and_says_what_to_do(path: Path) -> None:
    for panel in panels(load(path)):
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None, panel["title"]
        assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:]), panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert len(panel["description"]) > 40, panel["title"]


@per_file
def test_limits_are_drawn_from_metrics(path: Path) -> None:
    """A limit is a dashed series of its own, in red, so that the axis reaches it."""
    for panel in panels(load(path)):
        limits = [target for target in panel["targets"] if target["legendFormat"] == "limit"]
        overrides = {
            one["matcher"]["options"]: one["properties"] for one in panel["fieldConfig"].get("overrides") or []
        }
        assert bool(limits) == ("limit" in overrides), panel["title"]
        if limits:
            look = {one["id"]: one["value"] for one in overrides["limit"]}
            assert look["custom.lineStyle"]["fill"] == "dash", panel["title"]
            assert look["color"] == {"mode": "fixed", "fixedColor": "red"}
            assert look["custom.stacking"]["mode"] == "none"


@per_file
def test_limits_of_an_instance_are_not_drawn_against_sums(path: Path) -> None:
    for panel in panels(load(path)):
        numbers = [target["expr"] for target in panel["targets"] if target["legendFormat"] != "limit"]
        for limit in [target["expr"] for target in panel["targets"] if target["legendFormat"] == "limit"]:
            summed = limit.startswith("sum(")
            stacked = panel["fieldConfig"]["defaults"]["custom"].get("stacking", {}).get("mode") == "normal"
            one_server = "db_server" in limit
            assert summed == (stacked and not one_server), panel["title"]
            assert summed or all("by (" in one for one in numbers), panel["title"]


@per_file
def test_legends_have_room(path: Path) -> None:
    """At the right, as a table; narrow graphs have names alone."""
    for panel in panels(load(path)):
        if panel["type"] != "timeseries":
            continue
        legend = panel["options"]["legend"]
        wide = panel["gridPos"]["w"] >= 12
        assert (legend["placement"], legend["displayMode"]) == (("right", "table") if wide else ("bottom", "list"))
        assert panel["gridPos"]["h"] >= 6, panel["title"]


def overview(title: str) -> str:
    """The only question of a panel of the overview."""
    board = load(ROOT / "grafana" / "dashboards" / "headgate-overview.json")
    (target,) = next(panel["targets"] for panel in panels(board) if panel["title"] == title)
    return filled(target["expr"])


def hold(promtool: Path, folder: Path, series: dict[str, str], asked: list[tuple[str, str, str, float]]) -> None:
    """See that Prometheus answers with one number each; `asked` are expression, time, labels and number."""
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": at, "exp_samples": [{"labels": labels, "value": number}]}
            for expr, at, labels, number in asked
        ],
    }
    path = folder / "asked.yml"
    path.write_text(yaml.safe_dump({"evaluation_interval": "15s", "tests": [test]}), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_scrape_that_failed_makes_no_column_of_all_that_was_ever_counted(promtool: Path, tmp_path: Path) -> None:
    name = 'headgate_ingest_jobs_total{job="headgate", instance="%s", dataset="orders", outcome="loaded"}'
    values = {"missed": "5000x8 stale 5003x20", "away": "7000x5 stale _x8 7002x20", "began anew": "90x8 stale _x3 4x20"}
    grown = {"3m": 3, "3m15s": 3 + 4, "3m30s": 4, "4m": 2 + 4, "4m30s": 2, "5m": 0}
    expr = overview("Files, by outcome")
    asked: list[tuple[str, str, str, float]] = [
        (expr, at, '{outcome="loaded"}', number) for at, number in grown.items()
    ]
    hold(promtool, tmp_path, {name % instance: steps for instance, steps in values.items()}, asked)


def test_what_was_counted_before_a_restart_is_shown_too(promtool: Path, tmp_path: Path) -> None:
    name = 'headgate_ingest_jobs_total{job="headgate", instance="%s", dataset="orders", outcome="rejected"}'
    values = {
        "ran on": ("10+1x100", 80),
        "restarted every day": ("100+1x40 0+1x30 0+1x28", 78),
        "gone": ("5x30 7x20 stale", 2),
        "new": ("_x40 3+1x60", 63),
        "missed": ("10+1x40 stale 52+1x58", 80),
    }
    expr = overview("Files refused").replace("[6h]", "[20m]").replace("offset 6h", "offset 20m")
    for instance, (steps, number) in values.items():
        hold(promtool, tmp_path, {name % instance: steps}, [(expr, "25m", "{}", number)])


def test_a_stale_dataset_is_not_hidden_by_another_ledgers_fresh_one_of_its_name(promtool: Path, tmp_path: Path) -> None:
    labels = 'job="headgate", instance="%s"'
    series: dict[str, str] = {}
    for instance, loaded_at, target in (("fresh", 9000, 3600), ("stale", 1000, 3600), ("slow", 1000, 86_400)):
        one = labels % instance
        series |= {
            f"up{{{one}}}": "1x4",
            f"headgate_clock_timestamp_seconds{{{one}}}": "10000x4",
            f'headgate_dataset_last_success_timestamp_seconds{{{one}, dataset="orders"}}': f"{loaded_at}x4",
            f'headgate_dataset_freshness_target_seconds{{{one}, dataset="orders"}}': f"{target}x4",
        }
    hold(promtool, tmp_path, series, [(overview("Stale datasets"), "1m", "{}", 1)])


@per_file
def test_numbers_of_things_are_whole(path: Path) -> None:
    for panel in panels(load(path)):
        counts = [one["expr"] for one in panel["targets"] if "offset $__interval" in one["expr"]]
        if counts:
            assert panel["fieldConfig"]["defaults"]["decimals"] == 0, panel["title"]
        for target in panel["targets"]:
            stretched = re.sub(r"round\(increase\(|increase\(.* == 0", "", target["expr"])
            assert "increase(" not in stretched, "increase() makes fractions"


def test_a_colour_means_the_same_everywhere() -> None:
    seen: dict[str, set[str]] = {}
    for path in FILES:
        for panel in panels(load(path)):
            labels = {target["legendFormat"] for target in panel["targets"]}
            for override in panel["fieldConfig"].get("overrides") or []:
                for one in override["properties"]:
                    if one["id"] == "color" and one["value"]["mode"] == "fixed":
                        seen.setdefault(f"{min(labels)} {override['matcher']['options']}", set()).add(
                            one["value"]["fixedColor"]
                        )
    assert len(seen) > 20
    assert all(len(colours) == 1 for colours in seen.values()), seen


@per_file
def test_the_dataset_that_is_chosen_acts_on_every_panel_that_knows_datasets(path: Path) -> None:
    if "dataset" not in variables(path):
        return
    for panel in panels(load(path)):
        for target in panel["targets"]:
            for selection in selections(filled(target["expr"])):
                if selection.name.startswith(("headgate_dataset_", "headgate_ingest_jobs", "headgate_ingest_rows")):
                    assert "dataset" in selection.matchers, panel["title"]


# -- the rules of dashboard-linter, by their names ---------------------------------------------------------


@per_file
def test_template_datasource_rule(path: Path) -> None:
    (source,) = [variable for variable in variables(path).values() if variable["type"] == "datasource"]
    assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")


@per_file
@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_instance_rule(path: Path, name: str) -> None:
    variable = variables(path)[name]
    assert (variable["type"], variable["label"], variable["datasource"]) == ("query", name.title(), SOURCE)
    assert (variable["multi"], variable["includeAll"]) == (True, True)
    assert "allValue" not in variable, "All is what is found: `.+` would take in the jobs of others"
    constrained = {"job": "headgate_build_info", "instance": 'up{job=~"$job"}'}[name]
    assert variable["query"]["query"] == f"label_values({constrained}, {name})"


@per_file
def test_template_label_promql_and_on_time_change_reload_rule(path: Path) -> None:
    for variable in variables(path).values():
        if variable["type"] == "query":
            question = variable["query"]["query"]
            inner, _, label = question.removeprefix("label_values(").removesuffix(")").rpartition(", ")
            assert question == f"label_values({inner}, {label})"
            assert label == variable["name"]
            promql_parser.parse(filled(inner))
            assert variable["refresh"] == 2, variable["name"]


def test_every_dataset_that_has_a_series_can_be_chosen() -> None:
    """`All` stands for those that can be: a dataset beyond the limit goes stale as well."""
    metrics = Metrics()
    metrics.set_datasets({f"daily{number}": 86_400.0 for number in range(4)}, most=2)
    names: dict[str, set[str]] = {}
    for sample in (sample for family in metrics.registry.collect() for sample in family.samples):
        if "dataset" in sample.labels:
            names.setdefault(sample.name, set()).add(sample.labels["dataset"])
    for path in FILES:
        if (variable := variables(path).get("dataset")) is not None:
            question = variable["query"]["query"].removeprefix("label_values(").removesuffix(", dataset)")
            (asked,) = selections(filled(question))
            assert names[asked.name] == set().union(*names.values())


@per_file
def test_panel_datasource_title_description_units_no_targets_rule(path: Path) -> None:
    for panel in panels(load(path)):
        assert panel["datasource"] == SOURCE, panel["title"]
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS | {"suffix:rows/s"}, panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["datasource"] == SOURCE for target in panel["targets"]), panel["title"]


@per_file
def test_uneditable_dashboard_rule(path: Path) -> None:
    assert load(path)["editable"] is False


@per_target
def test_target_promql_job_and_instance_rule(target: Target) -> None:
    for selection in selections(filled(target.raw, job="$job", instance="$instance")):
        if selection.name.startswith("global:"):
            continue
        found = {name: selection.matchers.get(name) for name in ("job", "instance")}
        assert found == {"job": "$job", "instance": "$instance"}, selection.name
    assert '=~"$job"' in target.raw
    assert '=~"$instance"' in target.raw


@per_target
def test_target_rate_interval_rule(target: Target) -> None:
    for selection in selections(target.promql()):
        if selection.range is not None and selection.functions[-1] in {"rate", "irate"}:
            assert selection.range == timedelta(minutes=4), "rate() takes $__rate_interval"


@per_target
def test_target_counter_agg_and_histogram_rule(target: Target) -> None:
    for selection in selections(target.promql()):
        if selection.name.endswith("_total") and " offset " not in target.raw and "abs(" not in target.raw:
            assert selection.functions[-1] in COUNTING, selection.name
        if selection.name.endswith("_bucket"):
            assert "histogram_quantile" in selection.functions, selection.name
