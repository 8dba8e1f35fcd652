"""docs/exporter.md: its examples are taken, and Prometheus takes its own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from certificates import Authority

from daemon.config.load import load_settings
from daemon.config.web_yml import load_web_config

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "exporter.md").read_text(encoding="utf-8")
WATCH, WEB, SCRAPE = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_the_watched_processes(tmp_path: Path) -> None:
    (tmp_path / "headgate.yml").write_text(WATCH)
    settings = load_settings(tmp_path / "headgate.yml", {})
    assert [watched.name for watched in settings.watch] == ["erp", "web"]


@pytest.fixture
def certificates(tmp_path: Path, require_openssl: None) -> Path:  # noqa: ARG001
    authority = Authority(tmp_path)
    authority.issue("server", "DNS:headgate.example.com")
    authority.issue("prometheus", "DNS:prometheus")
    return tmp_path


def test_the_web_configuration(certificates: Path) -> None:
    (certificates / "web.yml").write_text(WEB)
    config = load_web_config(certificates / "web.yml")
    assert config.authenticates
    assert set(config.basic_auth_users) == {"prometheus"}


def test_prometheus_takes_its_side(certificates: Path, promtool: Path) -> None:
    (certificates / "headgate.password").write_text("an example")
    (certificates / "prometheus.yml").write_text(SCRAPE)
    done = subprocess.run(
        [promtool, "check", "config", certificates / "prometheus.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
