"""A file is loaded whole and once, however it is written and by whom: a daemon that is not root, files of two users."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import writers
import xlsxwriter
import yaml

from .conftest import as_user

if TYPE_CHECKING:
    from .conftest import Headgate

DAEMON_USER, OTHER_USER = 64_011, 64_012
"""Any numbers but root's: the kernel asks for no names."""
USERS = {"own user": DAEMON_USER, "second user": OTHER_USER}
ROWS, AMOUNT = 300, 12001234.56
SETTLE_SECONDS = 3.0
"""Much longer than the pause of a writer in bursts: of 144 writers at once some are late on a busy machine."""
FINE = "whole, once"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"

HOW = {
    "steady": ("writes from the beginning to the end", 0.0),
    "pausing": ("pauses with the file open, for longer than it takes to settle", 5.0),
    "preallocating": ("makes room first and fills it later (SMB)", 5.0),
    "in_bursts": ("closes the file between bursts (`>>`, FTP resume)", 0.4),
    "renaming": ("writes under an unfinished name and renames", 1.0),
    "marking": ("writes in bursts, longer apart than it takes to settle, and a marker last", 4.0),
}
TAKEN, MODES, FORMATS = ("move", "stay"), ("insert", "upsert", "replace"), ("csv", "xlsx")
CASES = list(product(HOW, USERS, TAKEN, MODES, FORMATS))


@dataclass
class Matrix:
    """A daemon under a user of its own, a folder for each of `taken` and mode, and the writers that are at work."""

    folder: Path
    headgate: Headgate
    writers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def inbox(self, taken: str, mode: str) -> Path:
        return self.folder / f"{taken}-{mode}"

    def configure(self) -> None:
        for spec in (dataset(mode, number) for number, (*_, mode, _) in enumerate(CASES)):
            path = self.folder / "datasets" / f"{spec['dataset']}.yml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(yaml.safe_dump(spec), encoding="utf-8")
        folders: list[dict[str, Any]] = [
            {
                "path": str(self.inbox(taken, mode)),
                "taken": taken,
                "settle_seconds": SETTLE_SECONDS,
                "recursive": False,
            }
            for taken in TAKEN
            for mode in MODES
        ]
        marked = [{**folder, "path": f"{folder['path']}-marked", "done_marker": ".done"} for folder in folders]
        for folder in [*folders, *marked]:
            Path(folder["path"]).mkdir()
            Path(folder["path"]).chmod(0o777)
        self.headgate.settings |= {
            "datasets": ["datasets/*.yml"],
            "intake": {"folders": [*folders, *marked], "scan_seconds": 0.1},
        }
        self.headgate.write_config()

    def write(self, how: str, source: Path, target: Path, user: int) -> None:
        command: list[Any] = [sys.executable, writers.__file__, how, source, target, "--pause", str(HOW[how][1])]
        self.writers.append(subprocess.Popen([*as_user(user), *command]))


def table_of(mode: str, number: int) -> str:
    """Return the table of a file: one that takes the place of all rows has one of its own."""
    return {"insert": "additions", "upsert": "latest"}.get(mode, f"replaced_{number}")


def dataset(mode: str, number: int) -> dict[str, Any]:
    own = mode == "replace"
    spec: dict[str, Any] = {
        "dataset": f"{mode}-{number}" if own else mode,
        "match": {"glob": f"{mode}-{number}-*" if own else f"{mode}-*"},
        "fields": [{"name": "sku", "type": "string"}, {"name": "amount", "type": "decimal(12,2)"}],
        "load": {"table": table_of(mode, number), "mode": mode, "lineage": True},
    }
    return spec | ({"primaryKey": ["sku"]} if mode == "upsert" else {})


@pytest.fixture
def matrix(headgate_at: Callable[..., Headgate]) -> Iterator[Matrix]:
    """Everything lies where users that are not root can reach it."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-"))
    made = headgate_at(folder / "daemon", f"sqlite+aiosqlite:///{folder / 'daemon' / 'target.db'}")
    made.prefix = as_user(DAEMON_USER)
    made.folder.chmod(0o755)
    matrix = Matrix(folder=made.folder, headgate=made)
    matrix.configure()
    folder.chmod(0o755)
    for path in [made.folder, *made.folder.rglob("*")]:
        os.chown(path, DAEMON_USER, DAEMON_USER)
    yield matrix
    for writer in matrix.writers:
        writer.kill()
        writer.wait(10)
    for process in made.processes:
        process.kill()
        process.wait(10)
    shutil.rmtree(folder)


def content(path: Path, sign: str) -> Path:
    """Write a source of `ROWS` rows whose keys begin with a sign of their own."""
    rows = [(f"{sign}{number:05}", f"{AMOUNT}") for number in range(ROWS)]
    if path.suffix == ".csv":
        path.write_text("sku,amount\n" + "".join(f"{sku},{amount}\n" for sku, amount in rows), encoding="utf-8")
        return path
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([("sku", "amount"), *rows]):
            sheet.write_row(number, 0, row)
    return path


def measured(matrix: Matrix) -> dict[tuple[str, str, str], str]:
    """Let every kind of writer of both users write into every folder; return what became of each kind's files."""
    files = []
    for number, (how, whose, taken, mode, form) in enumerate(CASES):
        sign = f"{number:03}-"
        source = content(matrix.folder / f"{number}.{form}", sign)
        inbox = matrix.inbox(taken, f"{mode}-marked" if how == "marking" else mode)
        matrix.write(how, source, inbox / f"{mode}-{number}-{how}-{whose}.{form}", USERS[whose])
        files.append((sign, how, whose, taken, mode, form, table_of(mode, number)))
    headgate = matrix.headgate
    headgate.until(lambda: all(writer.poll() == 0 for writer in matrix.writers), "the writers are done")
    headgate.until(lambda: headgate.all_finished(len(files)), "every file is taken", seconds=120, problem=headgate.tail)
    found: dict[tuple[str, str, str], str] = {}
    for sign, how, whose, taken, mode, form, table in files:
        rows, different, jobs, least = headgate.rows(
            f"SELECT count(*), count(DISTINCT sku), count(DISTINCT headgate_job), min(amount) FROM {table} "
            f"WHERE sku LIKE '{sign}%'"
        )[0]
        fine = (rows, different, jobs, float(least or 0)) == (ROWS, ROWS, 1, AMOUNT)
        verdict = FINE if fine else f"{mode}, {form}: {rows} rows, {different} of them different, by {jobs} jobs"
        if found.setdefault((how, whose, taken), verdict) == FINE:
            found[how, whose, taken] = verdict
    return found


def as_table(found: dict[tuple[str, str, str], str]) -> str:
    """Return the page's table: what became of the files of each kind of writer, over modes and formats."""
    columns = list(product(USERS, TAKEN))
    lines = [
        f"| a writer that | {' | '.join(f'{whose}, `{taken}`' for whose, taken in columns)} |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for how, (text, _) in HOW.items():
        lines.append(f"| {text} | {' | '.join(found[how, *column] for column in columns)} |")
    return "\n".join(lines)


@pytest.mark.fault
@pytest.mark.timeout(240)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write files as a second user")
def test_every_file_is_loaded_whole_and_once(matrix: Matrix) -> None:
    process = matrix.headgate.start_ready()
    made = as_table(measured(matrix))
    assert made in PAGE.read_text(encoding="utf-8"), f"the page says otherwise:\n{made}"
    names = {path.name for path in (matrix.inbox("move", "insert-marked") / "done").iterdir()}
    assert not [name for name in names if name.endswith(".done")]
    assert matrix.headgate.stop(process) == 0
