"""Check only: all of the way is gone, nothing stays, and what was checked is loaded without being sent again."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import Popen

    from .conftest import Headgate


CHECK = "dataset=orders&name=orders.xlsx&check=true"


def spooled(headgate: Headgate) -> int:
    return len(list((headgate.folder / "var" / "spool").glob("*/jobs/*")))


def tables(headgate: Headgate) -> set[str]:
    """Return the names of the application's tables."""
    if headgate.database_url.startswith("sqlite"):
        found = headgate.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'headgate%'")
    else:
        found = headgate.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    return {name for (name,) in found if not name.startswith("sqlite_")}


def test_it_is_told_what_would_be_and_then_it_is_loaded(
    headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    book = orders(tmp_path / "o.xlsx", 30, bad=(4,)).read_bytes()
    made = api.submit(book, query=CHECK)
    assert (made.status, made.json["check_only"]) == (201, True)
    checked = api.wait(made.json["id"])
    assert (checked["state"], checked["would_be"], checked["loaded_as"]) == ("checked", "partial", None)
    assert (checked["rows"]["read"], checked["rows"]["inserted"], checked["rows"]["rejected"]) == (30, 29, 1)
    assert checked["errors"][0]["cell"] == "C6"
    shown = api(f"/jobs/{checked['id']}").json["preview"]
    assert shown["columns"] == ["order_no", "buyer", "quantity", "price"]
    assert [row[1] for row in shown["rows"]] == [f"buyer {number}" for number in range(21) if number != 4]
    assert "orders" not in tables(headgate)
    assert api(f"/jobs/{checked['id']}/rejects?format=csv").status == 200

    loading = api(f"/jobs/{checked['id']}/load", method="POST")
    assert (loading.status, loading.headers["Location"]) == (201, f"/api/v1/jobs/{loading.json['id']}")
    loaded = api.wait(loading.json["id"])
    assert (loaded["state"], loaded["rows"]["inserted"], loaded["rows"]["rejected"]) == ("partial", 29, 1)
    assert headgate.scalar("SELECT count(*) FROM orders") == "29"
    again = api(f"/jobs/{checked['id']}/load", method="POST")
    assert again.status == 409
    assert f"was loaded as job {loaded['id']} already" in again.json["detail"]
    assert api(f"/jobs/{checked['id']}").json["loaded_as"] == loaded["id"]
    assert api(f"/jobs/{loaded['id']}/load", method="POST").status == 409
    assert headgate.stop(process) == 0


def test_checks_are_counted_apart(headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    book = orders(tmp_path / "a.xlsx", 8).read_bytes()
    assert api.wait(api.submit(book).json["id"])["state"] == "loaded"
    changed = orders(tmp_path / "b.xlsx", 10, start=4, bad=(9,)).read_bytes()
    last = headgate.metric("headgate_dataset_last_attempt_timestamp_seconds", dataset="orders")
    for query, verdict in (("", "duplicate"), ("&again=true", "loaded")):
        job = api.submit(book, query=CHECK + query).json["id"]
        assert api.wait(job)["would_be"] == verdict
    checked = api.wait(api.submit(changed, query=CHECK).json["id"])
    assert checked["would_be"] == "partial"
    assert {name: count for name, count in checked["rows"].items() if count} == {
        "read": 10,
        "inserted": 5,
        "updated": 4,
        "rejected": 1,
    }
    headgate.until(
        lambda: headgate.metric("headgate_ingest_checked_rows_total") == 2 * 26, "all are counted", process=process
    )
    assert headgate.metric("headgate_ingest_jobs_total") == 1
    assert headgate.metric("headgate_ingest_rows_total", result="read") == 8
    assert headgate.metric("headgate_dataset_last_attempt_timestamp_seconds", dataset="orders") == last
    for verdict in ("duplicate", "loaded", "partial"):
        assert headgate.metric("headgate_ingest_checks_total", dataset="orders", would_be=verdict) == 1
    assert headgate.metric("headgate_ingest_checked_rows_total", result="read") == 26
    assert headgate.scalar("SELECT count(*) FROM orders") == "8"
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("fault", ["whole", "table"])
def test_what_would_not_load_is_checked_none_the_less(
    headgate: Headgate, tmp_path: Path, orders: Callable[..., Path], fault: str
) -> None:
    """No alert tells of it: nobody has lost anything."""
    if fault == "table":
        headgate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer, price numeric(12,2))")
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    bad = tuple(range(20)) if fault == "whole" else ()
    job = api.wait(api.submit(orders(tmp_path / "o.xlsx", 20, bad=bad).read_bytes(), query=CHECK).json["id"])
    assert (job["state"], job["would_be"]) == ("checked", "rejected" if fault == "whole" else "dead")
    assert ("too_many_bad_rows" if fault == "whole" else "no column buyer") in job["reason"]
    assert headgate.metric("headgate_dead_jobs") == 0
    if fault == "table":
        schema = "" if headgate.database_url.startswith("sqlite") else "public."
        headgate.execute(f"ALTER TABLE {schema}orders ADD COLUMN buyer text")
        loaded = api.wait(api(f"/jobs/{job['id']}/load", method="POST").json["id"])
        assert loaded["state"] == "loaded"
    assert headgate.stop(process) == 0


def test_by_the_command_line(headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]) -> None:
    process = headgate.start_ready()
    file = orders(tmp_path / "orders-1.xlsx", 6)
    done = headgate.command("submit", file, "--check", "--wait", "--json", "-c", headgate.config)
    job = json.loads(done.stdout)
    assert (done.returncode, job["state"], job["would_be"]) == (0, "checked", "loaded")
    told = headgate.command("jobs", "-c", headgate.config).stdout
    assert f"would be loaded; headgate load {job['id']} loads it" in told
    assert "buyer buyer 0" in headgate.command("job", job["id"], "-c", headgate.config).stdout
    made = headgate.command("load", job["id"], "--json", "-c", headgate.config)
    assert made.returncode == 0, made.stderr
    number = json.loads(made.stdout)["id"]
    assert Api(headgate.api_url, headgate.token).wait(number)["state"] == "loaded"
    assert headgate.scalar("SELECT count(*) FROM orders") == "6"
    assert f"loaded as job {number}" in headgate.command("jobs", "-c", headgate.config).stdout
    refused = headgate.command("load", job["id"], "-c", headgate.config)
    assert (refused.returncode, f"was loaded as job {number} already" in refused.stderr) == (3, True)
    bad = headgate.command(
        "submit", orders(file, 4, start=50, bad=(1, 2, 3)), "--check", "--wait", "-c", headgate.config
    )
    assert bad.returncode == 1
    assert headgate.stop(process) == 0


def test_without_a_daemon(headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]) -> None:
    file = orders(tmp_path / "orders-1.xlsx", 6, bad=(5,))
    given: list[Any] = [file, "--dataset", headgate.folder / "datasets" / "orders.yml"]
    given += ["--database", headgate.database_url]
    done = headgate.command("ingest", "--check", *given)
    assert done.returncode == 1
    assert "checked, would be partial" in done.stdout
    assert "the first 5 rows as they would stand:" in done.stdout
    assert "cell.type" in done.stdout
    assert "orders" not in tables(headgate)
    loaded = headgate.command("ingest", "--json", *given)
    assert json.loads(loaded.stdout)["state"] == "partial"
    assert headgate.scalar("SELECT count(*) FROM orders") == "5"


FILES, ROWS, KILLS = 8, 2000, 12


def killed(headgate: Headgate, process: Popen[bytes], chance: random.Random) -> tuple[Popen[bytes], Api]:
    """Kill the daemon now and then, and return the one that is ready in the end."""
    for _ in range(KILLS // 2):
        time.sleep(chance.uniform(0.0, 1.2))
        headgate.kill(process)
        process = headgate.start()
    headgate.until(headgate.ready, "it is ready", process=process)
    return process, Api(headgate.api_url, headgate.token)


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_kills_of_a_check_leave_nothing_and_lose_nothing(
    headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    """The daemon dies at any step of checks, then of loads of what was checked. Without a key a second load shows."""
    headgate.add_without_key()
    headgate.settings["ledger"]["max_lost_leases"] = 1000
    headgate.write_config()
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    books = [orders(tmp_path / f"o{number}.xlsx", ROWS, start=number * ROWS).read_bytes() for number in range(FILES)]
    checks = [api.submit(book, query=CHECK).json["id"] for book in books]
    process, api = killed(headgate, process, chance)
    assert [api.wait(job, seconds=120)["would_be"] for job in checks] == ["loaded"] * FILES, f"seed {seed}"
    assert "orders" not in tables(headgate), f"seed {seed}"
    assert spooled(headgate) == FILES, f"seed {seed}"
    loads = [api(f"/jobs/{job}/load", method="POST").json["id"] for job in checks]
    process, api = killed(headgate, process, chance)
    assert [api.wait(job, seconds=120)["state"] for job in loads] == ["loaded"] * FILES, f"seed {seed}"
    assert headgate.scalar("SELECT count(*) FROM orders") == str(FILES * ROWS), f"seed {seed}"
    headgate.until(lambda: spooled(headgate) == 0, "no file is left in the spool", process=process)
    assert headgate.stop(process) == 0
