"""Attempts at real jobs: what is there at the moment their end is committed."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, event, inspect
from sqlalchemy.engine import Engine

from daemon.config.load import load_settings
from daemon.errors import DatabaseUnavailableError
from daemon.ledger.jobs import Origin, Submission
from daemon.ledger.leases import Ledger
from daemon.ledger.reasons import CORRECTS_NO_JOB, known_again
from daemon.ledger.superseding import supersede
from daemon.oneshot import Request, ingest_files
from daemon.pipeline.attempt import Attempts
from ingest.languages import in_language
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemon.ledger.claims import Claim
    from daemon.ledger.jobs import Job, Outcome, State

DATASET = """
dataset: goods
fields: [{name: sku, type: string}, {name: qty, type: integer}]
primaryKey: [sku]
load: {table: goods}
quarantine: {max_rows: MOST, max_percent: 100}
"""


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[list[tuple[str, bool]]]:
    """The state of the one job as each transaction is about to be committed, and whether its records are kept."""
    seen: list[tuple[str, bool]] = []

    def look(connection: Connection) -> None:
        if inspect(connection).has_table("headgate_job"):
            state = connection.exec_driver_sql("SELECT state FROM headgate_job").scalar()
            seen.append((str(state), any(tmp_path.glob("state/spool/*/jobs/*/rejects.jsonl"))))

    event.listen(Engine, "commit", look)
    yield seen
    event.remove(Engine, "commit", look)


@pytest.mark.slow
@pytest.mark.parametrize(("most", "state"), [(1, "partial"), (0, "rejected")])
async def test_rejected_rows_are_kept_before_the_job_has_ended(
    tmp_path: Path, ends: list[tuple[str, bool]], most: int, state: str
) -> None:
    """A folder that is told at that moment, and a daemon that follows one killed then, find them."""
    book = tmp_path / "goods.csv"
    book.write_text("sku,qty\na,1\nb,many\nc,3\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state")}
    settings = load_settings(None, environ)
    request = Request(dataset=parse_dataset(DATASET.replace("MOST", str(most)), "goods.yml"), files=[book])
    told: list[dict[str, Any]] = []
    await ingest_files(settings, request, environ=environ, done=told.append)
    assert [one["state"] for one in told] == [state]
    assert {kept for seen, kept in ends if seen == state} == {True}


@pytest.mark.slow
@pytest.mark.parametrize(("key", "said"), [("primaryKey: [sku]\n", False), ("", True)])
async def test_rejected_rows_that_come_back_without_their_job_are_told_of(
    tmp_path: Path,
    key: str,
    said: bool,  # noqa: FBT001
) -> None:
    """Nothing says which rows they are: without a key those that come back once more are there twice."""
    book = tmp_path / "goods.rejects.csv"
    book.write_text("sku,qty,Headgate row\na,1,3\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state")}
    spec = DATASET.replace("MOST", "0").replace("primaryKey: [sku]\n", key)
    request = Request(dataset=parse_dataset(spec, "goods.yml"), files=[book])
    told: list[dict[str, Any]] = []
    await ingest_files(load_settings(None, environ), request, environ=environ, done=told.append)
    assert [(one["state"], one["reason"]) for one in told] == [("loaded", CORRECTS_NO_JOB if said else None)]
    assert in_language(known_again(CORRECTS_NO_JOB), "de") != CORRECTS_NO_JOB


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize(("row", "end"), [("a,1", "loaded"), ("a,many", "rejected")])
async def test_a_job_whose_file_was_changed_is_loaded_for_who_came_at_the_last_moment(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wanted: bool,  # noqa: FBT001
    row: str,
    end: str,
) -> None:
    """Its load was rolled back already: it is loaded anew. A rejected one tells why, which counts for both."""
    entered: list[State | None] = []

    async def somebody_comes(ledger: Ledger, job: Job, outcome: Outcome) -> bool:
        same = {name: getattr(job, name) for name in ("dataset", "spec_version", "sha256", "size_bytes")}
        other = Submission(**same, file="b.csv", source="test", spool_key="b", origin=Origin(path="/b.csv", stamp="1"))
        entered.append((await ledger.submit(other)).state if wanted else None)
        return await supersede(ledger, job, outcome)

    async def changed(*_: object) -> bool:
        return True

    monkeypatch.setattr(Attempts, "_is_changed", changed)
    monkeypatch.setattr("daemon.pipeline.attempt.supersede", somebody_comes)
    book = tmp_path / "goods.csv"
    book.write_text(f"sku,qty\n{row}\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state")}
    request = Request(dataset=parse_dataset(DATASET.replace("MOST", "0"), "goods.yml"), files=[book])
    told: list[dict[str, Any]] = []
    await ingest_files(load_settings(None, environ), request, environ=environ, done=told.append)
    assert [one["state"] for one in told] == [end if wanted else "superseded"]
    assert entered == ["duplicate" if wanted else None]


@pytest.mark.slow
async def test_a_job_whose_superseding_got_no_reply_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def unanswered(ledger: Ledger, job: Job, outcome: Outcome) -> bool:
        asked.append(job.id)
        ended = await supersede(ledger, job, outcome)
        if len(asked) == 1:
            raise DatabaseUnavailableError("the reply is lost")
        return ended

    async def changed(*_: object) -> bool:
        return True

    monkeypatch.setattr(Attempts, "_is_changed", changed)
    monkeypatch.setattr("daemon.pipeline.attempt.supersede", unanswered)
    book = tmp_path / "goods.csv"
    book.write_text("sku,qty\na,1\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state")}
    request = Request(dataset=parse_dataset(DATASET.replace("MOST", "0"), "goods.yml"), files=[book])
    told: list[dict[str, Any]] = []
    await ingest_files(load_settings(None, environ), request, environ=environ, done=told.append)
    assert asked == [1, 1]
    assert [one["state"] for one in told] == ["superseded"]
    assert not list((tmp_path / "state").glob("spool/*/jobs/*"))


@pytest.mark.slow
async def test_a_job_whose_file_is_lost_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has emptied the spool, or restored a ledger of before the file was let go."""
    claim = Ledger.claim

    async def after_the_loss(ledger: Ledger, **how: Any) -> list[Claim]:
        claims = await claim(ledger, **how)
        for folder in (tmp_path / "state").glob("spool/*/jobs/*") if claims else ():
            shutil.rmtree(folder)
        return claims

    monkeypatch.setattr(Ledger, "claim", after_the_loss)
    book = tmp_path / "goods.csv"
    book.write_text("sku,qty\na,1\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state"), "HEADGATE_LEDGER_MAX_ATTEMPTS": "1"}
    request = Request(dataset=parse_dataset(DATASET.replace("MOST", "0"), "goods.yml"), files=[book])
    told: list[dict[str, Any]] = []
    await ingest_files(load_settings(None, environ), request, environ=environ, done=told.append)
    assert [one["state"] for one in told] == ["dead"]
    (spool,) = (tmp_path / "state").glob("spool/*")
    lost = f"load.retry_exhausted: the file of this job is not in the spool {spool} any more"
    assert told[0]["reason"].startswith(lost)


@pytest.mark.slow
async def test_a_job_is_of_the_version_that_it_was_loaded_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload came while it waited: under the new version the same file is loaded already."""
    submit = Ledger.submit

    async def before_the_reload(ledger: Ledger, submission: Submission, **how: Any) -> Job:
        return await submit(ledger, replace(submission, spec_version=1), **how)

    book = tmp_path / "goods.csv"
    book.write_text("sku,qty\na,1\n", encoding="utf-8")
    environ = {**os.environ, "HEADGATE_STATE_DIR": str(tmp_path / "state")}
    dataset = parse_dataset(f"version: 2{DATASET.replace('MOST', '0')}", "goods.yml")
    told: list[dict[str, Any]] = []
    for entered in (before_the_reload, submit):
        monkeypatch.setattr(Ledger, "submit", entered)
        request = Request(dataset=dataset, files=[book])
        await ingest_files(load_settings(None, environ), request, environ=environ, done=told.append)
    assert [one["state"] for one in told] == ["loaded", "duplicate"]
