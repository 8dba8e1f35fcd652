"""Commands whose streams are closed, full, without a reader or of another encoding: what they come to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "from daemon.cli.main import main; main()"
DATASET = """\
dataset: orders
fields: [{name: 订单号, type: string}, {name: quantity, type: integer}]
load: {table: orders}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "orders.yml").write_text(DATASET, encoding="utf-8")
    (tmp_path / "orders.csv").write_text("订单号,quantity\nA1,单x\n", encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str, streams: str, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with streams as a shell has made them."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    return subprocess.run(
        ["sh", "-c", f'"$@" {streams}', "sh", sys.executable, "-c", MAIN, *words],
        cwd=folder,
        env={**clean, "XDG_STATE_HOME": str(folder), **environ},
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["check", "check --json", "--help", "completion bash", "read orders.csv"])
def test_output_that_cannot_be_written_is_one_line(folder: Path, command: str, unbuffered: str) -> None:
    done = run(folder, *command.split(), streams="> /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.stderr.decode() == "headgate: standard output cannot be written: No space left on device\n"
    assert done.returncode == 3


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_told_nothing(folder: Path, unbuffered: str) -> None:
    done = run(folder, "check", streams="| true", PYTHONUNBUFFERED=unbuffered)
    assert (done.stdout, done.stderr) == (b"", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["check", "read orders.csv"])
def test_streams_may_be_closed(folder: Path, command: str, closed: str) -> None:
    assert run(folder, *command.split(), streams=closed).returncode == 0


def test_no_file_gets_the_number_of_a_closed_stream(folder: Path) -> None:
    words = ("ingest", "orders.csv", "--dataset", "orders.yml", "--database", "sqlite:///orders.db")
    assert run(folder, *words, streams="<&- >&- 2>&-").returncode == 1
    assert (folder / "orders.db").read_bytes().startswith(b"SQLite format 3")


def test_letters_that_a_terminal_lacks_are_written_as_escapes(folder: Path) -> None:
    words = ("ingest", "orders.csv", "--dataset", "orders.yml", "--database", "sqlite:///orders.db", "--again")
    done = run(folder, *words, streams="", PYTHONIOENCODING="latin-1", LC_ALL="zh_CN.UTF-8")
    assert (done.returncode, done.stderr) == (1, b"")
    assert rb"\u884c" in done.stdout
    done = run(folder, *words, "--json", streams="", PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "单x" in json.dumps(json.loads(done.stdout), ensure_ascii=False)
