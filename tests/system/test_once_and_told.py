"""Exactly once from the folder to the sender: what is superseded, comes again, is owed, or lies in a lost database."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import psutil
import pytest
from daemon_processes import FORK_SERVER, WORKER, named
from gates import WAIT_AT_GATE, Gate

if TYPE_CHECKING:
    import subprocess

    from .conftest import Headgate

KILLS = int(os.environ.get("HAND_BACK_KILLS", "20"))
STOCK = """
dataset: stock
match: {{glob: "*"}}
fields: [{{name: sku, type: string}}, {{name: qty, type: integer}}]
primaryKey: [sku]
load: {{table: stock, mode: {mode}}}
"""


def moving(headgate: Headgate) -> Headgate:
    headgate.settings["intake"]["folders"] = [{"path": "inbox", "taken": "move", "settle_seconds": 0.3}]
    headgate.write_config()
    return headgate


def states(headgate: Headgate) -> list[str]:
    return [job["state"] for job in sorted(headgate.jobs(), key=lambda job: job["id"])]


@pytest.mark.fault
@pytest.mark.parametrize("bad", [(), tuple(range(59))], ids=["loaded", "rejected"])
def test_a_job_whose_file_is_changed_leaves_nothing(
    sqlite_headgate: Headgate,
    orders: Callable[..., Path],
    gate: Gate,
    bad: tuple[int, ...],
) -> None:
    headgate = moving(sqlite_headgate)
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8") + WAIT_AT_GATE, encoding="utf-8")
    orders(headgate.inbox / "orders-1.xlsx", 60, bad=bad)
    process = headgate.start_ready()
    headgate.until(gate.is_reached, "the first job runs", process=process)
    orders(headgate.inbox / "orders-1.xlsx", 90, start=500)
    gate.open()
    headgate.until(lambda: headgate.all_finished(2), "both jobs have ended", process=process)
    assert states(headgate) == ["superseded", "loaded"]
    assert headgate.rows("SELECT count(*), min(order_no) FROM orders") == [(90, str(10**17 + 500))]
    done = headgate.inbox / "done" / "orders-1.xlsx"
    headgate.until(done.exists, "the file is moved", process=process)
    assert not (headgate.inbox / "rejected").exists()
    assert headgate.stop(process) == 0


@pytest.mark.parametrize(
    ("mode", "expected", "left"),
    [("upsert", ["loaded", "loaded", "loaded", "duplicate"], 5), ("insert", ["loaded", "loaded", "duplicate"], 7)],
)
def test_what_comes_again_after_another_is_loaded_unless_rows_are_only_added(
    sqlite_headgate: Headgate, mode: str, expected: list[str], left: int
) -> None:
    headgate = sqlite_headgate
    spec = headgate.folder / "stock.yml"
    key = "" if mode == "upsert" else "x"  # rows that are only added have keys of their own
    spec.write_text(STOCK.format(mode=mode), encoding="utf-8")
    found = []
    for number, quantity in enumerate((5, 7, 5, 5)[: len(expected)]):
        name = f"day-{number}.csv"
        (headgate.folder / name).write_text(f"sku,qty\nA{key and quantity},{quantity}\n", encoding="utf-8")
        done = headgate.command("ingest", name, "--dataset", spec, "--json")
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["state"])
    assert found == expected
    assert headgate.rows("SELECT qty FROM stock ORDER BY rowid")[-1] == (left,)
    again = headgate.command("ingest", "day-0.csv", "--dataset", spec, "--again", "--json")
    assert json.loads(again.stdout)["state"] != "duplicate"


@pytest.mark.parametrize("mode", ["upsert", "replace"])
def test_what_is_handed_in_together_has_its_order(headgate: Headgate, mode: str) -> None:
    spec = headgate.folder / "stock.yml"
    spec.write_text(STOCK.format(mode=mode), encoding="utf-8")
    days = [5, 7, 5, 9, 7, 5]
    names = [f"day-{number}.csv" for number in range(len(days))]
    for name, quantity in zip(names, days, strict=True):
        # Whatever is read sooner: the first takes longest.
        others = "".join(f"S{row},1\n" for row in range(40_000 if name == names[0] else 0))
        (headgate.folder / name).write_text(f"sku,qty\n{others}A,{quantity}\n", encoding="utf-8")
    done = headgate.command("ingest", *names, "--dataset", spec, "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [job["state"] for job in found] == ["loaded"] * len(days)
    assert int(headgate.scalar("SELECT qty FROM stock WHERE sku = 'A'")) == 5


def test_a_rejected_file_that_is_put_back_is_tried_anew(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = moving(sqlite_headgate)
    spec = headgate.folder / "datasets" / "orders.yml"
    strict = spec.read_text(encoding="utf-8")
    orders(headgate.inbox / "orders-1.xlsx", 20, bad=tuple(range(19)))
    rejected = headgate.inbox / "rejected"
    process = headgate.start_ready()
    headgate.until((rejected / "orders-1.rejects.xlsx").exists, "it is rejected", process=process)
    spec.write_text(strict.replace("max_rows: 10, max_percent: 50", "max_rows: 100, max_percent: 100"))
    assert headgate.stop(process) == 0
    process = headgate.start_ready()
    (rejected / "orders-1.xlsx").rename(headgate.inbox / "orders-1.xlsx")
    headgate.until(lambda: headgate.all_finished(2), "it was tried anew", process=process)
    assert states(headgate) == ["rejected", "partial"]
    assert headgate.scalar("SELECT count(*) FROM orders") == "1"
    assert headgate.stop(process) == 0


@pytest.mark.fault
@pytest.mark.parametrize("how", ["removed", "replaced", "moved", "log removed"])
def test_a_database_that_is_taken_away_ends_the_daemon(
    sqlite_headgate: Headgate, orders: Callable[..., Path], how: str
) -> None:
    headgate = sqlite_headgate
    orders(headgate.inbox / "orders-1.xlsx", 5)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.loaded_jobs() == 1, "the first is loaded", process=process)
    database = headgate.folder / "target.db"
    if how == "moved":
        database.rename(headgate.folder / "old.db")
    elif how == "log removed":
        database.with_name("target.db-wal").unlink()
    else:
        database.unlink()
        if how == "replaced":
            sqlite3.connect(database).close()
            database.touch()
    orders(headgate.inbox / "orders-2.xlsx", 5, start=100)
    assert process.wait(30) != 0
    headgate.tells("was removed or replaced")
    assert (headgate.inbox / "orders-2.xlsx").exists()


def at_least(folder: Path, pattern: str, count: int) -> bool:
    return len(list(folder.glob(pattern))) >= count


def annotated(path: Path) -> bool:
    """Say whether a workbook of rejected rows can be read, and has the cell that was wrong."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return any("many" in str(cell) for row in sheet.iter_rows(values_only=True) for cell in row)


def victim(process: subprocess.Popen[bytes], chance: random.Random) -> psutil.Process:
    """Choose whom to kill: the daemon half of the time, else a worker, now and then the fork server."""
    kind = chance.choices(("daemon", WORKER, FORK_SERVER), (4, 4, 1))[0]
    return chance.choice(named(kind, process.pid) or [psutil.Process(process.pid)])


@pytest.mark.fault
@pytest.mark.timeout(120 + 15 * KILLS)
def test_every_sender_is_told_whatever_is_killed(headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Kills at random, among them between load, move and the annotated workbook."""
    moving(headgate)
    headgate.settings["ledger"] |= {"max_lost_leases": 1000, "max_crashes": 1000, "max_attempts": 1000}
    headgate.write_config()
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    rejected, files, process = headgate.inbox / "rejected", 0, headgate.start_ready()
    for _ in range(KILLS):
        for number in range(files, files + 4):
            orders(headgate.inbox / f"orders-{number}.xlsx", 20, start=number * 20, bad=(3,))
        files += 4
        more = len(list(rejected.glob("*.xlsx"))) + 1
        headgate.until(partial(at_least, rejected, "*.xlsx", more), "files are moved", process=process)
        time.sleep(chance.uniform(0.0, 0.4))
        killed = victim(process, chance)
        with suppress(psutil.NoSuchProcess):
            killed.kill()
        if killed.pid == process.pid:
            process.wait(10)
            headgate.assert_nothing_left(process)
            process = headgate.start_ready()
    expected = [rejected / f"orders-{number}.rejects.xlsx" for number in range(files)]

    def untold() -> list[str]:
        return [path.name for path in expected if not path.exists()]

    headgate.until(
        lambda: not untold(),
        "everybody was told",
        seconds=60 + KILLS,
        process=process,
        problem=lambda: (seed, untold()),
    )
    headgate.until(lambda: not list(headgate.inbox.glob("*.xlsx")), "every file is moved", process=process)
    assert headgate.stop(process) == 0
    for number in range(files):
        assert (rejected / f"orders-{number}.xlsx").exists(), f"seed {seed}"
        assert annotated(expected[number]), f"seed {seed}"
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * 19), f"seed {seed}"
    assert not list(rejected.glob(".*")), "what was half written is left over"


def test_a_dead_job_is_dismissed(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    orders(headgate.inbox / "orders-1.xlsx", 5)
    process = headgate.start_ready()
    headgate.until(lambda: headgate.loaded_jobs() == 1, "the first is loaded", process=process)
    headgate.execute("UPDATE headgate_job SET state = 'dead', reason = 'as if'")

    def dead() -> float:
        lines = headgate.get(f"{headgate.exporter_url}/metrics")[1].splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith("headgate_dead_jobs"))

    headgate.until(lambda: dead() == 1, "the alert's number is there", process=process)
    assert headgate.command("dismiss", "1", "-c", headgate.config).returncode == 0
    assert states(headgate) == ["dismissed"]
    headgate.until(lambda: dead() == 0, "the alert ends", process=process)
    refused = headgate.command("dismiss", "1", "-c", headgate.config)
    assert (refused.returncode, "only dead jobs are dismissed" in refused.stderr) == (3, True)
    assert headgate.stop(process) == 0
