"""`make bench`: Headgate beside what people use today, section by section, in one run on one PostgreSQL.

Medians side by side, goals told and never asserted. Writes bench.json and the charts into docs; docs/bench.md tells
what each section measures and how. This module knows which sections there are, and nothing of what they do.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import one_workbook
from daemon_cost import executors, exposition, ledger_pages
from figures import keep
from loads import upsert, wal
from postgres_server import postgres_binaries, running_postgres
from rich.console import Console
from setting import ROOT, Setting
from shapes import draw as shapes_chart
from shapes import measure as shapes

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the benchmarks that runs alone, too: measures, prints, and draws if it has a chart."""

    measure: Callable[[Setting], dict[str, Any]]
    show: Callable[[Figures, Console], None]
    draw: Callable[[Figures, Path], None] = lambda _figures, _folder: None


SECTIONS: Final = {
    "workbook": Section(one_workbook.measure, one_workbook.show, one_workbook.draw),
    "shapes": Section(shapes.measure, shapes.show, shapes_chart.draw),
    "upsert": Section(upsert.measure, upsert.show),
    "wal": Section(wal.measure, wal.show),
    "executors": Section(executors.measure, executors.show),
    "ledger": Section(ledger_pages.measure, ledger_pages.show),
    "exposition": Section(exposition.measure, exposition.show),
}


def _given() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmarks of ingestion")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=[*SECTIONS], help="sections to run")
    parser.add_argument(
        "--shapes", nargs="+", default=[], metavar="WORD", help="shapes whose name has a word; not kept"
    )
    parser.add_argument(
        "--rows", type=int, default=200_000, help="rows of the large workbook, which others are shares of"
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds, of which the median counts")
    parser.add_argument("--slow-rounds", type=int, help="rounds of those that take most of a minute; as --rounds")
    parser.add_argument("--fast", action="store_true", help="without the contenders that take minutes")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder of bench.json and the charts")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="folder of files made once")
    return parser.parse_args()


def main() -> None:
    """Run the sections that are wanted, and tell of each as soon as it is measured."""
    given, binaries = _given(), postgres_binaries()
    if binaries is None:
        sys.exit("bench: PostgreSQL is missing; install the system package postgresql")
    given.cache.mkdir(parents=True, exist_ok=True)
    with running_postgres(binaries, durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        setting = Setting(
            postgres=postgres,
            console=Console(),
            folder=Path(folder),
            cache=given.cache,
            rows=given.rows,
            rounds=given.rounds,
            slow_rounds=min(given.rounds, given.slow_rounds or given.rounds),
            fast=given.fast,
            shapes=tuple(given.shapes),
        )
        for name in given.only:
            _run(name, setting, given.out)


def _run(name: str, setting: Setting, out: Path) -> None:
    section = SECTIONS[name]
    figures = section.measure(setting)
    section.show(figures, setting.console)
    if name == "shapes" and setting.shapes:
        setting.console.print("some shapes alone: not kept")
        return
    keep(out, name, figures)
    section.draw(figures, out)


if __name__ == "__main__":
    main()
