"""A bar for each file on its way through the daemon; nothing at all where standard error is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ingest.messages import say

from ..ledger.jobs import TERMINAL
from ..ledger.reasons import STATE_WORDS
from .console import STYLES, complain, told

if TYPE_CHECKING:
    from rich.progress import TaskID

STAGES: Final[Mapping[str, str]] = {
    "sending": say("sending"),
    "waiting": say("waiting"),
    "reading": say("reading"),
    "loading": say("loading"),
}
SHOWN_MAX: Final = 12
"""Bars at once; with more files those that have ended make room."""


class Stages:
    """Follows files from the first byte sent to the end of their jobs."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._sizes = {path: max(1, path.stat().st_size) for path in files}
        self._bars: dict[Path, TaskID] = {}
        self._ended: set[Path] = set()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓"),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[stage]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bars away: the table that follows says how it ended."""
        self._progress.stop()

    def sent(self, path: Path, count: int) -> None:
        """Note that so many bytes more have left."""
        self._progress.update(self._bar(path), advance=count / self._sizes[path], stage=told(STAGES["sending"]))

    def taken(self, path: Path, job: Mapping[str, Any]) -> None:
        """Note the state of a file's job."""
        state = job["state"]
        if state in TERMINAL:
            word = told(STATE_WORDS.get(state, state))
            self._end(path, f"[{STYLES[state]}]{word}[/]" if state in STYLES else word)
            return
        events = [event["event"] for event in job.get("events", ())]
        stage = "waiting" if state == "queued" else "loading" if events[-1:] == ["loading"] else "reading"
        self._progress.update(self._bar(path), completed=[*STAGES].index(stage), stage=told(STAGES[stage]))

    def refused(self, path: Path, why: str) -> None:
        """Note that the daemon has not taken a file, and say why."""
        self._end(path, f"[red]{told(say('not taken'))}[/]")
        self.complain(f"{path.name}: {told(why)}")

    def complain(self, why: str) -> None:
        """Say what is wrong, above the bars."""
        if self._progress.disable:
            complain(why)
        else:
            self._progress.console.print(f"headgate: {told(why)}", style="red", markup=False, highlight=False)

    def _bar(self, path: Path) -> TaskID:
        if path not in self._bars:
            self._make_room()
            self._bars[path] = self._progress.add_task(
                escape(path.name), total=len(STAGES), stage=told(STAGES["sending"])
            )
        return self._bars[path]

    def _make_room(self) -> None:
        if len(self._bars) >= SHOWN_MAX and self._ended:
            gone = self._ended.pop()
            self._progress.remove_task(self._bars.pop(gone))

    def _end(self, path: Path, words: str) -> None:
        self._progress.update(self._bar(path), completed=len(STAGES), stage=words)
        self._ended.add(path)
