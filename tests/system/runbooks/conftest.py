"""Runbooks followed to the letter: the commands are those of the page, and in the end the alert is over.

The alerts are those of the shipped rules in a real Prometheus, whose clocks run faster.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from fast_rules import faster
from prometheus_server import running_prometheus

if TYPE_CHECKING:
    from prometheus_server import Prometheus

    from ..conftest import Headgate

ROOT: Final = Path(__file__).resolve().parents[3]
SECTIONS: Final = {
    name: " ".join(text.split())
    for name, text in re.findall(
        r"^## (\w+)\n(.*?)(?=^## |\Z)",
        (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
}
UNIT: Final = (ROOT / "deploy" / "headgate.service").read_text(encoding="utf-8")
FACTOR: Final = 60
"""Minutes are seconds."""
FORGET: Final = "--query.lookback-delta=10s"
"""Prometheus's own clock: series of a job that is not in its configuration any more are seen for five minutes."""
ALERT_SECONDS: Final = 150
STOP_SECONDS: Final = 5
"""What a daemon that is restarted gets to end, before it is killed; the unit's TimeoutStopSec is longer."""


HOLD: Final = """
import pathlib, time

HERE = pathlib.Path(__file__).parent

def hold(frame):
    while (HERE / "hold").exists():
        time.sleep(0.05)
    return frame
"""
"""An application whose transform hangs for as long as there is a file beside it."""


def give_application(gate: Headgate, code: str) -> Path:
    """Put a module `application` where the daemon's workers find it; return its folder."""
    folder = gate.folder / "application"
    folder.mkdir()
    (folder / "application.py").write_text(code, encoding="utf-8")
    gate.more_environ["PYTHONPATH"] = str(folder)
    return folder


def add_to_dataset(gate: Headgate, line: str) -> None:
    spec = gate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


class Operator:
    """Somebody with a runbook, a shell and an alert."""

    def __init__(self, gate: Headgate, process: subprocess.Popen[bytes], prometheus: Prometheus, alert: str) -> None:
        self.gate, self.process, self.prometheus, self._alert = gate, process, prometheus, alert

    def reads(self, words: str) -> None:
        """See that the runbook says so."""
        assert words in SECTIONS[self._alert], (words, SECTIONS[self._alert])

    def runs(self, command: str, returns: int = 0, **places: object) -> str:
        """Run a command of the runbook, its words in capitals replaced, by several where a list is given.

        Return what it prints.
        """
        self.reads(f"`{command}`")
        given = [places.get(word, word) for word in shlex.split(command)[1:]]
        words = [str(one) for place in given for one in (place if isinstance(place, list) else [place])]
        done = self.gate.command(*words, "-c", self.gate.config)
        assert done.returncode == returns, done.stderr
        return done.stdout + done.stderr

    def asks(self, command: str) -> tuple[int, str]:
        """Do what a `curl` of the runbook does, at the exporter of the test; return status, or 0, and body."""
        self.reads(f"`{command}`")
        path = re.fullmatch(r"curl (?:-s 127\.0\.0\.1:9847|ADDRESS)(/\S+)", command)
        assert path, command
        return self.gate.get(self.gate.exporter_url + path[1])

    def reloads(self) -> None:
        """Do what the unit's reload does."""
        self.reads("`systemctl reload headgate`")
        assert "ExecReload=/bin/kill -HUP $MAINPID" in UNIT
        self.process.send_signal(signal.SIGHUP)

    def starts(self) -> None:
        """Do what the unit's start does."""
        self.reads("`systemctl start headgate`")
        self.process = self.gate.start_ready()

    def restarts(self, words: str = "`systemctl restart headgate`") -> None:
        """Do what the unit's restart does."""
        self.reads(words)
        assert "KillSignal=SIGTERM" in UNIT
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.process.wait(20)
        self.process = self.gate.start_ready()

    def is_called(self, severity: str = "") -> None:
        """Wait until the alert fires, by the rule of that severity where it has several."""
        wanted = {"firing", severity} - {""}
        self._until(lambda: any(wanted <= one for one in self._active()), "fires")

    def is_done(self) -> None:
        """Wait until it is over."""
        self._until(lambda: not self._active(), "is over")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        """A machine that is busy with other tests may lose scrapes, and then a clock of an alert begins anew."""
        self.gate.until(condition, f"{self._alert} {what}", seconds=ALERT_SECONDS, problem=self._active)

    def _active(self) -> list[set[str]]:
        """State and severity of each that is pending or fires."""
        alerts = self.prometheus.ask("alerts")["alerts"]
        mine = [one for one in alerts if one["labels"]["alertname"] == self._alert]
        return [{one["state"], one["labels"]["severity"]} for one in mine]


Called = Callable[..., contextlib.AbstractContextManager[Operator]]


@pytest.fixture
def called(sqlite_headgate: Headgate, prometheus_binary: Path, tmp_path: Path, free_port: Callable[[], int]) -> Called:
    """Start the daemon and a Prometheus that watches it, for somebody who has one of its alerts to end."""

    @contextmanager
    def start(
        alert: str,
        gate: Headgate = sqlite_headgate,
        *,
        factor: int = FACTOR,
        watch: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> Iterator[Operator]:
        process = gate.start_ready()
        hasten = faster(tmp_path / "rules", factor)

        def change(config: dict[str, Any]) -> None:
            hasten(config)
            watch(config)

        target = gate.exporter_url.removeprefix("http://")
        port = free_port()
        with running_prometheus(
            prometheus_binary, tmp_path, target=target, port=port, change=change, arguments=(FORGET,)
        ) as prometheus:
            gate.until(lambda: bool(prometheus.query("up == 1")), "the daemon is watched", process=process)
            operator = Operator(gate, process, prometheus, alert)
            yield operator
        assert gate.stop(operator.process) == 0

    return start
