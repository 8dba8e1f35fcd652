"""The shipped configuration in a real Alertmanager: what it sends, how often, what it holds back, what people type."""

from __future__ import annotations

import html
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import time
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from alert_stack import ALERTS, FASTER, ROOT, SHIPPED, running_alertmanager

from ingest.languages import in_language

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]


# -- what the documents say to type ----------------------------------------------------------------------


def test_commands_of_the_documents_do_what_they_say(
    tmp_path: Path, alertmanager_binary: Path, amtool: Path, free_port: Callable[[], int]
) -> None:
    runbooks = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    silences = re.findall(r"^\*\*Silence\.\*\* `amtool (.+)`$", runbooks, re.MULTILINE)
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (test_alert,) = re.findall(r"^ +amtool (alert add .+)$", page, re.MULTILINE)
    with running_alertmanager(alertmanager_binary, tmp_path, free_port()) as alertmanager:
        url = f"--alertmanager.url={alertmanager.url}"
        environ = {**os.environ, "HOME": str(tmp_path)}
        for command in silences:
            subprocess.run([amtool, *shlex.split(command), url], check=True, timeout=60, env=environ)
        with urllib.request.urlopen(f"{alertmanager.url}/api/v2/silences", timeout=30) as response:  # noqa: S310  # loopback only
            made = [{one["name"]: one["value"] for one in silence["matchers"]} for silence in json.load(response)]
        assert len(made) == len(silences) == len(re.findall("^## ", runbooks, re.MULTILINE))
        assert all(matchers["alertname"].startswith("Headgate") for matchers in made)

        subprocess.run([amtool, *shlex.split(test_alert)[:-1], url], check=True, timeout=60, env=environ)
        sinks, deadline = alertmanager.sinks, time.monotonic() + 60
        while not (mail := sinks.mail("[FIRING:1] HeadgateTest: A test on test (critical)", to="on-call@example.com")):
            assert time.monotonic() < deadline, sinks.mails
            time.sleep(0.1)
        assert "A test" in mail.text


def all_that_mail() -> list[dict[str, Any]]:
    """Return an alert of each rule that mails, as the rules' own tests expect it, each of an instance of its own."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted((ALERTS / "tests").glob("*.yml")):
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in test.get("alert_rule_test", ()):
                for alert in check["exp_alerts"]:
                    name, severity = check["alertname"], alert["exp_labels"]["severity"]
                    about = {"alertname": name, "job": "headgate", "instance": f"{name}-{severity}"}
                    if severity != "info":
                        found[name, severity] = {
                            "labels": {**alert["exp_labels"], **about},
                            "annotations": alert["exp_annotations"],
                        }
    return [*found.values()]


@pytest.mark.parametrize("language", ["zh_CN", "de"])
def test_mails_come_in_the_language_that_is_chosen(
    tmp_path: Path, alertmanager_binary: Path, free_port: Callable[[], int], language: str
) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    (switch,) = re.findall(r"^ +(sed .+zh_CN.+)$", page, re.MULTILINE)
    (tmp_path / "alerts").mkdir()
    chosen = tmp_path / "alerts" / SHIPPED.name
    shutil.copy(SHIPPED, chosen)
    subprocess.run(shlex.split(switch.replace("zh_CN", language)), check=True, timeout=60, cwd=tmp_path)
    alerts = all_that_mail()
    names = {alert["labels"]["alertname"] for alert in alerts}
    with running_alertmanager(alertmanager_binary, tmp_path, free_port(), source=chosen) as alertmanager:
        alertmanager.post(*alerts)
        sinks, deadline = alertmanager.sinks, time.monotonic() + 60
        while not all(sinks.mail(name) for name in names):
            assert time.monotonic() < deadline, names - {name for name in names if sinks.mail(name)}
            time.sleep(0.1)
        stale = next(one for one in alerts if one["labels"]["alertname"] == "HeadgateDatasetStale")
        alertmanager.post({**stale, "endsAt": datetime.now(UTC).isoformat()})
        healed, deadline = in_language("RESOLVED", language.replace("_", "-")), time.monotonic() + 60
        while not sinks.mail(f"[{healed}]", "HeadgateDatasetStale"):
            assert time.monotonic() < deadline, [mail.subject for mail in sinks.mails]
            time.sleep(0.1)
        said = [text for mail in sinks.mails for text in (mail.subject, mail.text, html.unescape(mail.html))]
    english = {alert["annotations"][name] for alert in alerts for name in ("summary", "description", "action")}
    assert len(english) > len(names)
    assert not [(text, mail) for text in english for mail in said if text in mail]
    words = (
        "FIRING",
        "What",
        "Do first",
        "Since",
        "Target",
        "Last load",
        "a load every",
        "Healed",
        "It was",
        "Silence",
    )
    assert not [(word, mail) for word in words for mail in said if re.search(rf"\b{word}\b", mail)]


# -- what is sent, and how often -------------------------------------------------------------------------


def test_the_watchdog_comes_every_minute(
    tmp_path: Path, alertmanager_binary: Path, free_port: Callable[[], int]
) -> None:
    minute = 60 / FASTER
    labels = {"alertname": "HeadgateWatchdog", "severity": "info", "component": "headgate", "job": "headgate"}
    with running_alertmanager(alertmanager_binary, tmp_path, free_port()) as alertmanager:
        alertmanager.post({"labels": labels, "annotations": {"summary": "s"}})
        sinks, deadline = alertmanager.sinks, time.monotonic() + 20 * minute
        arrivals: list[float] = []
        while len(arrivals) < 9:
            assert time.monotonic() < deadline, "eight repetitions take eight minutes, not twice as many"
            if sinks.watchdogs() > len(arrivals):
                arrivals.append(time.monotonic())
            time.sleep(0.02)
    gaps = sorted(later - sooner for sooner, later in itertools.pairwise(arrivals))
    assert minute * 0.9 < gaps[len(gaps) // 2] < minute * 1.2, gaps


def test_a_database_that_is_away_is_one_mail(
    tmp_path: Path, alertmanager_binary: Path, free_port: Callable[[], int]
) -> None:
    """The ledger that cannot be written is told of only where the database is there."""
    notes = {"summary": "s", "description": "d", "runbook_url": "r", "dashboard_url": "d"}

    def alert(name: str, instance: str) -> dict[str, Any]:
        labels = {"alertname": f"Headgate{name}", "job": "headgate", "instance": instance}
        return {"labels": labels | {"severity": "critical", "component": "database"}, "annotations": notes}

    with running_alertmanager(alertmanager_binary, tmp_path, free_port()) as alertmanager:
        sinks, name = alertmanager.sinks, "HeadgateDatabaseNotWritable"
        alertmanager.post(alert("DatabaseDown", "away:9847"))
        alertmanager.post(alert("DatabaseNotWritable", "away:9847"), alert("DatabaseNotWritable", "read-only:9847"))
        deadline = time.monotonic() + 60
        while not (sinks.mail("HeadgateDatabaseDown", "away:9847") and sinks.mail(name, "read-only:9847")):
            assert time.monotonic() < deadline, sinks.mails
            time.sleep(0.1)
        assert alertmanager.held_back_by(name, instance="away:9847") == {"HeadgateDatabaseDown"}
        assert not alertmanager.held_back_by(name, instance="read-only:9847")
        assert not sinks.mail(name, "away:9847")


# -- working hours ---------------------------------------------------------------------------------------


def test_off_hours_mute_warnings_and_nothing_critical(
    tmp_path: Path, alertmanager_binary: Path, free_port: Callable[[], int]
) -> None:
    def alert(severity: str, component: str) -> dict[str, Any]:
        labels = {"alertname": f"Headgate{component}{severity}", "job": "headgate", "instance": "a:9847"}
        notes = {"summary": "s", "description": "d", "runbook_url": "r", "dashboard_url": "d"}
        return {"labels": {**labels, "severity": severity, "component": component}, "annotations": notes}

    components = ("headgate", "ingest", "executors", "database", "loop", "machine")
    with running_alertmanager(alertmanager_binary, tmp_path, free_port(), off_hours=True) as alertmanager:
        quiet = [alert(severity, component) for component in components for severity in ("warning", "info")]
        alertmanager.post(*quiet)
        time.sleep(4)  # longer than any group is waited for
        alertmanager.post(*(alert("critical", component) for component in components))
        sinks, deadline = alertmanager.sinks, time.monotonic() + 60
        while len(sinks.mails) < len(components) or len(sinks.hooks) < len(components):
            assert time.monotonic() < deadline, sinks.mails
            time.sleep(0.1)
        assert {hook.alertname for hook in sinks.hooks} == {f"Headgate{component}critical" for component in components}
        assert all("(critical)" in mail.subject for mail in sinks.mails)
        assert all("on-call@example.com" in mail.to for mail in sinks.mails)
