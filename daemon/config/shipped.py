"""The files that come with Headgate: owns where they are, in the wheel and in the repository, not what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

SHIPPED: Final = (
    "prometheus.yml",
    "alerts/alertmanager.yml",
    "alerts/rules",
    "alerts/templates",
    "grafana/dashboards",
    "grafana/provisioning",
    "deploy/headgate.service",
    "deploy/headgate-worker.service",
    "deploy/kubernetes/prometheusrule.yaml",
    "deploy/kubernetes/servicemonitor.yaml",
    "deploy/kubernetes/sidecar.yaml",
    "docs/errors.md",
    "docs/monitoring.md",
    "docs/runbooks.md",
    "docs/zh-CN/errors.md",
    "docs/zh-CN/monitoring.md",
    "docs/zh-CN/runbooks.md",
)
"""Files and folders by their path in the repository; the wheel has each below daemon/shipped (pyproject.toml)."""
PACKAGE: Final = "daemon"


def shipped_files() -> dict[str, bytes]:
    """Return the content of each file by its path, in order."""
    return {name: entry.read_bytes() for name, entry in sorted(_entries())}


def shipped_documents() -> dict[str, str]:
    """Return the text of each document by its name, without those that are not there."""
    return {name: entry.read_text(encoding="utf-8") for name, entry in sorted(_entries()) if name.endswith(".md")}


def _entries() -> Iterator[tuple[str, Traversable]]:
    package = files(PACKAGE)
    wheel = package.joinpath("shipped")
    root = wheel if wheel.is_dir() else package.joinpath("..")
    for name in SHIPPED:
        yield from _below(root.joinpath(*name.split("/")), name)


def _below(entry: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    if entry.is_dir():
        for child in entry.iterdir():
            yield from _below(child, f"{name}/{child.name}")
    elif entry.is_file():
        yield name, entry
