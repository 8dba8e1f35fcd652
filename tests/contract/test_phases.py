"""Alerts on ages hold at every scrape interval and phase: silent while all is well, in time when it is not.

A rule that takes an age at its evaluation, by time(), sees the age of the sample beside that of the thing: with a limit
below some minutes that alone fires it, or not, by the phase of the scrape.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from dashboards import RULE_FILES, rules, targets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCRAPES = (5, 15, 30, 60)
STEP_SECONDS = 5
PHASES = (0, 5, 10)
"""Of the scrape against the evaluation, in seconds."""
EVALUATION_SECONDS = 15
END_SECONDS = 1800
JOB = 'job="headgate", instance="a"'
DATASET = f'{JOB}, dataset="orders"'
FOLDER = f'{JOB}, folder="/in"'
SOURCE = f'{JOB}, source="shop"'
MAILBOX = f'{JOB}, mailbox="loads"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An alert, what the daemon exports at a moment while all is well and from `breaks_at` on, and what is allowed."""

    alert: str
    well: dict[str, Callable[[int], float]]
    broken: dict[str, Callable[[int], float]]
    breaks_at: int
    limit_seconds: int
    for_seconds: int


def loop_beats(at: int) -> float:
    return at - 0.1


CASES = (
    Case(
        alert="HeadgateLoopWedged",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            f"headgate_loop_heartbeat_timestamp_seconds{{{JOB}}}": loop_beats,
            f"headgate_loop_stall_limit_seconds{{{JOB}}}": lambda _: 10,
        },
        broken={f"headgate_loop_heartbeat_timestamp_seconds{{{JOB}}}": lambda _: 900},
        breaks_at=900,
        limit_seconds=10,
        for_seconds=120,
    ),
    Case(
        alert="HeadgateDatasetStale",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # A load every 110 seconds, which may be 120 seconds apart.
            f"headgate_dataset_last_success_timestamp_seconds{{{DATASET}}}": lambda at: at // 110 * 110 + 1,
            f"headgate_dataset_freshness_target_seconds{{{DATASET}}}": lambda _: 120,
        },
        broken={f"headgate_dataset_last_success_timestamp_seconds{{{DATASET}}}": lambda _: 881},
        breaks_at=881,
        limit_seconds=120,
        for_seconds=0,
    ),
    Case(
        alert="HeadgateDatasetNeverLoaded",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # The first load comes in time; a daemon that is restarted every 55 seconds expects it anew each time.
            f"headgate_dataset_expected_timestamp_seconds{{{DATASET}}}": lambda at: at // 55 * 55 + 1,
            f"headgate_dataset_last_success_timestamp_seconds{{{DATASET}}}": lambda at: 0 if at < 890 else 890,
            f"headgate_dataset_freshness_target_seconds{{{DATASET}}}": lambda _: 900,
        },
        broken={f"headgate_dataset_last_success_timestamp_seconds{{{DATASET}}}": lambda _: 0},
        breaks_at=1,
        limit_seconds=900,
        for_seconds=300,
    ),
    Case(
        alert="HeadgateBacklogOld",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # Each job waits for 890 seconds.
            f"headgate_backlog_oldest_timestamp_seconds{{{JOB}}}": lambda at: at // 890 * 890 + 1,
        },
        broken={f"headgate_backlog_oldest_timestamp_seconds{{{JOB}}}": lambda _: 1},
        breaks_at=1,
        limit_seconds=900,
        for_seconds=300,
    ),
    Case(
        alert="HeadgateMailboxUnread",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # Looks come every 290 seconds.
            f"headgate_mailbox_last_look_timestamp_seconds{{{MAILBOX}}}": lambda at: at // 290 * 290,
        },
        broken={f"headgate_mailbox_last_look_timestamp_seconds{{{MAILBOX}}}": lambda _: 290},
        breaks_at=290,
        limit_seconds=900,
        for_seconds=120,
    ),
    Case(
        alert="HeadgateFolderSilent",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # Looks come every 590 seconds.
            f"headgate_folder_last_look_timestamp_seconds{{{FOLDER}}}": lambda at: at // 590 * 590,
            f"headgate_folder_look_limit_seconds{{{FOLDER}}}": lambda _: 600,
        },
        broken={f"headgate_folder_last_look_timestamp_seconds{{{FOLDER}}}": lambda _: 590},
        breaks_at=590,
        limit_seconds=600,
        for_seconds=120,
    ),
    Case(
        alert="HeadgateSourceSilent",
        well={
            f"headgate_clock_timestamp_seconds{{{JOB}}}": float,
            # Looks come every 590 seconds.
            f"headgate_source_last_look_timestamp_seconds{{{SOURCE}}}": lambda at: at // 590 * 590,
            f"headgate_source_look_limit_seconds{{{SOURCE}}}": lambda _: 600,
        },
        broken={f"headgate_source_last_look_timestamp_seconds{{{SOURCE}}}": lambda _: 590},
        breaks_at=590,
        limit_seconds=600,
        for_seconds=120,
    ),
)


def values(value: Callable[[int], float], scrape: int, phase: int) -> str:
    """A sample at each scrape, and nothing between."""
    found = ["_"] * (END_SECONDS // STEP_SECONDS + 1)
    for at in range(phase, END_SECONDS + 1, scrape):
        found[at // STEP_SECONDS] = f"{value(at):g}"
    return " ".join(found)


def asked(case: Case, scrape: int, phase: int, *, breaks: bool) -> dict[str, Any]:
    """One test of promtool's."""

    def whole(name: str) -> Callable[[int], float]:
        well, broken = case.well[name], case.broken.get(name, case.well[name])
        return lambda at: broken(at) if breaks and at >= case.breaks_at else well(at)

    latest = case.breaks_at + case.limit_seconds + scrape + case.for_seconds + 2 * EVALUATION_SECONDS
    fires = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) > bool 0'
    ever = f'count_over_time(ALERTS{{alertname="{case.alert}"}}[{END_SECONDS}s])'
    return {
        "name": f"{case.alert}, scraped every {scrape} s in phase {phase}, {'breaks' if breaks else 'well'}",
        "interval": f"{STEP_SECONDS}s",
        "input_series": [{"series": name, "values": values(whole(name), scrape, phase)} for name in case.well],
        "promql_expr_test": [
            {"expr": fires, "eval_time": f"{latest}s", "exp_samples": [{"labels": "{}", "value": 1}]}
            if breaks
            else {"expr": ever, "eval_time": f"{END_SECONDS}s", "exp_samples": []}
        ],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_an_age_is_judged_alike_at_every_phase(case: Case, promtool: Path, tmp_path: Path) -> None:
    document = {
        "rule_files": [
            str(path) for path in RULE_FILES if f"alert: {case.alert}\n" in path.read_text(encoding="utf-8")
        ],
        "evaluation_interval": f"{EVALUATION_SECONDS}s",
        "tests": [
            asked(case, scrape, phase, breaks=breaks)
            for scrape in SCRAPES
            for phase in PHASES
            for breaks in (False, True)
        ],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]


def test_every_age_in_a_rule_has_a_case() -> None:
    aged = {
        rule.get("alert")
        for rule in rules()
        if re.search(r"timestamp\(|:age_seconds|clock_timestamp_seconds", rule["expr"])
    }
    # Of the loop's lag the age of the process is no limit that fires: it holds the alert back. To the two weeks before
    # a certificate ends the age of a sample is nothing.
    assert aged - {None, "HeadgateLoopLagHigh", "HeadgateCertificateEnds"} == {case.alert for case in CASES}


def test_no_age_contains_that_of_its_sample() -> None:
    """`time() - x`, anywhere; and timestamp() of an expression is the evaluation's time as well."""
    for text in [rule["expr"] for rule in rules()] + [target.raw for target in targets()]:
        assert not re.search(r"\btime\(\)", text), text
        assert all(re.fullmatch(r"\w+(\{.*?\})?", inner) for inner in re.findall(r"timestamp\((.*?)\)", text)), text
