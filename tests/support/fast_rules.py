"""The shipped rules with faster clocks: owns how a rule that looks back for hours is run in seconds.

Every range, offset, `for` and `keep_firing_for` is divided by one factor, and so is every number of seconds that an age
is compared with; every rule is looked at with each scrape. Other thresholds stay what they are, those in seconds and
those of predictions too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LOOKBACK: Final = re.compile(r"(?P<before>\[|\boffset )(?P<count>\d+)(?P<unit>[smhd])\b")
AGE: Final = re.compile(
    r"(?P<age>:age_seconds|timestamp\((?P<since>\w+)\) - (?P=since)(?:\s*\))?) "
    r"(?P<compared>[<>]=?) (?P<seconds>\d+)\b(?! [*/])"
)
"""What happened so long ago, by a record that says so or by the moment itself; what is still to come is no age."""
SHORTEST_RANGE: Final = 4
"""Seconds that hold three samples at least, scraped every second: of fewer there is no increase."""


def faster(folder: Path, factor: int) -> Callable[[dict[str, Any]], None]:
    """Return a change of Prometheus's configuration: the same rules, written to `folder` with faster clocks."""

    def change(config: dict[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        written = []
        for pattern in config["rule_files"]:
            for path in sorted(Path("/").glob(pattern.lstrip("/"))):
                rules = yaml.safe_load(path.read_text(encoding="utf-8"))
                for group in rules["groups"]:
                    group.pop("interval", None)
                    for rule in group["rules"]:
                        _hasten(rule, factor)
                (folder / path.name).write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
                written.append(str(folder / path.name))
        assert written
        config["rule_files"] = written

    return change


def _hasten(rule: dict[str, Any], factor: int) -> None:
    rule["expr"] = LOOKBACK.sub(
        lambda found: f"{found['before']}{max(SHORTEST_RANGE, _seconds(found['count'] + found['unit']) // factor)}s",
        rule["expr"],
    )
    rule["expr"] = AGE.sub(
        lambda found: f"{found['age']} {found['compared']} {int(found['seconds']) // factor}", rule["expr"]
    )
    for wait in {"for", "keep_firing_for"} & {*rule}:
        rule[wait] = f"{_seconds(rule[wait]) // factor}s"


def _seconds(duration: str) -> int:
    return int(duration[:-1]) * UNITS[duration[-1]]
