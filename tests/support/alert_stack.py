"""Prometheus and Alertmanager with what is shipped, only their durations scaled and their addresses replaced."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import yaml
from mail_and_hooks import PASSWORD, TOKEN, Sinks, listening
from prometheus_server import Prometheus, running_prometheus

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "alerts"
SHIPPED = ALERTS / "alertmanager.yml"
FASTER = 20
"""Prometheus scrapes and evaluates every second in place of every 15; ranges still hold samples enough."""
GRAFANA, RUNBOOKS = "https://grafana.example.com", "https://example.com/headgate/"
PAGE = "https://headgate.example.com"
MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
DURATION = re.compile(r"(\d+)([smhd])")
INTERVALS = {"for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"}


def scaled(duration: str) -> str:
    """Return a duration of Prometheus that is `FASTER` times shorter."""
    total = sum(int(number) * MILLISECONDS[unit] for number, unit in DURATION.findall(duration))
    return f"{total // FASTER}ms"


def faster(document: Any) -> Any:
    """Return a document with every duration scaled: the keys that hold one, and the ranges in PromQL."""
    if isinstance(document, list):
        return [faster(one) for one in document]
    if not isinstance(document, dict):
        return document
    found = {}
    for key, value in document.items():
        if key in INTERVALS:
            found[key] = scaled(value)
        elif key == "expr":
            found[key] = re.sub(r"\[(\w+)\]", lambda match: f"[{scaled(match[1])}]", value)
        else:
            found[key] = faster(value)
    return found


def write_rules(folder: Path) -> list[str]:
    """Write the shipped rules with scaled durations; return the paths."""
    folder.mkdir()
    written = []
    for path in sorted((ALERTS / "rules").glob("*.yml")):
        rules = faster(yaml.safe_load(path.read_text(encoding="utf-8")))
        (folder / path.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
        written.append(str(folder / path.name))
    return written


def write_alertmanager(folder: Path, sinks: Sinks, source: Path, *, off_hours: bool) -> Path:
    """Write a configuration with scaled durations and our addresses; it is never off-hours, or always."""
    config = faster(yaml.safe_load(source.read_text(encoding="utf-8")))
    (folder / "smtp-password").write_text(PASSWORD)
    (folder / "token").write_text(TOKEN)
    config["global"] |= {
        "smtp_smarthost": f"127.0.0.1:{sinks.smtp_port}",
        "smtp_require_tls": False,
        "smtp_auth_password_file": str(folder / "smtp-password"),
    }
    config["templates"] = [str(ALERTS / "templates" / "*.tmpl")]
    for receiver in config["receivers"]:
        switch = receiver["name"] == "dead-mans-switch"
        for hook in receiver.get("webhook_configs", ()):
            hook["url"] = f"http://127.0.0.1:{sinks.hook_port}/{'watchdog' if switch else 'hooks/headgate'}"
            hook["http_config"] = {"authorization": {"credentials_file": str(folder / "token")}}
    ends = "24:00" if off_hours else "00:01"
    always = [{"times": [{"start_time": "00:00", "end_time": ends}]}]
    never = [{"years": ["1970"]}]
    config["time_intervals"] = [{"name": "off-hours", "time_intervals": always if off_hours else never}]
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Alertmanager:
    """A running server and what it sent."""

    url: str
    sinks: Sinks

    def alerts(self, alertname: str) -> list[dict[str, Any]]:
        """Return what it knows of an alert, also when it is held back."""
        query = urlencode({"filter": f'alertname="{alertname}"'})
        with urlopen(f"{self.url}/api/v2/alerts?{query}", timeout=30) as response:  # noqa: S310  # loopback only
            found: list[dict[str, Any]] = json.load(response)
        return found

    def held_back_by(self, alertname: str, **labels: str) -> set[str]:
        """Return the names of the alerts that inhibit this one now."""
        names = set()
        for alert in self.alerts(alertname):
            if labels.items() <= alert["labels"].items():
                names |= set(alert["status"]["inhibitedBy"])
        with urlopen(f"{self.url}/api/v2/alerts", timeout=30) as response:  # noqa: S310  # loopback only
            by_fingerprint = {one["fingerprint"]: one["labels"]["alertname"] for one in json.load(response)}
        return {by_fingerprint[name] for name in names if name in by_fingerprint}

    def post(self, *alerts: dict[str, Any]) -> None:
        """Hand alerts in as Prometheus does."""
        request = Request(f"{self.url}/api/v2/alerts", data=json.dumps(alerts).encode(), method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=30) as response:  # noqa: S310  # loopback only
            assert response.status == 200

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            with urlopen(f"{self.url}/-/ready", timeout=5) as response:  # noqa: S310  # loopback only
                return bool(response.status == 200)
        except OSError:
            return False


@contextmanager
def running_alertmanager(
    binary: Path, folder: Path, port: int, *, off_hours: bool = False, source: Path = SHIPPED
) -> Iterator[Alertmanager]:
    """Run a server with its sinks until the block is left."""
    with listening() as sinks, (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={write_alertmanager(folder, sinks, source, off_hours=off_hours)}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
        server = Alertmanager(url=f"http://127.0.0.1:{port}", sinks=sinks)
        try:
            deadline = time.monotonic() + 60
            while not server.answers():
                assert process.poll() is None, (folder / "alertmanager.log").read_text()
                assert time.monotonic() < deadline, "Alertmanager does not answer"
                time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait(20)


@contextmanager
def alerting(
    *, prometheus: Path, alertmanager: Path, folder: Path, target: str, free_port: Callable[[], int]
) -> Iterator[tuple[Prometheus, Alertmanager]]:
    """Run both, and what they need, until the block is left; `target` is the daemon's exporter."""
    with running_alertmanager(alertmanager, folder, free_port()) as called:

        def change(config: dict[str, Any]) -> None:
            config["global"]["external_labels"] = {
                "grafana_url": GRAFANA,
                "runbooks_url": RUNBOOKS,
                "page_url": PAGE,
            }
            config["rule_files"] = write_rules(folder / "rules")
            (one,) = config["alerting"]["alertmanagers"]
            one["static_configs"] = [{"targets": [called.url.removeprefix("http://")]}]

        with running_prometheus(prometheus, folder, target=target, port=free_port(), change=change) as server:
            yield server, called
