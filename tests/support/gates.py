"""A gate at which jobs wait in their workers, by a transform of the dataset, until a test opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_AT_GATE: Final = 'transform: "gate_transform:wait"\n'
"""The line of a dataset whose jobs wait."""
_TRANSFORM: Final = """
import os, pathlib, signal, time
FOLDER = pathlib.Path({folder!r})

def wait(frame):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (FOLDER / f"{{os.getpid()}}.pid").touch()
    while not (FOLDER / "open").exists():
        time.sleep(0.02)
    return frame
"""


@dataclass(frozen=True)
class Gate:
    """Where jobs wait in their worker until it is opened."""

    folder: Path

    def waiting(self) -> set[int]:
        """Return the workers that have come to the gate and live."""
        return {int(path.stem) for path in self.folder.glob("*.pid") if psutil.pid_exists(int(path.stem))}

    def is_reached(self) -> bool:
        """Say whether any worker has ever come to the gate."""
        return any(self.folder.glob("*.pid"))

    def open(self) -> None:
        """Let all go on."""
        (self.folder / "open").touch()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Make a gate for daemons that are started in the test."""
    folder = tmp_path / "gate"
    folder.mkdir()
    (folder / "gate_transform.py").write_text(_TRANSFORM.format(folder=str(folder)))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    made = Gate(folder)
    yield made
    made.open()
