"""A content that more than one hand in is loaded once, whatever becomes of the file that its job is of."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api
from gates import WAIT_AT_GATE, Gate

if TYPE_CHECKING:
    from .conftest import Headgate

STOCK = """
dataset: stock
match: {{glob: "*"}}
fields: [{{name: sku, type: string}}, {{name: qty, type: integer}}]
primaryKey: [sku]
load: {{table: stock, mode: {mode}}}
quarantine: {{max_rows: 10, max_percent: 50}}
"""
GOOD, OTHER = "sku,qty\nA,1\nB,2\n", "sku,qty\nY,2\n"
# One row is good: a transform is not asked where none is.
BAD = "sku,qty\nS,1\n" + "".join(f"S{row},many\n" for row in range(60))
WHEN = 1.7e9
"""The file's time, where it keeps it."""


def prepared(headgate: Headgate, *, mode: str = "insert", gated: bool = True, **folder: Any) -> Headgate:
    (headgate.folder / "datasets" / "orders.yml").unlink()
    spec = STOCK.format(mode=mode) + (WAIT_AT_GATE if gated else "")
    (headgate.folder / "datasets" / "stock.yml").write_text(spec, encoding="utf-8")
    headgate.settings["intake"]["folders"] = [{"path": "inbox", "settle_seconds": 0.3, **folder}]
    headgate.write_config()
    return headgate


def ends(headgate: Headgate) -> list[tuple[str, str, bool]]:
    """Return file and end of each job, and whether another is named as the first of its content."""
    found = sorted(headgate.jobs(), key=lambda job: job["id"])
    return [(job["file"], job["state"], job["first_job"] is not None) for job in found]


def renamed_in(headgate: Headgate, content: str, name: str = "a.csv") -> None:
    """Put a file into the folder by a rename, over one of its name, with the time that such a file always has."""
    part = headgate.folder / "part"
    part.write_text(content, encoding="utf-8")
    os.utime(part, (WHEN, WHEN))
    part.rename(headgate.inbox / name)


def touched(headgate: Headgate, _content: str) -> None:
    os.utime(headgate.inbox / "a.csv")


@pytest.mark.parametrize(
    ("again", "taken", "mode"),
    [(touched, "stay", "upsert"), (touched, "move", "insert"), (renamed_in, "stay", "insert")],
)
@pytest.mark.parametrize("content", [GOOD, BAD], ids=["good", "bad"])
def test_the_same_bytes_again_while_their_job_runs(
    sqlite_headgate: Headgate,
    gate: Gate,
    again: Callable[[Headgate, str], None],
    taken: str,
    mode: str,
    content: str,
) -> None:
    headgate = prepared(sqlite_headgate, mode=mode, taken=taken)
    process = headgate.start_ready()
    renamed_in(headgate, content)
    headgate.until(gate.is_reached, "the job runs", process=process)
    again(headgate, content)
    headgate.until(lambda: len(headgate.jobs()) == 2, "it is taken again", process=process)
    gate.open()
    headgate.until(lambda: headgate.all_finished(2), "both have ended", process=process)
    end = "loaded" if content == GOOD else "rejected"
    assert ends(headgate) == [("a.csv", end, False), ("a.csv", "duplicate", True)]
    if taken == "move":
        told = "done/a.csv" if content == GOOD else "rejected/a.rejects.xlsx"
        headgate.until((headgate.inbox / told).exists, "its sender is told", process=process)
        assert (headgate.inbox / "rejected").exists() == (content == BAD)
    if content == GOOD:
        assert headgate.rows("SELECT * FROM stock") == [("A", 1), ("B", 2)]
    assert headgate.stop(process) == 0


def test_a_job_that_waits_while_its_folder_is_copied_elsewhere(sqlite_headgate: Headgate, gate: Gate) -> None:
    """The daemon is down meanwhile; the files have their times, and other inodes."""
    headgate = prepared(sqlite_headgate)
    process = headgate.start_ready()
    renamed_in(headgate, GOOD)
    headgate.until(gate.is_reached, "the job runs", process=process)
    headgate.kill(process)
    renamed_in(headgate, GOOD)
    gate.open()
    process = headgate.start_ready()
    headgate.until(lambda: headgate.loaded_jobs() == 1, "it is loaded", process=process)
    headgate.until(lambda: headgate.all_finished(1), "nothing is left", process=process)
    assert headgate.stop(process) == 0
    process = headgate.start_ready()
    assert headgate.rows("SELECT * FROM stock") == [("A", 1), ("B", 2)]
    assert headgate.loaded_jobs() == 1
    assert headgate.stop(process) == 0


def test_what_was_sent_over_http_too_is_loaded_though_the_file_is_another(headgate: Headgate, gate: Gate) -> None:
    prepared(headgate, mode="upsert")
    process = headgate.start_ready()
    renamed_in(headgate, GOOD)
    headgate.until(gate.is_reached, "the job runs", process=process)
    api = Api(headgate.api_url, headgate.token)
    sent = api.submit(GOOD.encode(), "name=b.csv", Idempotency_Key="k1")
    assert (sent.status, sent.json["state"]) == (201, "duplicate")
    renamed_in(headgate, OTHER)
    headgate.until(lambda: len(headgate.jobs()) == 3, "the other is taken", process=process)
    gate.open()
    headgate.until(lambda: headgate.all_finished(3), "all have ended", process=process)
    assert ends(headgate) == [("a.csv", "loaded", False), ("b.csv", "duplicate", True), ("a.csv", "loaded", False)]
    assert headgate.scalar("SELECT count(*) FROM stock WHERE sku IN ('A', 'B', 'Y')") == "3"
    again = api.submit(GOOD.encode(), "name=b.csv", Idempotency_Key="k1")
    assert (again.status, again.json["id"], api(f"/jobs/{again.json['first_job']}").json["state"]) == (
        200,
        sent.json["id"],
        "loaded",
    )
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("taken", ["move", "stay"])
def test_what_a_person_has_retried_is_loaded_though_another_file_lies_there(
    sqlite_headgate: Headgate, taken: str
) -> None:
    headgate = prepared(sqlite_headgate, gated=False, taken=taken, settle_seconds=60)
    headgate.execute("CREATE TABLE stock (sku TEXT PRIMARY KEY)")
    process = headgate.start_ready()
    renamed_in(headgate, GOOD)
    headgate.until(lambda: headgate.all_finished(1), "it is given up", process=process)
    assert ends(headgate) == [("a.csv", "dead", False)]
    if taken == "move":
        headgate.until((headgate.inbox / "rejected" / "a.reason.txt").exists, "it is told", process=process)
    headgate.execute("DROP TABLE stock")
    (headgate.inbox / "a.csv").unlink(missing_ok=True)
    with (headgate.inbox / "a.csv").open("w", encoding="utf-8") as writing:
        writing.write(OTHER)
        writing.flush()
        job = headgate.jobs()[0]["id"]
        assert Api(headgate.api_url, headgate.token)(f"/jobs/{job}/retry", method="POST").status == 200
        headgate.until(lambda: headgate.all_finished(1), "it was tried again", process=process)
        assert ends(headgate) == [("a.csv", "loaded", False)]
    assert headgate.rows("SELECT * FROM stock") == [("A", 1), ("B", 2)]
    assert headgate.stop(process) == 0
