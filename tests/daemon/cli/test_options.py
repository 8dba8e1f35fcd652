"""What the options and arguments that commands share take."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from daemon.cli.main import commands
from daemon.cli.options import streams_argument


@pytest.mark.parametrize("command", [("read",), ("infer",), ("ingest", "--dataset", "orders")])
def test_a_pipe_is_refused_where_a_file_is_read_more_than_once(tmp_path: Path, command: tuple[str, ...]) -> None:
    pipe = tmp_path / "orders.csv"
    os.mkfifo(pipe)
    done = CliRunner().invoke(commands, [*command, str(pipe)])
    assert done.exit_code == 2
    assert "is a pipe, a device or a socket: copy what it gives into a file" in done.output


def taken_as(file: str) -> str:
    @click.command()
    @streams_argument
    def shown(files: tuple[Path, ...]) -> None:
        click.echo(files[0])

    return CliRunner().invoke(shown, [file], catch_exceptions=False).output.strip()


def test_a_pipe_of_the_shell_is_there_though_its_end_has_no_name(tmp_path: Path) -> None:
    there, other = os.pipe()
    try:
        of_shell = f"/dev/fd/{there}"
        assert taken_as(of_shell) == of_shell
        done = CliRunner().invoke(commands, ["read", of_shell])
        assert "is a pipe, a device or a socket" in done.output
    finally:
        os.close(there)
        os.close(other)
    named = tmp_path / "orders.csv"
    named.touch()
    link = tmp_path / "latest.csv"
    link.symlink_to(named)
    assert taken_as(str(link)) == str(named.resolve())
