"""What runs and watches Headgate: finds the files that come with it and copies them; knows not what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

SHIPPED: Final = (
    "prometheus.yml",
    "alerts/alertmanager.yml",
    "alerts/rules",
    "alerts/templates",
    "grafana/dashboards",
    "grafana/provisioning",
    "deploy/headgate.service",
    "deploy/kubernetes/prometheusrule.yaml",
    "deploy/kubernetes/servicemonitor.yaml",
    "deploy/kubernetes/sidecar.yaml",
    "docs/errors.md",
    "docs/monitoring.md",
    "docs/runbooks.md",
)
"""Files and folders by their path in the repository; the wheel has each below daemon/shipped (pyproject.toml)."""


class AssetsInTheWayError(Exception):
    """Files are there already and would be changed; the message names the first one."""


def assets() -> dict[str, bytes]:
    """Return the content of each file by its path, in order."""
    root = _root()
    return dict(sorted(pair for name in SHIPPED for pair in _below(root.joinpath(*name.split("/")), name)))


def write_assets(folder: Path, *, replace: bool) -> list[Path]:
    """Write the files that are missing or differ, all or none, and return their paths.

    Raises:
        AssetsInTheWayError: files with another content are there, and `replace` is false.
        OSError: something cannot be written.

    """
    wanted = {folder / name: content for name, content in assets().items()}
    changed = [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]
    in_the_way = [path for path in changed if path.exists()]
    if in_the_way and not replace:
        others = f" and {len(in_the_way) - 1} more" if len(in_the_way) > 1 else ""
        raise AssetsInTheWayError(f"{in_the_way[0]}{others}: there already, with another content")
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wanted[path])
    return changed


def _root() -> Traversable:
    """Return the wheel's folder, or, where Headgate runs from its source, the repository."""
    package = files("daemon")
    shipped = package.joinpath("shipped")
    return shipped if shipped.is_dir() else package.joinpath("..")


def _below(entry: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    if entry.is_dir():
        for child in entry.iterdir():
            yield from _below(child, f"{name}/{child.name}")
    else:
        yield name, entry.read_bytes()
