"""docs/bench.json and its like: figures of sections as their last runs left them, and the goals they are held to."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

NAME: Final = "bench.json"


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit on a figure: nothing fails when it is missed, the bench only says so."""

    limit: float
    kind: Literal["at least", "at most"] = "at least"

    def met(self, found: float) -> bool:
        """Say whether a figure keeps the limit, told with as many digits as the bench prints."""
        shown = round(found, 2)
        return shown >= self.limit if self.kind == "at least" else shown <= self.limit

    def figure(self, found: float) -> dict[str, Any]:
        """Return a figure and its limit as they stand in the file."""
        return {"found": found, "limit": self.limit, "kind": self.kind, "met": self.met(found)}


def told(figure: Mapping[str, Any]) -> str:
    """Return a figure beside its limit, marked for a rich console if it is missed."""
    words = f"{figure['found']:.2f} ({'≥' if figure['kind'] == 'at least' else '≤'} {figure['limit']:g})"
    return words if figure["met"] else f"[red]{words} missed[/red]"


def keep(folder: Path, section: str, figures: dict[str, Any], *, name: str = NAME) -> None:
    """Write the figures of a section down and leave those of the others as they are."""
    path = folder / name
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    kept[section] = {"machine": machine, **figures}
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
