"""What people see of a backfill: a bar while it goes on, where standard error is a terminal, and the report."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, Self

from ingest.messages import say, say_n

from ..backfill.tally import KINDS
from .console import STYLES, complain, counted, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress

    from ..backfill.tally import Found, Tally

KIND_WORDS: Final[Mapping[str, str]] = {
    "loaded": say("loaded"),
    "partial": say("partial"),
    "rejected": say("rejected"),
    "skipped": say("skipped"),
    "failed": say("failed"),
}
KIND_STYLES: Final = {**STYLES, "failed": STYLES["dead"], "skipped": STYLES["duplicate"]}
SPEED_SECONDS: Final = 60.0
"""The rate, and the time that is left, are those of the last minute."""


class BackfillProgress:
    """Draws how many files are done, how fast, and when the last one will be."""

    def __init__(self, tally: Tally) -> None:
        self._tally, self._told_wait = tally, ""
        self._progress = _bar() if sys.stderr.isatty() else None
        if self._progress is not None:
            self._progress.add_task("", total=None, rate="", counts="")

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away: the report follows."""
        if self._progress is not None:
            self._progress.stop()

    def show(self) -> None:
        """Draw the tally as it is now, and say what it waits for, once."""
        waits_for = self._tally.waits_for or ""
        if waits_for and waits_for != self._told_wait:
            self._complain(say("waits: {reason}", reason=waits_for))
        self._told_wait = waits_for
        if self._progress is None:
            return
        [bar] = self._progress.tasks
        files = self._tally.files
        counts = "  ".join(
            f"[{KIND_STYLES[kind]}]{files[kind]} {told(KIND_WORDS[kind])}[/]" for kind in KINDS if files[kind]
        )
        rate = "" if bar.speed is None else told(say("{count} files a second", count=f"{bar.speed:.1f}"))
        self._progress.update(
            bar.id,
            completed=self._tally.done,
            total=self._tally.expected,
            rate=rate,
            counts=counts,
        )

    def _complain(self, why: str) -> None:
        if self._progress is None:
            complain(why)
        else:
            self._progress.console.print(f"headgate: {told(why)}", style="red", markup=False, highlight=False)


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    return Progress(
        SpinnerColumn(),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[counts]}"),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=SPEED_SECONDS,
    )


def print_report(tally: Tally) -> None:
    """Print how many files came to which end, what became of their rows, and each error code with examples."""
    about = {"dataset": tally.dataset}
    if tally.expected is None:
        line = say_n("1 file of dataset {dataset} done", "{n} files of dataset {dataset} done", tally.done, **about)
    else:
        done, total = tally.done, tally.expected
        line = say("{done} of {total} files of dataset {dataset} done", done=done, total=total, **about)
    print(told(line))
    if tally.check_only:
        print(told(say("nothing is loaded; what would be:")))
    for kind in KINDS:
        if tally.files[kind]:
            print(f"  {told(_counted(tally.files[kind], KIND_WORDS[kind]))}")
    if counts := counted(tally.rows):
        print(told(say("rows: {counts}", counts=", ".join(map(told, counts)))))
    for code, found in tally.by_code():
        _print_code(code, found)
    for one in tally.failed:
        print(told(say("failed: {file}: {reason}", file=one["file"], reason=one["reason"] or one["state"])))


def _counted(count: int, fate: str) -> str:
    return say("{count} {fate}", count=count, fate=fate)


def _print_code(code: str, found: Found) -> None:
    print(told(say_n("{code} in 1 file, such as:", "{code} in {n} files, such as:", found.files, code=code)))
    for example in found.examples:
        place = " ".join(filter(None, (example["sheet"], example["cell"])))
        file = f"{example['file']}: {place}" if place else example["file"]
        line = say("{file}: {message}; {hint}", file=file, message=example["message"], hint=example["hint"])
        print(f"  {told(line)}")
