"""The plans of all statements that whoever works on a database runs there, as PostgreSQL ran them, with their blocks.

By auto_explain, which comes with the server: what is explained is each statement itself, with its own values and in its
own place, not a copy of its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from postgres_server import Postgres

_SETTINGS: Final = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_buffers": "on",
    "auto_explain.log_timing": "off",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
}
_PLAN: Final = re.compile(r"duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)")
"""The server's log begins each further line of a message with a tab."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one statement was run."""

    statement: str
    root: dict[str, Any]

    @property
    def blocks(self) -> int:
        """Blocks of tables and indexes that were looked at, in memory or read."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    @property
    def rows(self) -> int:
        """Entries and rows that were looked at, at most, in one of the plan's places."""
        looked_at = [
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0), node["Actual Loops"]) for node in self.nodes()
        ]
        return max(int(rows * loops) for rows, loops in looked_at)

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Yield the nodes of the plan, subplans included."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.get("Plans", ())

    def scanned_whole(self, table: str) -> bool:
        """Say whether a table was read from its first block to its last; one that was never begun was not."""
        return any(
            node.get("Relation Name") == table and node["Node Type"] == "Seq Scan" and node["Actual Loops"]
            for node in self.nodes()
        )


class Explained:
    """Has the statements of new connections to a database explained from now on; `plan_cache_mode` as the server's."""

    def __init__(self, server: Postgres, database: str, *, plan_cache_mode: str) -> None:
        self._log = server.folder / "server.log"
        for name, value in {**_SETTINGS, "plan_cache_mode": plan_cache_mode}.items():
            server.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")
        self._begin = self._log.stat().st_size

    def plans(self) -> list[Plan]:
        """Return the plans so far."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            log.seek(self._begin)
            found = [json.loads(text.replace("\t", " ")) for text in _PLAN.findall(log.read())]
        return [Plan(statement=one["Query Text"], root=one["Plan"]) for one in found]
