"""`make bench-scale`: how throughput grows with daemons on one ledger, and what a large ledger costs.

Writes docs/scaling.json and the tables of docs/scaling.md, which says how to read them. Nothing fails when a goal is
missed: it is told, with what the limit was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from figures import keep
from postgres_server import postgres_binaries, running_postgres
from rich.console import Console
from scale import arrivals, model, tables, throughput, usage
from setting import ROOT, Setting

NAME: Final = "scaling.json"
ROUNDS: Final = 3
QUICK: Final = 0.02
"""The share of everything that a quick run does."""


MEASURED: Final = {"throughput": throughput, "arrivals": arrivals}
"""Each measures so large a share of its whole, and shows it."""
MODEL: Final = "model"


def main() -> None:
    """Measure, tell of each part as soon as it is measured, and work the model out anew."""
    parts = [*MEASURED, MODEL]
    parser = argparse.ArgumentParser(description="Scale, measured")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts, help="parts to run; the model comes always")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds, of which the median counts")
    parser.add_argument("--quick", action="store_true", help="tiny numbers, once: shows that it runs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help=f"folder of {NAME}")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "bench", help="folder of files made once")
    given, console = parser.parse_args(), Console()
    wanted = [name for name in given.only if name in MEASURED]
    if wanted:
        _measure(wanted, given, console)
    figures = json.loads((given.out / NAME).read_text(encoding="utf-8"))
    figures[MODEL] = model.work_out(figures)
    model.show(figures[MODEL], console)
    keep(given.out, MODEL, figures[MODEL], name=NAME)
    tables.write(given.out, figures)


def _measure(wanted: Sequence[str], given: argparse.Namespace, console: Console) -> None:
    binaries = postgres_binaries()
    if binaries is None:
        sys.exit("bench-scale: PostgreSQL is missing; install the system package postgresql")
    given.cache.mkdir(parents=True, exist_ok=True)
    rounds = 1 if given.quick else given.rounds
    with running_postgres(binaries, durable=True) as postgres, tempfile.TemporaryDirectory() as folder:
        usage.measure_syncs(postgres)
        setting = Setting(
            postgres=postgres,
            console=console,
            folder=Path(folder),
            cache=given.cache,
            rows=0,
            rounds=rounds,
            slow_rounds=rounds,
            fast=given.quick,
        )
        for name in wanted:
            part, load = MEASURED[name], os.getloadavg()[0]
            figures = part.measure(setting, QUICK if given.quick else 1.0)
            part.show(figures, console)
            keep(given.out, name, {"load_average_before": load, **figures}, name=NAME)


if __name__ == "__main__":
    main()
