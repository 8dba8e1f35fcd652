"""The daemon compares datasets with their tables by itself: log and metric say what does not fit, and when it does."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postgres_server import Postgres

    from .conftest import Headgate

NARROW = "CREATE TABLE orders (order_no varchar(18) PRIMARY KEY, quantity integer, price numeric(12,2))"
FITS = "CREATE TABLE orders (order_no varchar(18) PRIMARY KEY, buyer text, quantity bigint, price numeric(12,2))"


def findings(gate: Headgate, kind: str, dataset: str = "orders") -> float:
    series = f'headgate_dataset_table_findings{{dataset="{dataset}",finding="{kind}"}}'
    _, text = gate.get(f"{gate.exporter_url}/metrics")
    [found] = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE) or ["nan"]
    return float(found)


def test_a_table_that_does_not_fit_is_told_at_the_start_and_until_it_does(headgate: Headgate) -> None:
    headgate.execute(NARROW)
    process = headgate.start_ready()
    headgate.until(lambda: findings(headgate, "problem") == 1, "the metric tells")
    headgate.tells("table does not fit")
    headgate.tells("no column buyer")
    headgate.execute("ALTER TABLE orders ADD COLUMN buyer text")
    headgate.until(lambda: findings(headgate, "problem") == 0, "it is looked at again", seconds=90)
    headgate.tells("table fits")
    assert headgate.log.read_text().count("table does not fit") == 1
    assert headgate.log.read_text().count("table fits") == 1
    assert headgate.stop(process) == 0


def test_a_load_that_meets_a_changed_table_has_it_looked_at(headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate.execute(FITS)
    process = headgate.start_ready()
    # The first load looks at the table for the first time; after the second that is over.
    orders(headgate.inbox / "orders-1.xlsx", 3, start=10)
    headgate.until(lambda: headgate.all_finished(1), "a file is loaded")
    orders(headgate.inbox / "orders-2.xlsx", 3, start=20)
    headgate.until(lambda: headgate.all_finished(2), "another is loaded")
    assert findings(headgate, "problem") == 0
    headgate.execute("ALTER TABLE orders RENAME COLUMN buyer TO customer")
    orders(headgate.inbox / "orders-3.xlsx", 3, start=50)
    headgate.until(lambda: findings(headgate, "problem") == 1, "the metric tells")
    headgate.until(lambda: headgate.all_finished(3), "the file has ended")
    assert [job["state"] for job in headgate.jobs()] == ["dead", "loaded", "loaded"]
    assert headgate.stop(process) == 0


def test_a_reload_has_tables_looked_at(sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    with sqlite3.connect(gate.database_url.partition(":///")[2]) as connection:
        connection.execute(FITS)
    connection.close()
    process = gate.start_ready()
    spec = gate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text().replace("primaryKey: [order_no]", "primaryKey: [buyer]"))
    process.send_signal(signal.SIGHUP)
    gate.until(lambda: findings(gate, "problem") == 1, "the metric tells")
    assert gate.stop(process) == 0


def test_a_database_that_goes_away_holds_up_and_ends_nothing(
    tmp_path: Path, headgate_at: Callable[[Path, str], Headgate], own_postgres: Postgres
) -> None:
    gate = headgate_at(tmp_path / "gate", own_postgres.url())
    process = gate.start_ready()
    gate.until(lambda: findings(gate, "advice") == 1, "that there is no table yet is told")
    own_postgres.stop("immediate")
    gate.until(lambda: not gate.ready(), "the outage is seen")
    spec = gate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text().replace("version: 1", "version: 2"))
    process.send_signal(signal.SIGHUP)
    gate.until(lambda: "table check" in gate.log.read_text(), "the comparison waits")
    assert process.poll() is None
    own_postgres.start()
    gate.execute(NARROW.replace("orders", "public.orders", 1))
    gate.until(lambda: findings(gate, "problem") == 1, "it is made when the database is there", seconds=90)
    assert gate.stop(process) == 0
