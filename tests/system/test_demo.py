"""The demo: the first run ends as documented, the second takes nothing twice and changes no table."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(700)
DEMO_SECONDS = 320
"""The demo gives up by itself after 240 s, and has said why then; stopping its daemon takes 45 s at most."""


@pytest.fixture
def environ(free_port: Callable[[], int]) -> dict[str, str]:
    """Ports of our own, so that a demo that somebody runs beside the tests is left alone."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return {**clean, "HEADGATE_API__PORT": str(free_port()), "HEADGATE_EXPORTER__PORT": str(free_port())}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples as they are committed."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    return folder


def run(examples: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, examples / "demo.py", "--once"],
        capture_output=True,
        text=True,
        timeout=DEMO_SECONDS,
        check=False,
        env=environ,
    )


def content(examples: Path) -> list[str]:
    connection = sqlite3.connect(f"file:{examples / 'var' / 'headgate.db'}?mode=ro", uri=True)
    try:
        tables = ("orders", "settlements", "stock", "prices")
        return [repr(row) for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]
    finally:
        connection.close()


def test_twice(examples: Path, environ: dict[str, str]) -> None:
    first = run(examples, environ)
    assert first.returncode == 0, first.stdout + first.stderr
    assert f"http://127.0.0.1:{environ['HEADGATE_EXPORTER__PORT']}/metrics" in first.stdout
    assert f"http://127.0.0.1:{environ['HEADGATE_API__PORT']}/api/v1/jobs" in first.stdout
    rows = content(examples)
    assert len(rows) == 435 + 48 + 150 + 60
    second = run(examples, environ)
    assert second.returncode == 0, second.stdout + second.stderr
    workbooks = [path for path in (examples / "inbox").rglob("*") if path.is_file()]
    assert len(workbooks) >= 4
    assert second.stdout.count("duplicate: ") == len(workbooks)
    assert content(examples) == rows


def test_another_outcome_than_documented_is_a_failure(examples: Path, environ: dict[str, str]) -> None:
    expected = examples / "expected.yml"
    text = expected.read_text(encoding="utf-8")
    assert "inserted: 320" in text
    expected.write_text(text.replace("inserted: 320", "inserted: 321"), encoding="utf-8")
    done = run(examples, environ)
    assert done.returncode == 1
    assert "not as documented" in done.stdout


def test_it_stays_up_until_ctrl_c(examples: Path, environ: dict[str, str]) -> None:
    with subprocess.Popen(
        [sys.executable, examples / "demo.py"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert lines, "the demo said nothing"
        time.sleep(1)
        assert demo.poll() is None, "".join(lines)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
