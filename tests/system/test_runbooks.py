"""Runbooks followed to the letter: the commands are those of the page, and in the end the alert is over.

The alerts are those of the shipped rules in a real Prometheus; one that waits for its `for` counts as there.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from prometheus_server import running_prometheus

if TYPE_CHECKING:
    import subprocess

    from prometheus_server import Prometheus

    from .conftest import Headgate

ROOT: Final = Path(__file__).resolve().parents[2]
SECTIONS: Final = {
    name: " ".join(text.split())
    for name, text in re.findall(
        r"^## (\w+)\n(.*?)(?=^## |\Z)",
        (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
}
FRESH_SECONDS: Final = 20


class Operator:
    """Somebody with a runbook, a shell and an alert."""

    def __init__(self, gate: Headgate, process: subprocess.Popen[bytes], prometheus: Prometheus, alert: str) -> None:
        self.gate, self.process, self._prometheus, self._alert = gate, process, prometheus, alert

    def reads(self, words: str) -> None:
        """See that the runbook says so."""
        assert words in SECTIONS[self._alert], (words, SECTIONS[self._alert])

    def runs(self, command: str, returns: int = 0, **places: object) -> str:
        """Run a command of the runbook, its words in capitals replaced; return what it prints."""
        self.reads(f"`{command}`")
        words = [str(places.get(word, word)) for word in shlex.split(command)[1:]]
        done = self.gate.command(*words, "-c", self.gate.config)
        assert done.returncode == returns, done.stderr
        return done.stdout + done.stderr

    def reloads(self) -> None:
        """Do what the unit's reload does."""
        self.reads("`systemctl reload headgate`")
        assert "ExecReload=/bin/kill -HUP $MAINPID" in (ROOT / "deploy" / "headgate.service").read_text()
        self.process.send_signal(signal.SIGHUP)

    def is_called(self) -> None:
        """Wait for the alert."""
        self.gate.until(lambda: bool(self._active()), f"{self._alert} is there", process=self.process)

    def is_done(self) -> None:
        """Wait until it is over."""
        self.gate.until(
            lambda: not self._active(), f"{self._alert} is over", process=self.process, problem=self._active
        )

    def _active(self) -> list[object]:
        return [one for one in self._prometheus.ask("alerts")["alerts"] if one["labels"]["alertname"] == self._alert]


Called = Callable[..., contextlib.AbstractContextManager[Operator]]


@pytest.fixture
def called(sqlite_headgate: Headgate, prometheus_binary: Path, tmp_path: Path, free_port: Callable[[], int]) -> Called:
    """Start the daemon and a Prometheus that watches it, for somebody who has one of its alerts to end."""

    @contextmanager
    def start(alert: str, gate: Headgate = sqlite_headgate) -> Iterator[Operator]:
        process = gate.start_ready()
        target = gate.exporter_url.removeprefix("http://")
        with running_prometheus(prometheus_binary, tmp_path, target=target, port=free_port()) as prometheus:
            yield Operator(gate, process, prometheus, alert)
        assert gate.stop(process) == 0

    return start


def add(gate: Headgate, line: str) -> None:
    spec = gate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")


def given_up(gate: Headgate, orders: Callable[..., Path]) -> Path:
    """Hand in a workbook whose table has lost a column."""
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    return orders(gate.inbox / "orders-1.xlsx", 5)


@pytest.mark.parametrize("how", ["mended", "put to rest"])
def test_dead_jobs(called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate, how: str) -> None:
    file = given_up(sqlite_headgate, orders)
    with called("HeadgateDeadJobs") as operator:
        operator.is_called()
        assert "orders-1.xlsx" in operator.runs("headgate jobs --state dead")
        assert "no column buyer" in operator.runs("headgate job ID", ID=1)
        if how == "mended":
            operator.reads("Correct the cause that the job names, then submit the file again")
            operator.gate.execute("ALTER TABLE orders ADD COLUMN buyer text")
            done = operator.gate.command("submit", file, "--dataset", "orders", "--wait", "-c", operator.gate.config)
            assert done.returncode == 0, done.stderr
        else:
            operator.runs("headgate dismiss ID", ID=1)
        operator.is_done()


def test_a_dataset_that_was_never_loaded(
    called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate
) -> None:
    add(sqlite_headgate, "freshness_seconds: 1")
    file = orders(sqlite_headgate.folder / "of another name.xlsx", 5)
    with called("HeadgateDatasetNeverLoaded") as operator:
        operator.is_called()
        operator.runs("headgate check")
        operator.reads("`headgate read FILE`")
        assert "订单号" in operator.gate.command("read", file).stdout
        operator.runs("headgate submit FILE --dataset NAME --wait", FILE=file, NAME="orders")
        operator.is_done()


def test_a_stale_dataset(called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate) -> None:
    """The files come and are refused, as the last job says: its sender corrects the file."""
    add(sqlite_headgate, f"freshness_seconds: {FRESH_SECONDS}")
    orders(sqlite_headgate.inbox / "orders-1.xlsx", 5)
    with called("HeadgateDatasetStale") as operator:
        gate = operator.gate
        gate.until(lambda: gate.all_finished(1), "the first is loaded", process=operator.process)
        orders(gate.inbox / "orders-2.xlsx", 5, start=10, bad=(0, 1, 2, 3, 4))
        operator.is_called()
        assert "rejected" in operator.runs("headgate jobs --limit 20")
        assert "cell.type" in operator.runs("headgate job ID", ID=2)
        orders(gate.inbox / "orders-2.xlsx", 5, start=10)
        operator.is_done()


def test_a_reload_that_failed(called: Called) -> None:
    with called("HeadgateConfigReloadFailed") as operator:
        gate = operator.gate
        right = gate.config.read_text(encoding="utf-8")
        gate.config.write_text(right + "\nledgr: {}\n", encoding="utf-8")
        operator.process.send_signal(signal.SIGHUP)
        operator.is_called()
        assert "did you mean ledger?" in operator.runs("headgate check", returns=2)
        gate.config.write_text(right, encoding="utf-8")
        operator.runs("headgate check")
        operator.reloads()
        operator.is_done()


def test_a_table_that_does_not_fit(
    called: Called, tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    gate = headgate_at(tmp_path / "headgate", postgres_database)
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    with called("HeadgateTableUnfit", gate) as operator:
        operator.is_called()
        assert "no column buyer" in operator.runs("headgate check --connect", returns=2)
        operator.reads("the daemon's log has the same lines as `table does not fit`")
        gate.tells("no column buyer")
        operator.reads("change the dataset, or the table back")
        gate.execute("ALTER TABLE orders ADD COLUMN buyer text, ALTER COLUMN quantity TYPE bigint")
        operator.runs("headgate check --connect")
        operator.reads("The alert ends by itself")
        operator.is_done()


def test_a_folder_that_is_gone(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    with called("HeadgateFolderGone") as operator:
        gate.inbox.rename(gate.folder / "elsewhere")
        operator.is_called()
        gate.tells("folder not read")
        operator.reads("make it again")
        gate.inbox.mkdir()
        operator.is_done()
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.reads("what lies in it is taken")
        gate.until(lambda: gate.all_finished(1), "what lies in it is taken", process=operator.process)


def test_a_spent_error_budget(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """What was given up is loaded by a retry once the cause is mended; the alert itself looks back for hours."""
    given_up(sqlite_headgate, orders)
    with called("HeadgateIngestErrorBudgetBurn") as operator:
        gate = operator.gate
        gate.until(lambda: gate.all_finished(1), "it is given up", process=operator.process)
        assert "orders-1.xlsx" in operator.runs("headgate jobs --state dead")
        assert "no column buyer" in operator.runs("headgate job ID", ID=1)
        gate.execute("ALTER TABLE orders ADD COLUMN buyer text")
        operator.runs("headgate retry ID", ID=1)
        gate.until(lambda: gate.loaded_jobs() == 1, "it is loaded", process=operator.process)


def test_files_that_are_refused(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Five of one dataset within a day; their rows are handed back. The alert looks back for that day."""
    for number in range(6):
        orders(sqlite_headgate.inbox / f"orders-{number}.xlsx", 5, start=10 * number, bad=(0, 1, 2, 3, 4))
    with called("HeadgateFilesRefused") as operator:
        gate = operator.gate
        gate.until(lambda: gate.all_finished(6), "all are refused", process=operator.process)
        assert "orders-5.xlsx" in operator.runs("headgate jobs --state rejected")
        assert json.loads(gate.command("job", "1", "--json", "-c", gate.config).stdout)["state"] == "rejected"
        assert "cell.type" in operator.runs("headgate job ID", ID=1)
        back = gate.folder / "back.xlsx"
        operator.reads("`headgate rejects ID -o FILE.xlsx`")
        assert gate.command("rejects", 1, "-o", back, "-c", gate.config).returncode == 0
        assert back.stat().st_size
