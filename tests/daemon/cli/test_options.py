"""What the options and arguments that commands share take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from daemon.cli.main import commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("command", [("read",), ("infer",), ("ingest", "--dataset", "orders")])
def test_a_pipe_is_refused_where_a_file_is_read_more_than_once(tmp_path: Path, command: tuple[str, ...]) -> None:
    pipe = tmp_path / "orders.csv"
    os.mkfifo(pipe)
    done = CliRunner().invoke(commands, [*command, str(pipe)])
    assert done.exit_code == 2
    assert "is a pipe, a device or a socket: copy what it gives into a file" in done.output
