"""The tables of docs/scaling.md, made from docs/scaling.json: no figure there is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

MARK: Final = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- /\2 -->)", re.DOTALL)
PAGE: Final = "scaling.md"
WAYS: Final = {"core": "a core", "quarter": "a quarter of a core"}

Figures = Mapping[str, Any]


def write(folder: Path, figures: Figures) -> None:
    """Write the page's tables anew; a folder without the page stays without it."""
    page = folder / PAGE
    if page.exists():
        text = page.read_text(encoding="utf-8")
        page.write_text(MARK.sub(lambda found: found[1] + _part(found[2], figures) + found[3], text), encoding="utf-8")


def _part(name: str, figures: Figures) -> str:
    return "".join(f"{line}\n" for line in PARTS[name](figures))


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _kinds(figures: Figures) -> Iterator[tuple[str, str, Figures]]:
    for way in WAYS:
        for name, kind in figures["throughput"].get(way, {}).items():
            yield way, name, kind


def _machine(figures: Figures) -> Iterator[str]:
    for name in ("throughput", "arrivals"):
        part = figures[name]
        machine = part["machine"]
        yield (
            f"- `{name}`: {machine['cores']} cores, Python {machine['python']}, load average before the run "
            f"{part['load_average_before']:.1f}"
        )


def _throughput(figures: Figures) -> Iterator[str]:
    rows = []
    for way, name, kind in _kinds(figures):
        for number, run in kind["daemons"].items():
            busy = " ".join(f"{share:.0%}" for share in run["cores_busy"])
            times, speed = f"{kind['times_as_fast'][number]:.2f}", f"{run['files_per_second']:.1f}"
            rows.append(
                [
                    f"{name}, {kind['rows']:,} rows",
                    WAYS[way],
                    number,
                    speed,
                    times,
                    busy,
                    f"{run['company']:.0%}",
                    run["limit"],
                ]
            )
    yield from _table(
        ["files", "each has", "daemons", "files/s", "times one", "cores busy", "by other programs", "limit"], rows
    )


def _costs(figures: Figures) -> Iterator[str]:
    rows = []
    for name, kind in figures["throughput"]["core"].items():
        run = kind["daemons"]["1"]
        cpu = run["cpu_milliseconds"]
        spent = [f"{cpu[part]:.1f}" for part in ("daemons", "workers", "postgresql", "client")]
        rows.append([name, *spent, f"{run['commits']:.1f}", f"{run['wal_bytes'] / 1000:.1f}"])
        rows[-1] += [f"{run['syncs']:.1f}", f"{run['sync_milliseconds']:.1f}"]
    titles = ["files", "daemon, CPU ms", "worker, CPU ms", "PostgreSQL, CPU ms", "client, CPU ms"]
    yield from _table([*titles, "commits", "log, KB", "fsyncs", "ms an fsync"], rows)


def _predictions(figures: Figures) -> Iterator[str]:
    rows = [
        [
            name,
            WAYS[way],
            number,
            f"{run['predicted']:.1f}",
            f"{run['measured']:.1f}",
            f"{run['error']:+.0%}",
            f"{run['company']:.0%}",
        ]
        for way, kinds in figures["model"]["predictions"].items()
        for name, runs in kinds.items()
        for number, run in runs.items()
    ]
    yield from _table(
        ["files", "each has", "daemons", "predicted files/s", "measured", "error", "by other programs"], rows
    )


def _needs(figures: Figures) -> Iterator[str]:
    rows = [
        [
            f"{int(a_minute):,}",
            name,
            f"{need['daemons']:,}",
            f"{need['server_cores']:,}",
            f"{need['log_megabytes_a_second']:.2f}",
            f"{need['syncs_a_second']:,.0f}",
            f"{need['p50_seconds']:.2f}",
            f"{need['p95_seconds']:.2f}",
        ]
        for name, kinds in figures["model"]["needs"].items()
        for a_minute, need in kinds.items()
    ]
    titles = ["files a minute", "files", "daemons, a core each", "cores of PostgreSQL", "log, MB/s", "fsyncs/s"]
    yield from _table([*titles, "p50, s", "p95, s"], rows)


def _ends(figures: Figures) -> Iterator[str]:
    ends = figures["model"]["server_ends"]
    cores = [*next(iter(ends.values()))]
    rows = [[name, *(f"{found[number]:,.0f}" for number in cores)] for name, found in ends.items()]
    yield from _table(["files", *(f"{number} cores" for number in cores)], rows)


def _arrivals(figures: Figures) -> Iterator[str]:
    phases = figures["arrivals"]["phases"]
    steps = [*next(iter(phases.values()))["steps"]]
    rows = [
        [step, *(f"{phase['steps'][step][part]:.1f}" for phase in phases.values() for part in _PARTS)] for step in steps
    ]
    yield from _table(["step", *(f"{name}, {part}" for name in phases for part in ("p50 ms", "p99 ms"))], rows)


_PARTS: Final = ("p50_milliseconds", "p99_milliseconds")


def _vacuum(figures: Figures) -> Iterator[str]:
    part = figures["arrivals"]
    rows = []
    for name, phase in part["phases"].items():
        table, cpu = phase["table"], phase["cpu_milliseconds"]
        rows.append([name, f"{phase['finished_a_minute']:,.0f}", f"{cpu['postgresql']:.2f}", f"{cpu['client']:.2f}"])
        rows[-1] += [f"{phase['wal_bytes'] / 1000:.1f}", f"{phase['syncs']:.2f}", f"{phase['claim_drift']:.2f}"]
        grown = (table["table_bytes"] + table["index_bytes"]) / 1e6
        rows[-1] += [f"{table['dead']:,}", str(table["vacuums"]), f"{grown:.1f}"]
    titles = ["phase", "jobs a minute", "PostgreSQL, CPU ms a job", "client, CPU ms a job", "log, KB a job"]
    titles += ["fsyncs a job", "claims at the end, times those at first", "dead rows more", "autovacuums"]
    yield from _table([*titles, "table and indexes, MB more"], rows)
    vacuum = part["vacuum"]
    yield ""
    yield (
        f"A `VACUUM` of the table afterwards took {vacuum['seconds']:.1f} s, {vacuum['cpu_seconds']:.1f} s of CPU, for "
        f"{vacuum['dead_before']:,} dead rows beside {part['jobs']:,} jobs, and left {vacuum['dead_after']:,}; table "
        f"and indexes have {vacuum['bytes_after'] / 1e6:,.0f} MB."
    )


PARTS: Final = {
    "machine": _machine,
    "throughput": _throughput,
    "costs": _costs,
    "predictions": _predictions,
    "needs": _needs,
    "ends": _ends,
    "arrivals": _arrivals,
    "vacuum": _vacuum,
}
"""What stands between which marks."""
