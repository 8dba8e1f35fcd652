"""`make bench-scale QUICK=1` runs from end to end; how fast anything was is not looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("headgate_binary", "bench_packages", "postgres")]


def test_a_quick_run_loads_each_file_once_and_says_what_each_step_costs(tmp_path: Path) -> None:
    """That each file was loaded once the run itself looks at, in the ledger's events."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "bench" / "scaling.py", "--quick", "--out", tmp_path, "--cache", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support"), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    figures = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert {*figures} == {"throughput", "arrivals", "model"}
    assert f"this machine has {len(os.sched_getaffinity(0))} cores" in done.stdout
    small = figures["throughput"]["core"]["small"]
    assert {*small["daemons"]} == {"1", "2"}
    for run in small["daemons"].values():
        assert {*run["cpu_milliseconds"]} == {"daemons", "workers", "postgresql", "client"}
        assert run["files_per_second"] > 0
        assert run["limit"]
    predictions = figures["model"]["predictions"]["core"]["small"]
    assert all(run["predicted"] > 0 for run in predictions.values())
    arrivals = figures["arrivals"]
    for phase in arrivals["phases"].values():
        assert phase["finished"] == round(arrivals["a_minute"] / 60 * arrivals["seconds"])
        assert {"enter", "claim", "finish", "beat", "list: a rare state"} <= {*phase["steps"]}
        assert phase["cpu_milliseconds"]["postgresql"] > 0
    assert arrivals["vacuum"]["dead_after"] <= arrivals["vacuum"]["dead_before"]
