"""One definition of a job: whatever lists its fields is held to `Job`, whatever lists row counts to `RowCounts`."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from daemon.api.schemas import COMPONENTS
from daemon.cli.console import LOADED, job_line
from daemon.ledger.enqueue import ENTERED
from daemon.ledger.jobs import INTERNAL, STATES, TERMINAL, Job, RowCounts, Submission
from daemon.ledger.queries import JobEvent
from daemon.ledger.tables import build_tables
from daemon.metrics.job_metrics import RESULTS

PAGE = Path(__file__).resolve().parents[2] / "daemon" / "api" / "page" / "static"
QUEUE = {"run_at", "lease_daemon", "finish_order"}
"""Columns by which daemons take jobs from each other and know which load was the last; nobody reads them of a job."""

SHOWN = [one.name for one in fields(Job) if one.metadata != INTERNAL]
STORED = {one.name for one in fields(Job)} - {"rows", "errors"}
COUNTS = [one.name for one in fields(RowCounts)]
COUNT_COLUMNS = {f"rows_{name}" for name in COUNTS}


def a_job() -> Job:
    given: dict[str, Any] = {
        "id": 7,
        "dataset": "orders",
        "spec_version": 1,
        "file": "a.xlsx",
        "sha256": "0",
        "size_bytes": 1,
    }
    return Job(**given, source="api", state="queued", spool_id=None, spool_key=None)


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_the_table_has_the_fields_and_the_counts(dialect: str) -> None:
    columns = {column.name for column in build_tables(dialect).job.c}
    assert columns == STORED | COUNT_COLUMNS | QUEUE


def test_what_is_entered_are_columns_and_all_that_a_submission_brings() -> None:
    columns = {column.name for column in build_tables("sqlite").job.c}
    assert set(ENTERED) <= columns
    assert {one.name for one in fields(Submission)} <= {*ENTERED, "origin", "in_turn"}


def test_the_api_describes_what_is_shown() -> None:
    assert list(a_job().as_dict()) == SHOWN
    assert list(COMPONENTS["Job"]["properties"]) == SHOWN
    assert list(COMPONENTS["JobDetail"]["properties"]) == [*SHOWN, "events", "preview"]
    assert list(COMPONENTS["Job"]["properties"]["rows"]["properties"]) == COUNTS


def test_events_tell_of_a_job_what_it_has() -> None:
    of_job = {one.name for one in fields(JobEvent)} - {"id", "job_id", "at", "event", "attempt", "detail"}
    assert of_job <= set(SHOWN)
    assert set(COMPONENTS["JobEvent"]["properties"]) == {one.name for one in fields(JobEvent)} - {"id"}


def test_the_page_knows_every_state() -> None:
    words, stages = ((PAGE / name).read_text(encoding="utf-8") for name in ("words.js", "stages.js"))
    (listed,) = re.findall(r"STATES = \[(.+)\];", words)
    assert tuple(re.findall(r'"(\w+)"', listed)) == STATES
    (kinds,) = re.findall(r"KINDS = \{(.+?)\};", words, re.DOTALL)
    assert set(re.findall(r"(\w+):", kinds)) == set(STATES)
    assert set(re.findall(r'case "(\w+)": return', words)) == set(STATES)
    (ends,) = re.findall(r"LAST = \{(.+?)\};", stages, re.DOTALL)
    assert set(re.findall(r"(\w+): \[", ends)) == set(TERMINAL)


def test_the_page_reads_only_what_is_shown() -> None:
    read = {name for path in PAGE.glob("*.js") for name in re.findall(r"\bjob\.([a-z_0-9]+)", path.read_text())}
    assert read
    assert read <= {*SHOWN, "events", "preview"}
    counted = {name for path in PAGE.glob("*.js") for name in re.findall(r"\bjob\.rows\.([a-z_]+)", path.read_text())}
    assert counted
    assert counted <= set(COUNTS)


def test_commands_and_metrics_know_the_counts() -> None:
    assert job_line(a_job().as_dict()).startswith("7\tqueued\torders\ta.xlsx\t0\t0\t0")
    assert set(LOADED) <= set(COUNTS)
    assert list(RESULTS) == COUNTS
