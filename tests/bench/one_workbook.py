"""The large workbook, many at once, small ones, and the same once more: Headgate beside what people use today."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from parties import rival
from parties.contenders import CONTENDERS, POLARS, SLOW
from parties.sidecar import Daemon, Loader, running_daemon
from parties.turns import Party, Result, take_turns
from pictures import OTHERS, OURS, canvas, save
from rich.table import Table
from setting import MEGABYTE, Database, Setting
from workbooks import ROWS_A_SMALL_FILE, dataset, workbook

if TYPE_CHECKING:
    from rich.console import Console

OURSELVES: Final = "Headgate"
MANY: Final = 8
SMALL_SHARE: Final = 200
"""The small workbooks have half of the rows of the large one together."""
REPEATS: Final = 50
ENTERED: Final = ("db_operation_seconds", 'op="enter"')
SMALL_START: Final = 10**9
MANY_START: Final = 10**7


def measure(setting: Setting) -> dict[str, Any]:
    """Return every figure of the section."""
    with setting.console.status("writing the workbooks"):
        large = workbook(setting.cache, setting.rows, 0)
        many = [workbook(setting.cache, setting.rows // 4, MANY_START * number) for number in range(1, MANY + 1)]
        starts = (SMALL_START + number * ROWS_A_SMALL_FILE for number in range(setting.rows // SMALL_SHARE))
        small = [workbook(setting.cache, ROWS_A_SMALL_FILE, start) for start in starts]
    database = setting.database("one_workbook")
    with running_daemon(database, dataset()) as daemon:
        one = _beside(setting, database, daemon, large)
        ours = Loader(daemon, database, many)
        with rival.running([POLARS], database.url, many) as rivals:
            at_once = take_turns(
                {f"{OURSELVES}, at once": _ours(ours, daemon), f"{POLARS}, one by one": _theirs(rivals, POLARS)},
                setting,
            )
        with setting.console.status(f"{len(small):,} small workbooks"):
            database.execute("DROP TABLE IF EXISTS orders")
            contents = [path.read_bytes() for path in small]
            small_seconds, _ = daemon.load(contents)
            with rival.running([POLARS], database.url, small) as rivals:
                their_seconds = rivals[POLARS].load()
        with setting.console.status("the same content again"):
            before, _ = daemon.spent(*ENTERED)
            again = [_timed(lambda: daemon.submit(contents[0])) for _ in range(REPEATS)]
            ledger = (daemon.spent(*ENTERED)[0] - before) / REPEATS
    return {
        "rows": setting.rows,
        "rounds": setting.rounds,
        "slow_rounds": setting.slow_rounds,
        "one_workbook": _figures(one, setting.rows),
        "eight_workbooks": {name: result.median for name, result in at_once.items()},
        "small_workbooks": len(small),
        "small_workbooks_per_second": {
            f"{OURSELVES}, at once": len(small) / small_seconds,
            f"{POLARS}, one by one": len(small) / their_seconds,
        },
        "resubmission_milliseconds": {
            "in_the_ledger": 1000 * ledger,
            "upload_included": 1000 * statistics.median(again),
        },
    }


def _beside(setting: Setting, database: Database, daemon: Daemon, file: Path) -> dict[str, Result]:
    names = [name for name in CONTENDERS if not (setting.fast and name in SLOW)]
    with rival.running(names, database.url, [file]) as rivals:
        ours = {OURSELVES: _ours(Loader(daemon, database, [file]), daemon)}
        return take_turns(ours | {name: _theirs(rivals, name) for name in names}, setting)


def _ours(loader: Loader, daemon: Daemon) -> Party:
    return Party(work=loader.load, processes=daemon.family)


def _theirs(rivals: Mapping[str, rival.Rival], name: str) -> Party:
    return Party(work=rivals[name].load, processes=rivals[name].processes, slow=name in SLOW)


def _figures(results: Mapping[str, Result], rows: int) -> dict[str, Any]:
    return {
        name: {
            "seconds": result.median,
            "rows_per_second": rows / result.median,
            "peak_megabytes": result.peak_bytes / MEGABYTE,
        }
        for name, result in results.items()
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print the table."""
    rows = figures["one_workbook"]
    ours = rows[OURSELVES]["rows_per_second"]
    table = Table("", "seconds", "rows/s", "Headgate is faster by", "peak MB", title=f"{figures['rows']:,} rows x 20")
    for name, found in rows.items():
        ratio = "" if name == OURSELVES else f"{ours / found['rows_per_second']:.2f} x"
        seconds, speed, peak = found["seconds"], found["rows_per_second"], found["peak_megabytes"]
        table.add_row(name, f"{seconds:.2f}", f"{speed:,.0f}", ratio, f"{peak:.0f}")
    console.print(table)
    at_once, one_by_one = figures["eight_workbooks"].values()
    ratio = f"{one_by_one / at_once:.2f} x"
    console.print(f"eight workbooks at once: {at_once:.2f} s; {POLARS} one by one: {one_by_one:.2f} s, {ratio}")
    at_once, one_by_one = figures["small_workbooks_per_second"].values()
    console.print(
        f"{figures['small_workbooks']:,} workbooks of {ROWS_A_SMALL_FILE} rows: {at_once:.0f} a second; "
        f"{POLARS} one by one: {one_by_one:.0f}"
    )
    again = figures["resubmission_milliseconds"]
    console.print(
        f"the same content again: {again['in_the_ledger']:.1f} ms in the ledger, "
        f"{again['upload_included']:.1f} ms with its upload"
    )


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Draw the chart of rows per second."""
    found = sorted(figures["one_workbook"].items(), key=lambda item: float(item[1]["rows_per_second"]))
    names = [name for name, _ in found]
    speeds = [figure["rows_per_second"] for _, figure in found]
    chart, axes = canvas(len(names))
    bars = axes.barh(names, speeds, color=[OURS if name == OURSELVES else OTHERS for name in names])
    axes.bar_label(bars, [f"{speed:,.0f}" for speed in speeds], padding=4)
    axes.set_xlabel(f"rows per second, {figures['rows']:,} rows x 20 columns into PostgreSQL (median of the rounds)")
    axes.margins(x=0.15)
    save(chart, folder, "bench")
