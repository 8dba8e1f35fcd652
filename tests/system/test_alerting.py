"""Real faults in a real daemon call the right people through Prometheus and Alertmanager, and are taken back.

The rules and Alertmanager's configuration are those that are shipped; only durations are scaled and addresses replaced.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from alert_stack import GRAFANA, PAGE, RUNBOOKS, alerting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from alert_stack import Alertmanager
    from postgres_server import Postgres
    from prometheus_server import Prometheus

    from .conftest import Headgate

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

BROKEN_RULES = "import os\n\n\ndef tidy(*_):\n    os.abort()\n"
BLOCKED_SECONDS = 25


class Alarm:
    """A daemon that is watched, and what people hear of it."""

    def __init__(self, headgate: Headgate, prometheus: Prometheus, alertmanager: Alertmanager) -> None:
        self.headgate, self.prometheus, self.alertmanager = headgate, prometheus, alertmanager
        self.sinks = alertmanager.sinks

    @property
    def instance(self) -> str:
        return self.headgate.exporter_url.removeprefix("http://")

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                firing = [
                    (alert["labels"]["alertname"], alert["labels"]["severity"], alert["state"])
                    for alert in self.prometheus.ask("alerts")["alerts"]
                ]
                arrived = [(mail.subject, mail.to) for mail in self.sinks.mails]
                pytest.fail(
                    f"not within {seconds} s: {what}\nalerts: {firing}\nmails: {arrived}\n{self.headgate.tail()}"
                )
            time.sleep(0.2)

    def firing(self, name: str, severity: str = "") -> bool:
        return any(
            (alert["labels"]["alertname"], alert["state"]) == (name, "firing")
            and severity in {"", alert["labels"]["severity"]}
            for alert in self.prometheus.ask("alerts")["alerts"]
        )

    def called(self, name: str, *, to: set[str], words: tuple[str, ...], board: str, severity: str) -> None:
        """Wait for the email and the webhook call that tell of a fault, and read them."""
        address = min(to)
        self.until(lambda: self.sinks.mail("[FIRING:", name, f"({severity})", to=address), f"a mail on {name}")
        self.until(lambda: self.sinks.hook(name, "firing"), f"a webhook call on {name}")
        mail = self.sinks.mail("[FIRING:", name, f"({severity})", to=address)
        assert mail is not None
        assert set(mail.to) == to
        assert f"on {self.instance}" in mail.subject
        runbook = f"{RUNBOOKS}docs/runbooks.md#{name.lower()}"
        for body in (mail.html.replace("&#43;", "+").replace("&amp;", "&"), mail.text):
            for word in (*words, self.instance, "Since", "Do first", f"{GRAFANA}/d/{board}?var-job=headgate", runbook):
                assert word in body, (word, body)
        assert f'href="{runbook}"' in mail.html
        assert "/#/silences/new?filter=" in mail.html
        hook = self.sinks.hook(name, "firing")
        assert hook is not None
        (alert, *_) = hook.body["alerts"]
        assert alert["labels"]["instance"] == self.instance
        assert re.search(r"&from=\d{13}&to=now", mail.text), mail.text
        assert f"machine {platform.node()}" in mail.text
        assert not {"grafana_url", "runbooks_url", "page_url"} & set(alert["labels"])
        assert alert["annotations"]["runbook_url"] == runbook
        assert all(word in str(alert["annotations"]) for word in words)

    def taken_back(self, name: str, *, seconds: float = 120) -> None:
        """Wait for the email and the webhook call that tell that it is over."""
        self.until(lambda: self.sinks.mail("[RESOLVED]", name), f"a mail that {name} is over", seconds=seconds)
        self.until(lambda: self.sinks.hook(name, "resolved"), f"a webhook call that {name} is over", seconds=seconds)
        mail = self.sinks.mail("[RESOLVED]", name)
        assert mail is not None
        assert "Healed after" in mail.html
        assert re.search(r"HEALED after [\dhms]+: ", mail.text), mail.text
        assert re.search(r" until .*, [\dhms]+\s", mail.text), mail.text
        assert re.search(r"&from=\d{13}&to=\d{13}\s", mail.text), mail.text


@pytest.fixture
def watched(
    tmp_path: Path,
    prometheus_binary: Path,
    alertmanager_binary: Path,
    free_port: Callable[[], int],
) -> Iterator[Callable[[Headgate], Alarm]]:
    """Watch a daemon with Prometheus and Alertmanager until the test ends."""
    entered: list[Any] = []

    def watch(headgate: Headgate) -> Alarm:
        folder = tmp_path / "alerting"
        folder.mkdir()
        stack = alerting(
            prometheus=prometheus_binary,
            alertmanager=alertmanager_binary,
            folder=folder,
            target=headgate.exporter_url.removeprefix("http://"),
            free_port=free_port,
        )
        prometheus, alertmanager = stack.__enter__()
        entered.append(stack)
        alarm = Alarm(headgate, prometheus, alertmanager)
        alarm.until(lambda: prometheus.query('up{job="headgate"} == 1'), "Prometheus scrapes the daemon")
        return alarm

    yield watch
    for stack in entered:
        stack.__exit__(None, None, None)


def add_crashing_dataset(headgate: Headgate, monkeypatch: pytest.MonkeyPatch) -> None:
    (headgate.folder / "broken_rules.py").write_text(BROKEN_RULES)
    orders = (headgate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
    crashing = orders.replace("dataset: orders", "dataset: crashing").replace('"orders*"', '"crash*"')
    crashing += 'transform: "broken_rules:tidy"\n'
    (headgate.folder / "datasets" / "crashing.yml").write_text(crashing, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(headgate.folder))


# -- the faults ------------------------------------------------------------------------------------------


def test_a_dataset_goes_stale(
    sqlite_headgate: Headgate, watched: Callable[[Headgate], Alarm], orders: Callable[..., Path]
) -> None:
    headgate = sqlite_headgate
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + "freshness_seconds: 10\n", encoding="utf-8")
    process = headgate.start_ready()
    alarm = watched(headgate)  # first: once it is critical, the warning is held back
    orders(headgate.inbox / "orders-1.xlsx", 20)
    headgate.until(lambda: headgate.all_finished(1), "the first workbook is loaded", process=process)
    words = ("Dataset orders", "beyond its freshness target")
    name, board = "HeadgateDatasetStale", "headgate-ingestion"
    alarm.called(name, to={"data@example.com"}, words=words, board=board, severity="warning")
    warned = alarm.sinks.mail("[FIRING:", name, "(warning)", to="data@example.com")
    assert warned is not None
    for line in (
        r"Target: +a load every 10s",
        r"Last load: +\d{4}-\d\d-\d\d \d\d:\d\d \w+",
        r"Last attempt: +\d{4}-\d\d-\d\d ",
        rf"Jobs: +{PAGE}/\?dataset=orders\s",
    ):
        assert re.search(line, warned.text), (line, warned.text)
    everybody = {"data@example.com", "on-call@example.com"}
    alarm.until(lambda: alarm.firing(name, "critical"), "it is critical after twice the time")
    alarm.until(lambda: alarm.sinks.mail("[FIRING:", name, "(critical)", to="on-call@example.com"), "on-call is told")
    critical = alarm.sinks.mail("[FIRING:", name, "(critical)", to="on-call@example.com")
    assert critical is not None
    assert set(critical.to) == everybody
    assert alarm.alertmanager.held_back_by(name, severity="warning") == {name}, "the warning says nothing more"
    orders(headgate.inbox / "orders-2.xlsx", 20, start=100)
    alarm.taken_back(name)
    alarm.until(lambda: alarm.sinks.watchdogs() > 3, "the dead man's switch is told all along")
    assert not alarm.sinks.refused
    assert headgate.stop(process) == 0


def test_workers_crash_in_a_loop_and_a_dead_daemon_explains_it(
    sqlite_headgate: Headgate,
    watched: Callable[[Headgate], Alarm],
    orders: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headgate = sqlite_headgate
    add_crashing_dataset(headgate, monkeypatch)
    process = headgate.start_ready()
    alarm = watched(headgate)
    for number in range(3):
        orders(headgate.inbox / f"crash-{number}.xlsx", 5, start=number * 10)
    name = "HeadgateWorkerCrashLoop"
    words = ("Workers die again and again", "Workers of the cpu pool")
    alarm.called(name, to={"operators@example.com"}, words=words, board="headgate-executors", severity="warning")
    headgate.until(lambda: headgate.all_finished(3), "each file is given up", process=process)
    assert {job["state"] for job in headgate.jobs()} == {"dead"}

    # The daemon dies meanwhile: what its last samples say goes on firing, and nobody is to hear of it.
    headgate.kill(process)
    down, everybody = "HeadgateDown", {"on-call@example.com", "operators@example.com"}
    alarm.until(lambda: alarm.alertmanager.held_back_by(name) == {down}, f"{down} holds {name} back", seconds=60)
    words = ("cannot be scraped", "no workbook is taken in")
    alarm.called(down, to=everybody, words=words, board="headgate-overview", severity="critical")
    process = headgate.start_ready()
    alarm.taken_back(down)
    alarm.taken_back(name)
    alarm.until(lambda: alarm.sinks.mail("[FIRING:", "HeadgateDeadJobs", to="data@example.com"), "the files are dead")
    assert headgate.stop(process) == 0


def test_the_daemon_is_stopped_while_it_has_other_troubles(
    sqlite_headgate: Headgate, watched: Callable[[Headgate], Alarm]
) -> None:
    """Inhibition is by instance: the same alert of another one is told."""
    headgate = sqlite_headgate
    process = headgate.start_ready()
    alarm = watched(headgate)
    lasting = {"alertname": "HeadgateOutOfMemoryKill", "severity": "critical", "component": "machine"}
    elsewhere = {**lasting, "job": "headgate", "instance": "another:9847"}
    assert headgate.stop(process) == 0
    words = ("cannot be scraped", "no workbook is taken in")
    everybody = {"on-call@example.com", "operators@example.com"}
    alarm.called("HeadgateDown", to=everybody, words=words, board="headgate-overview", severity="critical")
    here = {**lasting, "job": "headgate", "instance": alarm.instance}
    notes = {"summary": "s", "description": "d", "runbook_url": "r", "dashboard_url": "d"}
    alarm.alertmanager.post({"labels": here, "annotations": notes}, {"labels": elsewhere, "annotations": notes})
    alarm.until(
        lambda: alarm.alertmanager.held_back_by("HeadgateOutOfMemoryKill", instance=alarm.instance) == {"HeadgateDown"},
        "the alert of the instance that is down is held back",
    )
    alarm.until(lambda: alarm.sinks.mail("HeadgateOutOfMemoryKill", "another:9847"), "that of another one is told")
    assert not alarm.alertmanager.held_back_by("HeadgateOutOfMemoryKill", instance="another:9847")
    assert not alarm.sinks.mail("HeadgateOutOfMemoryKill", alarm.instance)
    process = headgate.start_ready()
    alarm.taken_back("HeadgateDown")
    assert headgate.stop(process) == 0


def test_connections_are_held_until_the_pool_times_out(
    tmp_path: Path,
    own_postgres: Postgres,
    headgate_at: Callable[[Path, str], Headgate],
    watched: Callable[[Headgate], Alarm],
    orders: Callable[..., Path],
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    headgate.settings["database"] |= {"pool_size": 1, "max_overflow": 1, "pool_timeout_seconds": 2}
    headgate.write_config()
    process = headgate.start_ready()
    alarm = watched(headgate)
    locking = f"BEGIN; LOCK TABLE headgate.job IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({BLOCKED_SECONDS});"
    holder = threading.Thread(target=own_postgres.execute, args=(locking,))
    holder.start()
    orders(headgate.inbox / "orders-1.xlsx", 20)
    # Callers of the API want connections too, and are told that there are none.
    asking = [threading.Thread(target=headgate.get, args=(f"{headgate.api_url}/jobs", headgate.token)) for _ in "123"]
    for thread in asking:
        thread.start()
    name, words = "HeadgateDbPoolTimeouts", ("get no database connection", "waited in vain")
    everybody = {"database@example.com", "on-call@example.com"}
    alarm.called(name, to=everybody, words=words, board="headgate-database", severity="critical")
    assert not alarm.firing("HeadgateDatabaseDown"), "the database is there"
    for thread in (holder, *asking):
        thread.join(60)
    alarm.taken_back(name)
    headgate.until(lambda: headgate.all_finished(1), "the workbook is loaded after all", process=process)
    assert headgate.stop(process) == 0


def test_the_database_is_stopped(
    tmp_path: Path,
    own_postgres: Postgres,
    headgate_at: Callable[[Path, str], Headgate],
    watched: Callable[[Headgate], Alarm],
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    headgate.settings["ledger"] |= {"beat_seconds": 1, "lease_seconds": 10}
    headgate.write_config()
    process = headgate.start_ready()
    alarm = watched(headgate)
    own_postgres.stop()
    name, words = "HeadgateDatabaseDown", ("database cannot be reached", "nothing is loaded")
    everybody = {"database@example.com", "on-call@example.com"}
    alarm.called(name, to=everybody, words=words, board="headgate-database", severity="critical")
    alarm.until(lambda: alarm.alertmanager.held_back_by("HeadgateDatabaseNotWritable") == {name}, "one mail is enough")
    assert not alarm.sinks.mail("HeadgateDatabaseNotWritable")
    own_postgres.start()
    alarm.taken_back(name)
    assert headgate.stop(process) == 0


def test_the_loop_is_blocked(sqlite_headgate: Headgate, watched: Callable[[Headgate], Alarm]) -> None:
    headgate = sqlite_headgate
    headgate.settings["exporter"]["stall_seconds"] = 2
    headgate.write_config()
    process = headgate.start_blockable(seconds=BLOCKED_SECONDS)
    alarm = watched(headgate)
    process.send_signal(signal.SIGUSR1)
    name, words = "HeadgateLoopWedged", ("main loop hangs", "had not moved for")
    everybody = {"on-call@example.com", "operators@example.com"}
    alarm.called(name, to=everybody, words=words, board="headgate-itself", severity="critical")
    alarm.taken_back(name)
    assert headgate.stop(process) == 0


@pytest.mark.alone  # it takes every core
def test_cpu_is_burnt(sqlite_headgate: Headgate, watched: Callable[[Headgate], Alarm]) -> None:
    headgate = sqlite_headgate
    headgate.settings["resources"] = {"cpu_threshold": 90}
    headgate.write_config()
    process = headgate.start_ready()
    alarm = watched(headgate)
    fires = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        name, words = "HeadgateCpuHigh", ("CPU is busy", "above the configured threshold")
        alarm.called(name, to={"operators@example.com"}, words=words, board="headgate-resources", severity="warning")
    finally:
        for fire in fires:
            fire.kill()
            fire.wait(10)
    # Others may work on this machine too: what is over for sure is over once the operators ask for less.
    headgate.settings["resources"] = {"cpu_threshold": 100}
    headgate.write_config()
    process.send_signal(signal.SIGHUP)
    alarm.taken_back(name)
    assert headgate.stop(process) == 0
