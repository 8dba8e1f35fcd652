"""The model of docs/scaling.md: predicts what was measured, and says what more files a minute need.

Its only inputs are the CPU seconds and waits of one daemon on a core of its own; all else is arithmetic and simulation.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from parties.sidecar import UPLOADS_AT_ONCE
from rich.table import Table

from .simulation import Core, Costs, Simulation
from .throughput import QUARTER

if TYPE_CHECKING:
    from rich.console import Console

A_MINUTE: Final = (100, 1_000, 10_000)
USE: Final = 0.7
"""Of a core's time that is planned with: beyond that waits grow fast."""
SERVERS: Final = (4, 8, 16, 32)
SIMULATED_FILES: Final = 1_500

Figures = Mapping[str, Any]


def costs_of(run: Figures) -> Costs:
    """Return what a file costs by the figures of a run."""
    cpu = {name: spent / 1000 for name, spent in run["cpu_milliseconds"].items()}
    return Costs(
        client=cpu["client"],
        daemon=cpu["daemons"],
        worker=cpu["workers"],
        server=cpu["postgresql"],
        sync=run["sync_milliseconds"] / 1000,
    )


def machine(way: str, daemons: int, cores: int) -> list[Core]:
    """Return the cores as the bench holds the daemons to them."""
    if way == "core":
        mine = [frozenset(range(number, daemons, cores)) for number in range(cores)]
        return [Core(daemons=one, for_others=True) for one in mine]
    left = (cores - QUARTER * daemons) / cores
    held = [Core(speed=QUARTER, daemons=frozenset([number])) for number in range(daemons)]
    return [*held, *(Core(speed=left, for_others=True) for _ in range(cores))]


def predict(throughput: Figures) -> dict[str, Any]:
    """Return files a second as predicted and as measured, for each number of daemons and each way of holding them."""
    found: dict[str, Any] = {}
    for way in ("core", "quarter"):
        for name, kind in throughput.get(way, {}).items():
            costs = costs_of(throughput["core"][name]["daemons"]["1"])
            for number, run in kind["daemons"].items():
                cores = machine(way, int(number), throughput["cores"])
                simulation = Simulation(costs, cores, daemons=int(number), uploads=UPLOADS_AT_ONCE)
                predicted = run["files"] / max(end for _, end in simulation.run([0.0] * run["files"]))
                measured = run["files_per_second"]
                found.setdefault(way, {}).setdefault(name, {})[number] = {
                    "predicted": predicted,
                    "measured": measured,
                    "error": predicted / measured - 1,
                    "company": run["company"],
                }
    return found


def needs(run: Figures, a_minute: int) -> dict[str, Any]:
    """Return what so many files a minute need, and how long one then takes from hand-in to its commit."""
    costs, a_second = costs_of(run), a_minute / 60
    daemons = max(1, math.ceil(a_second * (costs.daemon + costs.worker) / USE))
    server = max(1, math.ceil(a_second * costs.server / USE))
    cores = [Core(daemons=frozenset([number])) for number in range(daemons)]
    # The clients are elsewhere; what they cost is their own affair.
    away = Costs(client=0.0, daemon=costs.daemon, worker=costs.worker, server=costs.server, sync=costs.sync)
    dice, at, arrivals = random.Random(a_minute), 0.0, []
    for _ in range(SIMULATED_FILES):
        at += dice.expovariate(a_second)
        arrivals.append(at)
    simulation = Simulation(away, [*cores, *(Core(for_others=True) for _ in range(server))], daemons=daemons)
    taken = [end - came for came, end in simulation.run(arrivals)]
    return {
        "daemons": daemons,
        "server_cores": server,
        "log_megabytes_a_second": a_second * run["wal_bytes"] / 1e6,
        "syncs_a_second": a_second * run["syncs"],
        "p50_seconds": statistics.median(taken),
        "p95_seconds": statistics.quantiles(taken, n=20)[-1],
    }


def work_out(figures: Figures) -> dict[str, Any]:
    """Return the model's figures from those that were measured."""
    throughput = figures["throughput"]
    kinds = {name: kind["daemons"]["1"] for name, kind in throughput["core"].items()}
    return {
        "predictions": predict(throughput),
        "needs": {name: {str(a_minute): needs(run, a_minute) for a_minute in A_MINUTE} for name, run in kinds.items()},
        "server_ends": {
            name: {str(cores): 60 * USE * cores / costs_of(run).server for cores in SERVERS}
            for name, run in kinds.items()
        },
    }


def show(figures: Figures, console: Console) -> None:
    """Print predictions beside what was measured."""
    for way, kinds in figures["predictions"].items():
        for name, runs in kinds.items():
            table = Table("daemons", "predicted files/s", "measured", "error", title=f"{name} files, a {way} each")
            for number, run in runs.items():
                told = f"{run['predicted']:.1f}", f"{run['measured']:.1f}", f"{run['error']:+.0%}"
                table.add_row(number, *told)
            console.print(table)
