"""A command in a terminal of its own: owns the pseudo-terminal, its size and what a person would read on it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

ESCAPES: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07]*\x07|[@-Z\\-_])")
ROWS, COLUMNS = 40, 160


class Terminal:
    """Runs one command whose standard streams are a terminal."""

    def __init__(self, command: Sequence[str | Path], *, cwd: Path, environ: Mapping[str, str]) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        # They would win over the size of the terminal.
        sized = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=cwd,
            env={**sized, "TERM": "xterm-256color"},
            start_new_session=True,
        )
        os.close(theirs)
        self._ours = ours
        self.written = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._ours)

    @property
    def text(self) -> str:
        """Everything written so far, without colours and movements."""
        return ESCAPES.sub("", self.written.decode(errors="replace")).replace("\r", "")

    def read_until(self, words: str, *, seconds: float = 60) -> None:
        """Read until something is written."""
        deadline = time.monotonic() + seconds
        while words not in self.text:
            assert self._read(deadline), f"«{words}» was not written, but:\n{self.text[-3000:]}"

    def read_all(self, *, seconds: float = 60) -> int:
        """Read until the command ends and return its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(deadline):
            pass
        return self.process.wait(max(0.1, deadline - time.monotonic()))

    def _read(self, deadline: float) -> bool:
        """Read what is there; False at the end or when the time is over."""
        ready, _, _ = select.select([self._ours], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            block = os.read(self._ours, 1 << 16)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.written += block
        return bool(block)
