"""Alerts on what is loaded, and what is not: their causes are made, their runbooks followed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from .conftest import add_to_dataset

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)

FRESH_SECONDS: Final = 20
DAYS: Final = 3600
"""By so much clocks run faster where a rule looks back for days."""


def given_up(gate: Headgate, orders: Callable[..., Path]) -> Path:
    """Hand in a workbook whose table has lost a column."""
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    return orders(gate.inbox / "orders-1.xlsx", 5)


@pytest.mark.parametrize("how", ["mended", "put to rest"])
def test_dead_jobs(called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate, how: str) -> None:
    file = given_up(sqlite_headgate, orders)
    with called("HeadgateDeadJobs") as operator:
        operator.is_called()
        assert "orders-1.xlsx" in operator.runs("headgate jobs --state dead")
        assert "no column buyer" in operator.runs("headgate job ID", ID=1)
        if how == "mended":
            operator.reads("Correct the cause that the job names, then submit the file again")
            operator.gate.execute("ALTER TABLE orders ADD COLUMN buyer text")
            done = operator.gate.command("submit", file, "--dataset", "orders", "--wait", "-c", operator.gate.config)
            assert done.returncode == 0, done.stderr
        else:
            operator.runs("headgate dismiss ID", ID=1)
        operator.is_done()


def test_a_dataset_that_was_never_loaded(
    called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate
) -> None:
    add_to_dataset(sqlite_headgate, "freshness_seconds: 1")
    file = orders(sqlite_headgate.folder / "of another name.xlsx", 5)
    with called("HeadgateDatasetNeverLoaded") as operator:
        operator.is_called()
        operator.runs("headgate check")
        operator.reads("`headgate read FILE`")
        assert "订单号" in operator.gate.command("read", file).stdout
        operator.runs("headgate submit FILE --dataset NAME --wait", FILE=file, NAME="orders")
        operator.is_done()


def test_a_stale_dataset(called: Called, orders: Callable[..., Path], sqlite_headgate: Headgate) -> None:
    """The files come and are refused, as the last job says: its sender corrects the file."""
    add_to_dataset(sqlite_headgate, f"freshness_seconds: {FRESH_SECONDS}")
    orders(sqlite_headgate.inbox / "orders-1.xlsx", 5)
    with called("HeadgateDatasetStale") as operator:
        gate = operator.gate
        gate.until(lambda: gate.all_finished(1), "the first is loaded", process=operator.process)
        orders(gate.inbox / "orders-2.xlsx", 5, start=10, bad=(0, 1, 2, 3, 4))
        operator.is_called()
        assert "rejected" in operator.runs("headgate jobs --limit 20")
        assert "cell.type" in operator.runs("headgate job ID", ID=2)
        orders(gate.inbox / "orders-2.xlsx", 5, start=10)
        operator.is_done()


def test_a_table_that_does_not_fit(
    called: Called, tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    gate = headgate_at(tmp_path / "headgate", postgres_database)
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    with called("HeadgateTableUnfit", gate) as operator:
        operator.is_called()
        assert "no column buyer" in operator.runs("headgate check --connect", returns=2)
        operator.reads("the daemon's log has the same lines as `table does not fit`")
        gate.tells("no column buyer")
        operator.reads("change the dataset, or the table back")
        gate.execute("ALTER TABLE orders ADD COLUMN buyer text, ALTER COLUMN quantity TYPE bigint")
        operator.runs("headgate check --connect")
        operator.reads("The alert ends by itself")
        operator.is_done()


@pytest.mark.parametrize("haste", ["over days", "over an hour"])
def test_a_spent_error_budget(
    called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path], haste: str
) -> None:
    """What was given up is loaded by a retry once the cause is mended; critical is what two datasets have."""
    gate = sqlite_headgate
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    spec = (gate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
    other = spec.replace("dataset: orders", "dataset: returns").replace('"orders*"', '"returns*"')
    (gate.folder / "datasets" / "returns.yml").write_text(other, encoding="utf-8")
    names = [f"orders-{number}.xlsx" for number in range(3 if haste == "over days" else 11)]
    names += ["returns-1.xlsx"] if haste == "over an hour" else []
    with called("HeadgateIngestErrorBudgetBurn", factor=DAYS if haste == "over days" else 360) as operator:
        for number, name in enumerate(names):
            orders(gate.inbox / name, 5, start=10 * number)
        gate.until(lambda: gate.all_finished(len(names)), "all are given up", process=operator.process)
        operator.is_called("warning" if haste == "over days" else "critical")
        assert names[0] in operator.runs("headgate jobs --state dead")
        assert "no column buyer" in operator.runs("headgate job ID", ID=1)
        operator.reads("Mend it")
        gate.execute("ALTER TABLE orders ADD COLUMN buyer text")
        operator.runs("headgate retry ID", ID=[*range(1, len(names) + 1)])
        gate.until(lambda: gate.loaded_jobs() == len(names), "they are loaded", process=operator.process)
        operator.is_done()


def test_files_that_are_refused(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Five of one dataset within a day; their rows are handed back, and no others come."""
    gate = sqlite_headgate
    with called("HeadgateFilesRefused", factor=DAYS) as operator:
        for number in range(6):
            orders(gate.inbox / f"orders-{number}.xlsx", 5, start=10 * number, bad=(0, 1, 2, 3, 4))
        operator.is_called()
        gate.until(lambda: gate.all_finished(6), "all are refused", process=operator.process)
        assert "orders-5.xlsx" in operator.runs("headgate jobs --state rejected")
        assert json.loads(gate.command("job", "1", "--json", "-c", gate.config).stdout)["state"] == "rejected"
        assert "cell.type" in operator.runs("headgate job ID", ID=1)
        back = gate.folder / "back.xlsx"
        operator.reads("`headgate rejects ID -o FILE.xlsx`")
        assert gate.command("rejects", 1, "-o", back, "-c", gate.config).returncode == 0
        assert back.stat().st_size
        operator.is_done()


def test_loads_that_the_database_refuses(
    called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    """Somebody changed the table: compared with the dataset, it gets its column back."""
    gate = sqlite_headgate
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    with called("HeadgateLoadsFail", factor=360) as operator:
        for number in range(4):
            orders(gate.inbox / f"orders-{number}.xlsx", 7, start=10 * number)
        operator.is_called()
        gate.until(lambda: gate.all_finished(4), "all are given up", process=operator.process)
        assert "orders-3.xlsx" in operator.runs("headgate jobs --state dead")
        assert "no column buyer" in operator.runs("headgate job ID", ID=1)
        operator.reads("Compare columns, constraints, types and lengths of the table with the dataset's")
        gate.execute("ALTER TABLE orders ADD COLUMN buyer text")
        operator.reads("Then hand the files in again")
        for number in range(4):
            orders(gate.inbox / f"orders-{number}.xlsx", 7, start=10 * number)
        gate.until(lambda: gate.loaded_jobs() == 4, "what was refused is loaded", process=operator.process)
        operator.is_done()
