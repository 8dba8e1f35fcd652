"""A ledger of many jobs: no statement of a daemon reads the table of jobs from end to end, or more than its share.

What is looked at are the plans of all that a real daemon asks PostgreSQL while it does everything that it does all day.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from api_caller import Api
from explained import Explained, Plan
from large_ledger import EVENTS_OF_A_JOB, history, waiting
from postgres_server import Postgres, psql_program

from daemon.api.event_feed import PAGE
from daemon.ledger.pruner import BATCH
from daemon.ledger.queries import SCANNED

from ..conftest import require_service

if TYPE_CHECKING:
    from .conftest import Headgate

JOBS: Final = 200_000
QUEUED_ELSEWHERE: Final = 20_000
"""Jobs that wait longer than any of this daemon's, for another one."""
KEPT: Final = 30_000
"""Of so many of the newest jobs the files are kept, where they ended badly."""
HALF_A_YEAR: Final = 15_552_000
MISSED_EVENTS: Final = 900
ROWS_OF_A_BLOCK: Final = 10
BLOCKS_OF_A_ROW: Final = 8
BLOCKS_OF_A_CHANGE: Final = 50
"""Each index of the table has an entry of each new version of a row."""
FORGOTTEN: Final = 1_500
"""Jobs old enough to be let go."""

LEFT_BEHIND: Final = (
    "UPDATE headgate.job SET state = 'running', lease_daemon = 'dead' WHERE id = (SELECT max(id) FROM headgate.job)",
    "INSERT INTO headgate.daemon VALUES ('dead', 'host', 1, '0', 'elsewhere', 0, 0)",
)
"""A daemon that has died, and the job that it was at."""
GIVEN_UP: Final = JOBS // 2
"""A job that was given up long ago; its file comes again."""
FILE_GIVEN_UP: Final = (
    f"UPDATE headgate.job SET state = 'dead', dataset = 'orders', file = 'orders-0.xlsx' WHERE id = {GIVEN_UP}"
)

STATEMENTS: Final = {
    "claim": r"WITH changed AS \(UPDATE headgate\.job SET .*SKIP LOCKED",
    "finish": r"WITH changed AS \(UPDATE headgate\.job SET .*rows_inserted=",
    "lock before a load": r"FROM headgate\.job\s+WHERE .*lease_token = .*FOR NO KEY UPDATE",
    "beat": r"UPDATE headgate\.daemon SET beat_at=",
    "clock": r"max\(headgate\.job\.created_at\).*max\(headgate\.daemon\.beat_at\)",
    "reaper": r"SELECT DISTINCT headgate\.job\.lease_daemon",
    "reaper gives back": r"UPDATE headgate\.job SET .*lost_leases=",
    "cancellations": r"UPDATE headgate\.job SET .*\|\| headgate\.job\.cancelled_by",
    "backlog": r"count\(\*\) FILTER",
    "past of a dataset": r"WITH oldest AS \(SELECT headgate\.job",
    "freshness": r"finished_at\s+FROM headgate\.job\s+WHERE .*ORDER BY headgate\.job\.finish_order DESC",
    "enter": r"INSERT INTO headgate\.job .*ON CONFLICT DO NOTHING",
    "loaded before": r"FROM headgate\.loaded_content",
    "dead ones resolved": r"UPDATE headgate\.job SET state='?.*headgate\.job\.file = .* OR headgate\.job\.sha256 =",
    "one job": r"FROM headgate\.job\s+WHERE headgate\.job\.id = \$1::\w+\s*$",
    "taken files": r"WHERE headgate\.job\.origin IN",
    "ends that are owed": r"headgate\.job\.owed AND",
    "events of all": r"JOIN headgate\.job ON headgate\.event\.job_id",
    "events of one": r"WHERE headgate\.event\.job_id = ",
    "last event": r"max\(headgate\.event\.id\)",
    "list": r"ORDER BY headgate\.job\.id DESC\s+LIMIT",
    "old files": r"SELECT headgate\.job\.id, headgate\.job\.spool_key\s+FROM headgate\.job\s+WHERE .*finished_at <",
    "files beyond": r"sum\(headgate\.job\.size_bytes\) OVER",
    "files let go": r"UPDATE headgate\.job SET spool_key=\$1::\w+ WHERE",
    "files held": r"headgate\.job\.spool_key\s+FROM headgate\.job\s+WHERE headgate\.job\.id IN .*SKIP LOCKED",
    "files of nobody": r"SELECT headgate\.job\.spool_key\s+FROM headgate\.job\s+WHERE .*headgate\.job\.spool_key IN",
    "keys of the spool": r"SELECT headgate\.job\.spool_key\s+FROM",
    "old jobs": r"FROM headgate\.job AS other.*SKIP LOCKED",
    "jobs remembered": r"SELECT headgate\.job\.dataset, headgate\.job\.sha256, headgate\.job\.spec_version",
    "jobs let go": r"DELETE FROM headgate\.job",
}
"""How the statements of the daemon's way are known; each of them must have been seen."""
BLOCKS_OF_ONE: Final = 600
"""Of whatever concerns one job, or is done every few seconds: a few levels of each index, and a few rows.

Now and then a change of a row cleans a full block of an index up, which looks at the rows that are named there.
"""
ROWS_FOR_ONE: Final = 500
BLOCKS_OF_MANY: Final = {
    # The rows of a page; of a filter that no index answers those that are looked through.
    "list": SCANNED,
    # Events come with their jobs.
    "events of all": PAGE * BLOCKS_OF_A_ROW,
    # What waits is counted.
    "backlog": QUEUED_ELSEWHERE // ROWS_OF_A_BLOCK,
    # Once at a start, and every ten minutes: each kept file, or each of a thousand and what hangs on it.
    **dict.fromkeys(("old files", "files beyond", "files of nobody", "keys of the spool"), KEPT // ROWS_OF_A_BLOCK),
    **dict.fromkeys(("old jobs", "jobs remembered", "jobs let go", "files held"), BATCH * 2 * BLOCKS_OF_A_ROW),
    "files let go": BATCH * BLOCKS_OF_A_CHANGE,
}
"""Of those that look at many rows by their nature: at no more of them with more jobs."""


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
def explained(request: pytest.FixtureRequest, postgres: Postgres, postgres_database: str) -> Callable[[], Explained]:
    """Has the database's statements explained, planned for their values and for any; see `plan_cache_mode`."""
    tried = subprocess.run(
        [psql_program(), postgres_database.replace("+asyncpg", ""), "-Xqc", "LOAD 'auto_explain'"],
        check=False,
        capture_output=True,
    )
    if tried.returncode:
        require_service("auto_explain", "install PostgreSQL's additional modules (postgresql-contrib)")
    name = postgres_database.rpartition("/")[2]
    return lambda: Explained(postgres, name, plan_cache_mode=request.param)


@pytest.fixture
def gate(tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate]) -> Headgate:
    """A daemon whose ledger has a long past; it does not run yet."""
    made = headgate_at(tmp_path / "gate", postgres_database)
    made.settings["intake"]["folders"][0]["taken"] = "move"
    made.settings["retention"] = {"jobs_seconds": HALF_A_YEAR}
    # Looked for so often, and let go of after a few looks.
    made.settings["ledger"] |= {"rejects_seconds": 1}
    tokens = made.folder / "var" / "api.token"
    tokens.parent.mkdir()
    tokens.touch(mode=0o600)
    tokens.write_text("boss admin boss-token-0123456789\nshop-3 submit shop-token-0123456789\n")
    made.write_config()
    process = made.start_ready()
    spool = made.scalar("SELECT spool_id FROM headgate.daemon")
    assert made.stop(process) == 0
    seconds = HALF_A_YEAR * JOBS / (JOBS - FORGOTTEN)
    past = history(JOBS, spool=spool, seconds=seconds, kept=KEPT)
    made.execute(
        ";".join((*past, waiting(QUEUED_ELSEWHERE, spool="elsewhere", dataset="orders"), *LEFT_BEHIND, FILE_GIVEN_UP))
    )
    made.execute("VACUUM ANALYZE headgate.job, headgate.event, headgate.reject")
    return made


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("headgate_binary")
def test_no_statement_of_a_daemon_reads_more_of_the_ledger_than_its_share(
    gate: Headgate, explained: Callable[[], Explained], orders: Callable[..., Path]
) -> None:
    plans_of = explained()
    process = gate.start_ready()
    _a_day(gate, orders)
    assert gate.stop(process) == 0
    plans = plans_of.plans()
    named = [(_name(plan), plan) for plan in plans if "headgate." in plan.statement]
    unseen = {*STATEMENTS} - {name for name, _ in named}
    assert not unseen, f"never asked, or not known by its words any more: {sorted(unseen)}"
    whole = {plan.statement for _, plan in named for table in ("job", "event", "reject") if plan.scanned_whole(table)}
    assert not whole, "\n\n".join(whole)
    dear = [
        (name, plan)
        for name, plan in named
        if plan.blocks > BLOCKS_OF_MANY.get(name, BLOCKS_OF_ONE)
        or (name not in BLOCKS_OF_MANY and plan.rows > ROWS_FOR_ONE)
    ]
    assert not dear, "\n\n".join(
        f"{name}: {plan.blocks} blocks, {plan.rows} rows\n{_told(plan)}" for name, plan in dear
    )


def _a_day(gate: Headgate, orders: Callable[..., Path]) -> None:
    """Do what a daemon does all day: files by folder and HTTP, good, bad and again; lists; events; cancel, retry."""
    boss, shop = (Api(gate.api_url, f"{name}-token-0123456789") for name in ("boss", "shop"))
    contents = [orders(gate.folder / f"orders-{n}.xlsx", 20, start=n * 20).read_bytes() for n in range(10, 14)]
    jobs = [shop.submit(content, f"name=orders-{n}.xlsx").json["id"] for n, content in enumerate(contents)]
    assert [boss.wait(job)["state"] for job in jobs] == ["loaded"] * len(jobs)
    assert boss(f"/jobs/{GIVEN_UP}").json["state"] == "dismissed"
    again = shop.submit(contents[-1], "name=orders-again.xlsx").json["id"]
    assert boss.wait(again)["state"] == "loaded", "what waits elsewhere may come between the two"
    bad = orders(gate.folder / "orders-bad.xlsx", 30, start=1000, bad=(1, 2)).read_bytes()
    assert boss.wait(shop.submit(bad, "name=orders-bad.xlsx").json["id"])["state"] == "partial"
    for number in range(3):
        orders(gate.inbox / f"orders-{number}.xlsx", 20, start=number * 20)
    dead = boss("/jobs?state=dead&limit=1").json["jobs"][0]["id"]
    assert boss(f"/jobs/{dead}/dismiss", method="POST").status in {200, 202}
    for query in _lists():
        assert boss(f"/jobs?{query}").status == 200, query
        assert shop(f"/jobs?{query}").status == 200, query
    _follow(boss)
    gate.until(lambda: not [*gate.inbox.glob("*.xlsx")], "files are moved away")
    left_behind = f"/jobs/{JOBS + QUEUED_ELSEWHERE}"
    gate.until(lambda: "lease_lost" in [one["event"] for one in boss(left_behind).json["events"]], "the dead is reaped")
    gate.until(lambda: "jobs let go" in gate.log.read_text(), "old jobs are let go")


def _lists() -> Iterator[str]:
    """Yield each filter, from the newest on and from somewhere on."""
    filters = (
        *("", "state=loaded", "state=dead", "dataset=dataset-7", "dataset=dataset-7&state=dead"),
        *("dataset=dataset-7&state=loaded", "dataset=nowhere", "state=superseded"),
    )
    for one in filters:
        for cursor in ("", f"&cursor={JOBS // 2}"):
            yield f"{one}&limit=50{cursor}"


def _follow(boss: Api) -> None:
    """Read the last events once more, as somebody does whose connection was lost."""
    request = urllib.request.Request(f"{boss.url}/events")  # noqa: S310  # loopback only
    request.add_header("Authorization", f"Bearer {boss.token}")
    request.add_header("Last-Event-ID", str(JOBS * EVENTS_OF_A_JOB - MISSED_EVENTS))
    with urllib.request.urlopen(request, timeout=20) as stream:  # noqa: S310  # loopback only
        told = (line for line in stream if line.startswith(b"id: "))
        assert len([*islice(told, MISSED_EVENTS)]) == MISSED_EVENTS


def _name(plan: Plan) -> str:
    """Return what a statement is for; those of no name are held to what concerns one job."""
    words = " ".join(plan.statement.split())
    return next((name for name, known in STATEMENTS.items() if re.search(known, words)), words[:60])


def _told(plan: Plan) -> str:
    return f"{plan.statement}\n{json.dumps(plan.root, indent=1)}"
