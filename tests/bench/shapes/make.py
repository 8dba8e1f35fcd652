"""The shapes that tables come in: the same orders by many producers, with gaps, wide, and in other formats.

Written once for a number of rows. A producer that is not on this machine is left out, and `Made.left_out` says which.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import openpyxl
from figures import Goal
from openpyxl.cell import WriteOnlyCell
from setting import ROOT
from workbooks import (
    DAY,
    DAY_FORM,
    MOMENT,
    MOMENT_FORM,
    TITLES,
    WIDE_COLUMNS,
    WIDE_TITLES,
    Row,
    dataset,
    is_amount,
    order,
    wide_dataset,
    write,
)

MOST_ROWS: Final = 65_535
"""Of a sheet of xls beside its header; every shape has the same rows."""
WIDE_SHARE: Final = 10
"""The wide sheet has ten times the columns and a tenth of the rows."""
GAP_SHARE: Final = 0.2
OPTIONAL_FROM: Final = 14
OPTIONAL_SHARE: Final = 0.7
"""The last six columns are mostly empty."""
EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001  # days of a sheet have no zone
NODE: Final = ROOT / ".venv" / ".node"
NODE_PACKAGES: Final = ("xlsx@0.18.5", "xlsx-0.16@npm:xlsx@0.16.9", "exceljs@4.4.0")
NODE_MEMORY_MB: Final = 4000
PRODUCER_SECONDS: Final = 1200


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """What is aimed at, beside polars: CPU of reading and wall time into PostgreSQL as ratios, 2 being twice as fast.

    Memory is how much more Headgate's worker may hold than the other's process.
    """

    cpu: Goal
    wall: Goal
    memory: Goal


MEMORY: Final = Goal(1.2, "at most")
XLSX: Final = Goals(cpu=Goal(1.0), wall=Goal(1.1), memory=MEMORY)
WIDE: Final = Goals(cpu=Goal(0.9), wall=Goal(1.1), memory=MEMORY)
CSV: Final = Goals(cpu=Goal(0.4), wall=Goal(0.8), memory=MEMORY)
OTHER: Final = Goals(cpu=Goal(0.3), wall=Goal(0.5), memory=MEMORY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A file, who wrote it and what is peculiar to it, and the goals for it."""

    file: str
    title: str
    goals: Goals
    dataset: Callable[[], str] = dataset
    share: int = 1

    @property
    def name(self) -> str:
        """By which it is asked for."""
        return self.file.partition(".")[0]


INLINE: Final = Shape(file="xlsx-inline.xlsx", title="xlsxwriter, inline strings", goals=XLSX)
SHARED: Final = Shape(file="xlsx-shared.xlsx", title="xlsxwriter, shared strings", goals=XLSX)
GAPS: Final = Shape(file="xlsx-gaps.xlsx", title="20 % of the cells missing", goals=XLSX)
OPTIONAL: Final = Shape(file="xlsx-optional.xlsx", title="six columns mostly empty", goals=XLSX)
WIDE_SHEET: Final = Shape(
    file="xlsx-wide.xlsx",
    title=f"{WIDE_COLUMNS} columns wide",
    goals=WIDE,
    dataset=wide_dataset,
    share=WIDE_SHARE,
)
OPENPYXL: Final = Shape(file="xlsx-openpyxl.xlsx", title="openpyxl", goals=XLSX)
OF_NODE: Final = (
    Shape(file="xlsx-sheetjs.xlsx", title="SheetJS", goals=XLSX),
    Shape(file="xlsx-sheetjs-shared.xlsx", title="SheetJS, shared strings", goals=XLSX),
    Shape(file="xlsx-exceljs.xlsx", title="ExcelJS", goals=XLSX),
    Shape(file="xlsb-columns.xlsb", title="xlsb, SheetJS 0.16", goals=OTHER),
    Shape(file="xlsb-shared.xlsb", title="xlsb, SheetJS 0.16, shared strings", goals=OTHER),
    Shape(file="xlsb-sheetjs.xlsb", title="xlsb, SheetJS", goals=OTHER),
    Shape(file="xls-sheetjs.xls", title="xls, SheetJS", goals=OTHER),
)
OF_LIBREOFFICE: Final = (
    Shape(file="xlsx-libreoffice.xlsx", title="LibreOffice", goals=XLSX),
    Shape(file="xls-libreoffice.xls", title="xls, LibreOffice", goals=OTHER),
    Shape(file="ods-libreoffice.ods", title="ods, LibreOffice", goals=OTHER),
)
UTF8: Final = Shape(file="csv-utf8.csv", title="CSV, UTF-8", goals=CSV)
GB18030: Final = Shape(file="csv-gb18030.csv", title="CSV, GB18030", goals=CSV)


@dataclass(frozen=True, slots=True)
class Producer:
    """Who writes some of the shapes into a folder; what is `needed` for that, and is it here?"""

    shapes: tuple[Shape, ...]
    write: Callable[[Path, Sequence[Row]], None]
    needed: str = ""
    is_here: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Made:
    """The shapes that there are, in the order of the report, and why others are not."""

    shapes: tuple[Shape, ...]
    left_out: tuple[str, ...]


def make(folder: Path, rows: int, wanted: Sequence[str]) -> Made:
    """Write the shapes whose name has one of the wanted words (none: all) unless they are there already."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(7)
    table: list[Row] = []
    made, left_out = [], []
    for producer in PRODUCERS:
        asked = [shape for shape in producer.shapes if not wanted or any(word in shape.name for word in wanted)]
        missing = [shape for shape in asked if not (folder / shape.file).exists()]
        if missing and not producer.is_here():
            left_out += [f"{shape.title}: {producer.needed} is not here" for shape in missing]
        elif missing:
            table = table or [order(number, chance) for number in range(1, rows + 1)]
            _write(producer, folder, table)
        made += [shape for shape in asked if (folder / shape.file).exists()]
    order_of = {word: place for place, word in enumerate(("xlsx", "csv", "xlsb", "xls", "ods"))}
    return Made(tuple(sorted(made, key=lambda shape: order_of[shape.name.partition("-")[0]])), tuple(left_out))


def _write(producer: Producer, folder: Path, table: Sequence[Row]) -> None:
    """Write beside the folder first: a run that is interrupted leaves no half file."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        producer.write(Path(name), table)
        for shape in producer.shapes:
            (Path(name) / shape.file).rename(folder / shape.file)


# -- producers -------------------------------------------------------------------------------------------


def _by_xlsxwriter(folder: Path, table: Sequence[Row]) -> None:
    chance = random.Random(3)
    write(folder / INLINE.file, TITLES, table, shared=False)
    write(folder / SHARED.file, TITLES, table)
    write(folder / GAPS.file, TITLES, (_gaps(row, 1, GAP_SHARE, chance) for row in table))
    write(folder / OPTIONAL.file, TITLES, (_gaps(row, OPTIONAL_FROM, OPTIONAL_SHARE, chance) for row in table))
    wide = (_wide_row(number, chance) for number in range(1, len(table) // WIDE_SHARE + 1))
    write(folder / WIDE_SHEET.file, WIDE_TITLES, wide, moments=False)


def _gaps(row: Row, first: int, share: float, chance: random.Random) -> Row:
    return [None if column >= first and chance.random() < share else value for column, value in enumerate(row)]


def _wide_row(number: int, chance: random.Random) -> Row:
    values: Iterable[str | float] = (
        round(chance.uniform(1, 500), 2) if is_amount(column) else f"值{chance.randint(1, 300)}"
        for column in range(1, WIDE_COLUMNS)
    )
    return [f"{10**17 + number}", *values]


def _by_openpyxl(folder: Path, table: Sequence[Row]) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(list(TITLES))
    for row in table:
        cells: list[object] = list(row)
        for column, form in ((DAY, DAY_FORM), (MOMENT, MOMENT_FORM)):
            cell = WriteOnlyCell(sheet, _moment(row[column]))
            cell.number_format = form
            cells[column] = cell
        sheet.append(cells)
    book.save(folder / OPENPYXL.file)


def _moment(days: str | float | None) -> datetime:
    assert isinstance(days, float | int)
    return (EPOCH + timedelta(days=days)).replace(microsecond=0)


def _as_text(table: Sequence[Row]) -> Iterator[list[str]]:
    for row in table:
        texts = ["" if value is None else str(value) for value in row]
        texts[DAY] = f"{_moment(row[DAY]):%Y-%m-%d}"
        texts[MOMENT] = f"{_moment(row[MOMENT]):%Y-%m-%d %H:%M:%S}"
        yield texts


def _by_csv(folder: Path, table: Sequence[Row]) -> None:
    for shape, encoding in ((UTF8, "utf-8"), (GB18030, "gb18030")):
        with (folder / shape.file).open("w", encoding=encoding, newline="") as file:
            writer = csv.writer(file)
            writer.writerow(TITLES)
            writer.writerows(_as_text(table))


def _by_node(folder: Path, table: Sequence[Row]) -> None:
    source = folder / "rows.json"
    source.write_text(json.dumps([TITLES, *table]), encoding="utf-8")
    program = Path(__file__).with_name("producers.cjs")
    subprocess.run(
        ["node", f"--max-old-space-size={NODE_MEMORY_MB}", program, source, folder, str(DAY), str(MOMENT)],
        env={**os.environ, "NODE_PATH": str(NODE / "node_modules")},
        check=True,
        timeout=PRODUCER_SECONDS,
    )


def _node_is_here() -> bool:
    """Say whether Node has the packages; they are fetched once, beside the environment and never into the sources."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return False
    if all((NODE / "node_modules" / package.partition("@")[0]).is_dir() for package in NODE_PACKAGES):
        return True
    NODE.mkdir(parents=True, exist_ok=True)
    options = ["--prefix", str(NODE), "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    return subprocess.run(["npm", "install", *options, *NODE_PACKAGES], check=False, cwd=NODE).returncode == 0


def _by_libreoffice(folder: Path, table: Sequence[Row]) -> None:
    _by_openpyxl(folder, table)
    profile = (folder / "profile").as_uri()
    for shape in OF_LIBREOFFICE:
        form = shape.file.rpartition(".")[2]
        command = ["soffice", f"-env:UserInstallation={profile}", "--headless", "--convert-to", form]
        subprocess.run(
            [*command, "--outdir", folder / form, folder / OPENPYXL.file],
            check=True,
            timeout=PRODUCER_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        (folder / form / Path(OPENPYXL.file).with_suffix(f".{form}")).rename(folder / shape.file)


PRODUCERS: Final = (
    Producer((INLINE, SHARED, GAPS, OPTIONAL, WIDE_SHEET), _by_xlsxwriter),
    Producer((OPENPYXL,), _by_openpyxl),
    Producer((UTF8, GB18030), _by_csv),
    Producer(OF_NODE, _by_node, "Node with npm's xlsx and exceljs", _node_is_here),
    Producer(
        OF_LIBREOFFICE, _by_libreoffice, "LibreOffice Calc (soffice)", lambda: shutil.which("soffice") is not None
    ),
)
