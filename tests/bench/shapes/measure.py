"""Each shape by Headgate, by polars + ADBC and by pandas: wall time into PostgreSQL, CPU of reading, memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import told
from parties import rival
from parties.contenders import PANDAS, PARSE, POLARS, SLOW
from parties.sidecar import Loader, running_daemon
from parties.turns import Party, Result, take_turns
from rich.table import Table
from setting import MEGABYTE, Database, Setting
from shapes.make import MOST_ROWS, Shape, make

if TYPE_CHECKING:
    from rich.console import Console

OURSELVES: Final = "Headgate"
TABLES: Final = {OURSELVES: "orders", POLARS: "polars_orders", PANDAS: "pandas_orders"}
MEASURES: Final = (
    ("wall_seconds", "wall", "{rows:,} rows into PostgreSQL, wall seconds; 2 is twice as fast as polars"),
    ("read_cpu_seconds", "cpu", "{rows:,} rows read, CPU seconds; 2 is half of what polars takes"),
    ("peak_megabytes", "memory", "{rows:,} rows into PostgreSQL, megabytes at most; 0.5 is half of polars"),
)
SHARE: Final = 4
"""A shape has a quarter of the rows of the large workbook."""


def measure(setting: Setting) -> dict[str, Any]:
    """Return the figures of every shape that is wanted and whose producer is here."""
    rows = min(setting.rows // SHARE, MOST_ROWS)
    folder = setting.cache / f"shapes-{rows}"
    with setting.console.status("writing the shapes"):
        made = make(folder, rows, setting.shapes)
    found = {}
    for number, shape in enumerate(made.shapes):
        found[shape.name] = _measure_shape(setting, shape, folder / shape.file, f"shape_{number}", rows)
    return {
        "rows": rows,
        "rounds": setting.rounds,
        "slow_rounds": setting.slow_rounds,
        "shapes": found,
        "left_out": made.left_out,
    }


def _measure_shape(setting: Setting, shape: Shape, file: Path, name: str, rows: int) -> dict[str, Any]:
    """Measure one shape, with a daemon and contenders that have seen no other."""
    database = setting.database(name)
    rivals = [POLARS] if setting.fast else [POLARS, PANDAS]
    own = database.folder / "parse.yml"
    own.write_text(shape.dataset(), encoding="utf-8")
    with (
        running_daemon(database, shape.dataset()) as daemon,
        rival.running([PARSE, *rivals], database.url, [file], own) as running,
    ):
        loads = {
            OURSELVES: Party(work=Loader(daemon, database, [file]).load, processes=daemon.workers),
            **{
                each: Party(work=running[each].load, processes=running[each].processes, slow=each in SLOW)
                for each in rivals
            },
        }
        walls = take_turns(loads, setting)
        counted = int(database.execute("SELECT count(*) FROM orders"))
        assert counted == rows // shape.share, (shape.name, counted)
        cells = {name: _filled(database, TABLES[name]) for name in loads}
        assert cells[OURSELVES] == max(cells.values()), (shape.name, cells)
        reads = {OURSELVES: Party(work=running[PARSE].read)}
        reads |= {each: Party(work=running[each].read, slow=each in SLOW) for each in rivals}
        cpus = take_turns(reads, setting)
    database.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES.values())}")
    return {"title": shape.title, "rows": counted, "cells": cells, **_figures(shape, cells, walls, cpus)}


def _filled(database: Database, table: str) -> int:
    """Return how many cells of a table hold anything."""
    counts = database.execute(
        f"SELECT string_agg(format('count(%I)', attname), '+') FROM pg_attribute "
        f"WHERE attnum > 0 AND NOT attisdropped AND attrelid = '{table}'::regclass"
    )
    return int(database.execute(f"SELECT {counts} FROM {table}"))


def _figures(
    shape: Shape, cells: Mapping[str, int], walls: Mapping[str, Result], cpus: Mapping[str, Result]
) -> dict[str, Any]:
    """Return what each took; beside polars only if it has read the whole table."""
    memory = {name: walls[name].peak_bytes / MEGABYTE for name in (OURSELVES, POLARS)}
    wall = {name: result.median for name, result in walls.items()}
    cpu = {name: result.median for name, result in cpus.items()}
    beside = {
        "wall": shape.goals.wall.figure(wall[POLARS] / wall[OURSELVES]),
        "cpu": shape.goals.cpu.figure(cpu[POLARS] / cpu[OURSELVES]),
        "memory": shape.goals.memory.figure(memory[OURSELVES] / memory[POLARS]),
    }
    return {
        "wall_seconds": wall,
        "read_cpu_seconds": cpu,
        "peak_megabytes": memory,
        "beside_polars": beside if has_all(cells, POLARS) else {},
    }


def has_all(cells: Mapping[str, int], name: str) -> bool:
    """Say whether someone was measured, and has read as many cells as Headgate."""
    return cells.get(name, 0) >= cells[OURSELVES]


def part_read(shape: Mapping[str, Any]) -> str:
    """Return what is said in the place of a ratio where polars has lost cells."""
    return f"polars reads {shape['cells'][POLARS] / shape['cells'][OURSELVES]:.0%}"


def show(figures: Mapping[str, Any], console: Console) -> None:
    """Print a table of each measure: what each took, and the ratio beside its goal."""
    for measure, ratio, title in MEASURES:
        table = Table("", title=title.format(rows=figures["rows"]))
        for column in (OURSELVES, "polars", "pandas", "beside polars"):
            table.add_column(column, justify="right")
        for found in figures["shapes"].values():
            each = (found[measure].get(name) for name in (OURSELVES, POLARS, PANDAS))
            cells = ("" if value is None else f"{value:,.2f}" for value in each)
            beside = found["beside_polars"]
            table.add_row(found["title"], *cells, told(beside[ratio]) if beside else part_read(found))
        console.print(table)
    for words in figures["left_out"]:
        console.print(f"left out: {words}")
