"""Alertmanager's configuration and the rules say the same: who is told of which alert, when, and what holds it back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from alert_rules import ALERTING, ALERTS, NAMES, identity, said_by

ROUTING = yaml.safe_load((ALERTS / "alertmanager.yml").read_text(encoding="utf-8"))


def receiver_of(rule: dict[str, Any]) -> str:
    """Who is to be told, in words of this test, not of the configuration."""
    severity, component = rule["labels"]["severity"], rule["labels"]["component"]
    if rule["alert"] == "HeadgateWatchdog":
        return "dead-mans-switch"
    if severity == "critical":
        return {"database": "on-call-database", "ingest": "on-call-ingest"}.get(component, "on-call")
    if severity == "warning":
        return {"database": "database", "ingest": "ingest"}.get(component, "operators")
    return "notes"


@pytest.mark.parametrize("rule", ALERTING, ids=identity)
def test_an_alert_reaches_its_receiver(rule: dict[str, Any], amtool: Path) -> None:
    labels = {"alertname": rule["alert"], "job": "headgate", "instance": "a:9847", **rule["labels"]}
    said_by(
        amtool,
        *("config", "routes", "test", f"--config.file={ALERTS / 'alertmanager.yml'}"),
        f"--verify.receivers={receiver_of(rule)}",
        *(f"{name}={value}" for name, value in labels.items()),
    )


def routes(route: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    matchers = (*above, *route.get("matchers", ()))
    return [(matchers, route), *(one for child in route.get("routes", ()) for one in routes(child, matchers))]


def test_warnings_are_muted_off_hours_and_nothing_critical_ever() -> None:
    found = routes(ROUTING["route"])
    assert len(found) > 5
    for matchers, route in found:
        quiet = any(one in {'severity = "warning"', 'severity = "info"'} for one in matchers)
        assert (route.get("mute_time_intervals") == ["off-hours"]) == quiet, matchers


def test_alerts_are_grouped_by_job_and_name_everywhere() -> None:
    assert [route["group_by"] for _, route in routes(ROUTING["route"]) if "group_by" in route] == [["job", "alertname"]]


def test_receivers_tell_when_it_is_over_and_keep_secrets_in_files() -> None:
    for receiver in ROUTING["receivers"]:
        for config in [*receiver.get("email_configs", ()), *receiver.get("webhook_configs", ())]:
            assert config["send_resolved"] == (receiver["name"] != "dead-mans-switch"), receiver["name"]
        for config in receiver.get("webhook_configs", ()):
            assert config["http_config"]["authorization"]["credentials_file"].startswith("/etc/alertmanager/secrets/")
    text = (ALERTS / "alertmanager.yml").read_text()
    assert not re.search(r"(password|token|credentials|secret): ", text)


def test_only_the_watchdog_goes_to_the_dead_mans_switch() -> None:
    switch = [matchers for matchers, route in routes(ROUTING["route"]) if route.get("receiver") == "dead-mans-switch"]
    assert switch == [('alertname = "HeadgateWatchdog"',)]


def test_the_dead_mans_switch_is_told_every_minute() -> None:
    """A repetition waits for the end of a group_interval: with both of a minute it came every other one, or so."""
    (watchdog,) = (one for _, one in routes(ROUTING["route"]) if one.get("receiver") == "dead-mans-switch")
    group, repeat = (int(watchdog[name].removesuffix("s")) for name in ("group_interval", "repeat_interval"))
    posts = -(-repeat // group)
    assert posts * group == 60
    assert 5 <= posts * group - repeat < group, "no delay of a moment moves it to another end"


def test_inhibition_names_both_alerts_and_compares_labels() -> None:
    """With no name on a side, alerts of anybody without the labels of `equal` would hold each other back."""
    for rule in ROUTING["inhibit_rules"]:
        for side in ("source_matchers", "target_matchers"):
            assert any(matcher.startswith("alertname") for matcher in rule[side]), rule
        assert {"job", "instance"} <= set(rule["equal"])


def alert(name: str, severity: str, **more: str) -> dict[str, str]:
    return {"alertname": f"Headgate{name}", "severity": severity, "job": "headgate", "instance": "a:9847", **more}


def matched(matchers: list[str], labels: dict[str, str]) -> bool:
    """Say whether all of Alertmanager's matchers hold, as its own do: a pattern is to match the whole value."""
    for matcher in matchers:
        [(label, operator, wanted)] = re.findall(r'^(\w+) (=|!=|=~|!~) "(.*)"$', matcher)
        pattern = wanted if "~" in operator else re.escape(wanted)
        if bool(re.fullmatch(pattern, labels.get(label, ""))) == operator.startswith("!"):
            return False
    return True


def held_back(cause: dict[str, str], other: dict[str, str]) -> bool:
    return any(
        matched(rule["source_matchers"], cause)
        and matched(rule["target_matchers"], other)
        and all(cause.get(label, "") == other.get(label, "") for label in rule["equal"])
        for rule in ROUTING["inhibit_rules"]
    )


@pytest.mark.parametrize(
    ("cause", "consequences"),
    [
        # Beats, looks and tasks are the loop's; who is called for it needs no second call.
        (
            alert("LoopWedged", "critical"),
            "NotReady DatabaseNotWritable DbPoolLeak ExecutorStalled FolderSilent BacklogOld",
        ),
        (alert("DatabaseDown", "critical"), "DbPoolTimeouts DatabaseNotWritable JobsWaiting BacklogOld MailboxUnread"),
        (alert("DatabaseNotWritable", "critical"), "JobsWaiting BacklogOld MailboxUnread"),
        (alert("NotReady", "critical"), "JobsWaiting BacklogOld"),
        (alert("DiskSpoolLow", "critical"), "MailboxUnread"),
        (alert("ClusterAway", "critical"), "JobsWaiting BacklogOld"),
        (alert("ClusterWithoutWorkers", "critical"), "JobsWaiting BacklogOld"),
        (alert("MemoryNearLimit", "critical"), "MemoryHigh"),
    ],
    ids=lambda value: value["alertname"] if isinstance(value, dict) else "",
)
def test_one_cause_is_told_once(cause: dict[str, str], consequences: str) -> None:
    for name in consequences.split():
        (severity,) = {rule["labels"]["severity"] for rule in ALERTING if rule["alert"] == f"Headgate{name}"}
        assert held_back(cause, alert(name, severity)), name
        assert not held_back(cause, alert(name, severity, instance="b:9847")), name
    assert not held_back(cause, alert("DatasetStale", "critical", dataset="orders")), "the data's own users ask"
    assert not held_back(cause, alert("Watchdog", "info"))


@pytest.mark.parametrize("name", ["DatabaseDown", "DatabaseNotWritable"])
def test_a_database_that_is_away_is_not_told_of_as_a_failing_collector(name: str) -> None:
    """Its own numbers are asked of it; those of another part fail for a reason of their own."""
    down = alert(name, "critical")
    assert held_back(down, alert("CollectorFailed", "warning", collector="database_server"))
    assert not held_back(down, alert("CollectorFailed", "warning", collector="system"))


def test_inhibition_names_alerts_that_exist() -> None:
    for rule in ROUTING["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            if matcher.startswith("alertname"):
                for pattern in re.findall(r'"(.*)"', matcher)[0].split("|"):
                    assert any(re.fullmatch(pattern, name) for name in NAMES), pattern
