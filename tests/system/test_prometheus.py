"""A real Prometheus with the shipped configuration scrapes a real daemon."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Headgate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def prometheus(
    sqlite_headgate: Headgate, prometheus_binary: Path, free_port: Callable[[], int]
) -> Iterator[Callable[[str], Any]]:
    """Start Prometheus on prometheus.yml as shipped, but for the daemon's port and a shorter interval."""
    config = yaml.safe_load((ROOT / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    assert config["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:9847"]
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [sqlite_headgate.exporter_url.removeprefix("http://")]
    config["rule_files"] = [str(ROOT / name) for name in config["rule_files"]]
    folder = sqlite_headgate.folder
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                prometheus_binary,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            stdout=log,
            stderr=log,
        )

    def ask(path: str) -> Any:
        status, body = sqlite_headgate.get(f"{url}/api/v1/{path}")
        return json.loads(body)["data"] if status == 200 else None

    try:
        sqlite_headgate.until(lambda: ask("status/buildinfo") is not None, "Prometheus answers")
        yield ask
    finally:
        server.terminate()
        server.wait(20)


def test_the_target_is_up_and_a_loaded_workbook_is_seen(
    sqlite_headgate: Headgate, prometheus: Callable[[str], Any], orders: Callable[..., Path]
) -> None:
    process = sqlite_headgate.start_ready()

    def up() -> bool:
        targets = prometheus("targets")["activeTargets"]
        return [target["health"] for target in targets if target["labels"]["job"] == "headgate"] == ["up"]

    sqlite_headgate.until(up, "the target is up", process=process)
    orders(sqlite_headgate.inbox / "orders.xlsx", 25, bad=(3,))

    def inserted() -> bool:
        query = 'headgate_ingest_rows_total{dataset="orders",result="inserted"}'
        return [one["value"][1] for one in prometheus(f"query?query={quote(query)}")["result"]] == ["24"]

    sqlite_headgate.until(inserted, "Prometheus has seen 24 rows", process=process)
    rules = [rule for group in prometheus("rules")["groups"] for rule in group["rules"]]
    assert {"HeadgateDown", "HeadgateRowsUnaccounted"} <= {rule["name"] for rule in rules}
    sqlite_headgate.until(
        lambda: all(rule["health"] == "ok" for group in prometheus("rules")["groups"] for rule in group["rules"]),
        "every rule has been evaluated without an error",
    )
    assert sqlite_headgate.stop(process) == 0


def test_promtool_has_nothing_to_say_about_a_running_daemon(
    headgate: Headgate, promtool: Path, orders: Callable[..., Path]
) -> None:
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", 25, bad=(3,))
    headgate.until(lambda: headgate.all_finished(1), "the file is loaded", process=process)
    status, body = headgate.get(f"{headgate.exporter_url}/metrics")
    assert status == 200
    done = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert headgate.stop(process) == 0
