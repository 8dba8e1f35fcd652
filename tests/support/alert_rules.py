"""The shipped alert rules as values, for the tests that hold them against something else."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

ALERTS: Final = Path(__file__).resolve().parents[2] / "alerts"
RULES: Final[list[dict[str, Any]]] = [
    rule
    for path in sorted((ALERTS / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTING: Final = [rule for rule in RULES if "alert" in rule]
NAMES: Final = sorted({rule["alert"] for rule in ALERTING})


def identity(rule: dict[str, Any]) -> str:
    return f"{rule['alert']}-{rule['labels']['severity']}"


def said_by(amtool: Path, *words: str) -> str:
    """Return what amtool prints; it must end well."""
    done = subprocess.run([amtool, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
