"""A real Prometheus on loopback with the shipped configuration, but for its target and its intervals."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_TARGET = "127.0.0.1:9847"
START_SECONDS = 60.0


class PrometheusError(Exception):
    """Prometheus refused a question; the message is its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A running server."""

    url: str
    configuration: Path

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Edit its configuration and let it be read."""
        config = yaml.safe_load(self.configuration.read_text(encoding="utf-8"))
        change(config)
        self.configuration.write_text(yaml.safe_dump(config), encoding="utf-8")
        with urlopen(f"{self.url}/-/reload", data=b"", timeout=30):  # noqa: S310  # loopback only
            pass

    def ask(self, path: str, **parameters: object) -> Any:
        """Return the data of an answer of the HTTP API."""
        question = f"{self.url}/api/v1/{path}?{urlencode(parameters, doseq=True)}"
        try:
            with urlopen(question, timeout=30) as response:  # noqa: S310  # loopback only
                return json.load(response)["data"]
        except HTTPError as error:
            raise PrometheusError(f"{parameters}: {error.read().decode()}") from None

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Return the series of an instant query, now."""
        found: list[dict[str, Any]] = self.ask("query", query=promql)["result"]
        return found

    def query_range(self, promql: str, *, seconds: float, step_seconds: float) -> list[dict[str, Any]]:
        """Return the series of a range query that ends now."""
        end = time.time()
        found: list[dict[str, Any]] = self.ask(
            "query_range", query=promql, start=end - seconds, end=end, step=step_seconds
        )["result"]
        return found

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self.ask("status/buildinfo")
        except (URLError, PrometheusError, OSError):
            return False
        return True


def configuration(target: str, interval: str) -> dict[str, Any]:
    """Return prometheus.yml as shipped, but for the target, the intervals and absolute paths of the rules."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] |= {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    (job,) = config["scrape_configs"]
    assert job["static_configs"][0]["targets"] == [SHIPPED_TARGET]
    job["static_configs"][0]["targets"] = [target]
    config["rule_files"] = [str(ROOT / name) for name in config["rule_files"]]
    return config


@contextmanager
def running_prometheus(
    binary: Path,
    folder: Path,
    *,
    target: str,
    port: int,
    interval: str = "1s",
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    arguments: tuple[str, ...] = (),
) -> Iterator[Prometheus]:
    """Run a server that scrapes `target` (host:port) until the block is left; `change` edits its configuration."""
    config = configuration(target, interval)
    change(config)
    server = Prometheus(url=f"http://127.0.0.1:{port}", configuration=folder / "prometheus.yml")
    server.configuration.write_text(yaml.safe_dump(config), encoding="utf-8")
    log_file = folder / "prometheus.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [
                binary,
                f"--config.file={server.configuration}",
                "--web.enable-lifecycle",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                # An alert is told again after a minute otherwise, and an Alertmanager that restarts waits for it.
                "--rules.alert.resend-delay=1s",
                *arguments,
            ],
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.answers():
            assert process.poll() is None, log_file.read_text()
            assert time.monotonic() < deadline, log_file.read_text()
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)
