"""What became of the files of a backfill: owns the counts, and a few examples of each error; bounded for any number."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..ledger.jobs import RowCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .listing import Total

EXAMPLES: Final = 3
"""So many files are named for each error code, and of those that failed."""
KINDS: Final = ("loaded", "partial", "rejected", "skipped", "failed")
_KIND_OF: Final = {"loaded": "loaded", "partial": "partial", "rejected": "rejected", "duplicate": "skipped"}
"""What the ends of jobs are counted as; whatever else there is has failed."""


@dataclass(slots=True, kw_only=True)
class Found:
    """The files in which an error code was found."""

    files: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Tally:
    """The counts so far; `total` is known when all has been listed once."""

    dataset: str
    check_only: bool
    total: Total | None = None
    more: int = 0
    """Files that are in archives, beyond one for each of these."""
    files: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    codes: dict[str, Found] = field(default_factory=dict)
    failed: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = False
    waits_for: str | None = None
    """Why nothing goes on now, such as a database that is away."""
    _began: float = field(default_factory=time.monotonic)

    @property
    def expected(self) -> int | None:
        """How many files there are, as far as the archives were opened; None until all is listed."""
        return None if self.total is None else self.total.files + self.more

    @property
    def done(self) -> int:
        """How many files have come to an end."""
        return self.files.total()

    def note(self, entry: Mapping[str, Any]) -> None:
        """Count a file, of which this is the JSON form, by the state that it ended in, or would have."""
        state = entry["would_be"] or entry["state"]
        kind = _KIND_OF.get(state, "failed")
        self.files[kind] += 1
        self.rows.update(entry["rows"])
        about = {"file": entry["file"], "job": entry["job"]}
        if kind == "failed" and len(self.failed) < EXAMPLES:
            self.failed.append({**about, "state": state, "reason": entry["reason"]})
        first: dict[str, Mapping[str, Any]] = {}
        for record in entry["errors"]:
            if record["severity"] == "error":
                first.setdefault(record["code"], record)
        for code, record in first.items():
            found = self.codes.setdefault(code, Found())
            found.files += 1
            if len(found.examples) < EXAMPLES:
                place = {name: record.get(name) for name in ("sheet", "cell", "message", "hint")}
                found.examples.append({**about, **place})

    def by_code(self) -> list[tuple[str, Found]]:
        """Return the error codes, that of most files first."""
        return sorted(self.codes.items(), key=lambda item: (-item[1].files, item[0]))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it; `listed` is None where the end was not come to before all was listed."""
        total = self.total
        return {
            "dataset": self.dataset,
            "check_only": self.check_only,
            "complete": self.complete,
            "listed": None if total is None else {"files": total.files + self.more, "bytes": total.size_bytes},
            "files": {kind: self.files[kind] for kind in KINDS},
            "rows": {name: self.rows[name] for name in RowCounts.__slots__},
            "codes": {code: {"files": found.files, "examples": found.examples} for code, found in self.by_code()},
            "failed": self.failed,
            "seconds": time.monotonic() - self._began,
        }
