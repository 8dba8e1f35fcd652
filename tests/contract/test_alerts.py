"""The rules, the runbooks, the dashboards and the page for operators say the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_rules import ALERTING, ALERTS, NAMES, RULES, identity

from daemon.metrics.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
PARTS = {
    "docs/runbooks.md": ("**Meaning.** ", "**First look.** ", "**What to do.** ", "**Silence.** "),
    "docs/zh-CN/runbooks.md": ("**含义**：", "**先看哪里**：", "**怎么处理**：", "**静默**："),
}
"""What each section of the runbooks has, as it begins, by page."""
RUNBOOKS: dict[str, dict[str, str]] = {
    page: dict(
        re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    )
    for page in PARTS
}
KINDS = {definition.name: definition.kind for definition in CATALOGUE}
COMPONENTS = {"headgate", "ingest", "executors", "database", "loop", "machine"}
DESIGNED = set(
    """
    Down Restarts Absent DatasetStale DatasetNeverLoaded
    IngestErrorBudgetBurn LoadsFail TableUnfit FilesRefused BacklogOld BacklogFilling DeadJobs RowsUnaccounted
    ExecutorSaturated ExecutorStalled WorkerCrashLoop OutOfMemoryKill DbPoolTimeouts DbPoolWaitHigh DbPoolLeak
    ClusterAway ClusterWithoutWorkers
    DbServerConnectionsHigh DatabaseDown LoopWedged LoopLagHigh CpuHigh MemoryHigh MemoryNearLimit CpuThrottled
    ConfigReloadFailed CollectorFailed ScrapeSlow LabelOverflow DiskSpoolLow Watchdog
    FolderGone FolderSilent FolderFilesUnreadable SourceFailing SourceSilent
    FolderGone FolderSilent FolderFilesUnreadable MailboxUnread MailboxMessagesLeft RepliesFail
    NotReady DatabaseNotWritable JobsWaiting ForkServerReplaced CertificateEnds ClockAhead LogLinesDropped
    """.split()  # noqa: SIM905  # thirty lines of one word each say no more
)

NOT_FOLLOWED = {
    "Watchdog": "always fires, and must never end",
    "RowsUnaccounted": "nothing but a defect makes it",
    "FolderSilent": "needs a file system that hangs, such as a network one whose server is gone",
    "SourceSilent": "needs a step that neither ends nor is given up; a silent storage is told as failing",
    "ScrapeSlow": "needs scrapes of more than five seconds, one after the other, while the tests' take one at most",
}
"""Alerts whose runbook no test follows, and why: the list may only grow shorter."""


@cache
def moments() -> list[tuple[str, dict[str, Any]]]:
    """Each moment at which promtool looks for an alert, with the name of its file: read once for all rules."""
    return [
        (path.name, check)
        for path in sorted((ALERTS / "tests").glob("*.yml"))
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
        for check in test.get("alert_rule_test", ())
    ]


# -- rules -----------------------------------------------------------------------------------------------


def test_every_alert_of_the_design_is_there_and_no_other() -> None:
    assert {name.removeprefix("Headgate") for name in NAMES} == DESIGNED


@pytest.mark.parametrize("rule", ALERTING, ids=identity)
def test_an_alert_says_what_it_must(rule: dict[str, Any]) -> None:
    assert set(rule["labels"]) == {"severity", "component"}, "a label that varies makes another alert each time"
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["labels"]["component"] in COMPONENTS
    notes = rule["annotations"]
    told = {"summary", "description", "action", "runbook_url", "dashboard_url"}
    assert told <= set(notes) <= told | {"machine", "target", "last_success", "last_attempt", "jobs_url"}
    assert ("machine" in notes) == ("$labels.instance" in notes["description"])
    assert "{{" not in notes["summary"] + notes["action"]
    assert notes["runbook_url"] == f"{{{{ $externalLabels.runbooks_url }}}}docs/runbooks.md#{rule['alert'].lower()}"
    assert notes["dashboard_url"].startswith("{{ $externalLabels.grafana_url }}/d/headgate-")


@pytest.mark.parametrize("rule", ALERTING, ids=identity)
def test_a_missing_target_is_waited_for(rule: dict[str, Any]) -> None:
    """Two scrapes at least, also where they are a minute apart."""
    if re.search(r"\b(up|absent)\b", rule["expr"]):
        assert rule["for"] in {"2m", "5m"}


@pytest.mark.parametrize("rule", ALERTING, ids=identity)
def test_a_scrape_that_is_missed_ends_no_alert(rule: dict[str, Any]) -> None:
    """What an alert reads of gauges reaches over it, or it goes on firing meanwhile.

    timestamp() cannot: the ages that it stands in for are those of daemons that do not tell their clock.
    """
    if "keep_firing_for" not in rule and rule["alert"] not in {"HeadgateRowsUnaccounted", "HeadgateWatchdog"}:
        behind = re.sub(r"or timestamp\((\w+)\)\s*- (\(\S+ > 0\)|\w+)|or timestamp\(\w+\)", "", rule["expr"])
        assert not re.findall(r"\bheadgate_\w+(?:\{[^}]*\})?(?![\w:{[])(?<!:)", re.sub(r"\w+:\w+:\w+", "", behind))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_rates_are_of_counters_and_lines_are_through_gauges(rule: dict[str, Any]) -> None:
    for function, name in re.findall(r"\b(rate|increase|predict_linear)\((\w+)", rule["expr"]):
        kind = KINDS.get(name) or KINDS[re.sub(r"_(bucket|count|sum)$", "", name)]
        assert (kind == "gauge") == (function == "predict_linear"), (function, name)


def test_records_are_named_by_level_metric_and_operation() -> None:
    levels = {"global", "instance", "instance_dataset", "instance_pool", "instance_scope"}
    for rule in [one for one in RULES if "record" in one]:
        level, metric, operation = rule["record"].split(":")
        assert level in levels, rule["record"]
        assert metric.startswith("headgate_"), rule["record"]
        assert operation


def test_everybody_assumes_the_same_scrape_interval() -> None:
    shipped = yaml.safe_load((ROOT / "prometheus.yml").read_text())["global"]
    (monitor,) = yaml.safe_load((ROOT / "deploy/kubernetes/servicemonitor.yaml").read_text())["spec"]["endpoints"]
    (source,) = yaml.safe_load((ROOT / "grafana/provisioning/datasources/headgate.yml").read_text())["datasources"]
    assert shipped["scrape_interval"] == shipped["evaluation_interval"] == "15s"
    assert monitor["interval"] == source["jsonData"]["timeInterval"] == "15s"
    for rule in RULES:
        for number, unit in re.findall(r"\[(\d+)([smhd])\]", rule["expr"]):
            assert int(number) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] >= 120, "two scrapes a minute apart"


def test_every_label_that_a_text_names_is_kept_by_the_expression() -> None:
    """promtool's tests compare the texts word for word; a label that is missing reads as two spaces or an odd end."""
    for name, check in moments():
        for alert in check["exp_alerts"]:
            text = " ".join(alert["exp_annotations"].values())
            assert "  " not in text, (name, text)
            assert not re.search(r"<no value>|%!|=&|=$|\( ", text), (name, text)


@pytest.mark.parametrize("rule", ALERTING, ids=identity)
def test_every_alert_is_tested_silent_and_firing(rule: dict[str, Any]) -> None:
    silent = firing = False
    for _, check in moments():
        if check["alertname"] == rule["alert"]:
            severities = {alert["exp_labels"]["severity"] for alert in check["exp_alerts"]}
            firing |= rule["labels"]["severity"] in severities
            silent |= rule["labels"]["severity"] not in severities
    assert firing
    assert silent or rule["alert"] == "HeadgateWatchdog"


MORE_LABEL = 'pod="shop-0"'
"""A ServiceMonitor gives every series namespace, pod and others; who scrapes without one may give an environment."""


def test_alerts_fire_alike_when_targets_have_more_labels(promtool: Path, tmp_path: Path) -> None:
    """Each once: an operator whose sides keep different labels finds nothing, or all of it twice."""
    for path in sorted((ALERTS / "tests").glob("*.yml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["rule_files"] = [str(path.parent / name) for name in document["rule_files"]]
        for test in document["tests"]:
            for series in test["input_series"]:
                assert series["series"].endswith("}")
                series["series"] = f"{series['series'][:-1]}, {MORE_LABEL}}}"
            test["promql_expr_test"] = [fires(check) for check in test.pop("alert_rule_test", ())]
        (tmp_path / path.name).write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fires(check: dict[str, Any]) -> dict[str, Any]:
    """Ask for the alerts that are expected, whatever more labels they have; each is to be there once."""
    name = f'alertname="{check["alertname"]}", alertstate="firing"'
    labels = [
        ", ".join(f'{key}="{value}"' for key, value in alert["exp_labels"].items()) for alert in check["exp_alerts"]
    ]
    return {
        "eval_time": check["eval_time"],
        "expr": f"count without (pod) (ALERTS{{{name}}})",
        "exp_samples": [{"labels": f"{{{name}, {one}}}", "value": 1} for one in labels],
    }


# -- runbooks and dashboards -----------------------------------------------------------------------------


@pytest.mark.parametrize("page", RUNBOOKS)
def test_every_alert_has_a_runbook_and_every_runbook_an_alert(page: str) -> None:
    assert sorted(RUNBOOKS[page]) == NAMES


def test_every_runbook_is_followed_in_a_test_or_it_is_said_why_not() -> None:
    """What is followed is what the tests of runbooks call by its name."""
    folder = ROOT / "tests" / "system" / "runbooks"
    followed = [
        name
        for path in sorted(folder.glob("test_*.py"))
        for name in re.findall(r'\bcalled\(\s*"(\w+)"', path.read_text(encoding="utf-8"))
    ]
    assert {*followed} | {f"Headgate{name}" for name in NOT_FOLLOWED} == {*NAMES}
    assert not {*followed} & {f"Headgate{name}" for name in NOT_FOLLOWED}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("page", RUNBOOKS)
def test_a_runbook_answers_four_questions(page: str, name: str) -> None:
    parts = re.findall(r"^\*\*.+?\*\*(?: |：)(?=.)", RUNBOOKS[page][name], re.MULTILINE)
    assert tuple(parts) == PARTS[page]
    assert f"alertname={name} " in RUNBOOKS[page][name].rpartition(PARTS[page][-1])[2]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("page", RUNBOOKS)
def test_links_in_runbooks_lead_to_runbooks(page: str, name: str) -> None:
    for target in re.findall(r"\]\(#(\w+)\)", RUNBOOKS[page][name]):
        assert target in {one.lower() for one in NAMES}


def boards() -> dict[str, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in (ROOT / "grafana" / "dashboards").glob("*.json")]
    return {board["uid"]: board for board in found}


def test_dashboards_that_alerts_link_to_exist() -> None:
    linked = {re.findall(r"/d/([\w-]+)", rule["annotations"]["dashboard_url"])[0] for rule in ALERTING}
    assert linked <= set(boards())


def panels_named(page: str, name: str) -> set[str]:
    """The panels that a runbook names: people find them by their titles, which dashboards have in English."""
    named = re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", RUNBOOKS[page][name])
    return {re.sub(r"\s+", " ", one) for one in named}


def test_panels_that_runbooks_name_exist() -> None:
    titles = {panel["title"] for board in boards().values() for panel in board["panels"]}
    named = {panel for page in RUNBOOKS for name in NAMES for panel in panels_named(page, name)}
    assert named
    assert named <= titles


@pytest.mark.parametrize("name", NAMES)
def test_a_runbook_names_the_same_panels_in_every_language(name: str) -> None:
    assert len({frozenset(panels_named(page, name)) for page in RUNBOOKS}) == 1


# -- the page for operators ------------------------------------------------------------------------------


def listed(name: str) -> tuple[str, str]:
    """The line of an alert in the operators' page: what is the same in every language, and its summary."""
    rules = [rule for rule in ALERTING if rule["alert"] == name]
    severities = ", ".join(rule["labels"]["severity"] for rule in rules)
    line = f"| [{name}](runbooks.md#{name.lower()}) | {severities} | {rules[0]['labels']['component']} | "
    return line, rules[0]["annotations"]["summary"]


def test_the_page_lists_every_alert_with_its_severities_and_summary() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert "{}{} |".format(*listed(name)) in page


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*/monitoring.md")), ids=lambda page: page.parent.name)
def test_a_translated_page_lists_every_alert_with_its_severities(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not [name for name in NAMES if listed(name)[0] not in text]
