"""Measures the process that imports it, and what it forks; imported by each interpreter while `make coverage` runs.

The settings are out of the environment again before anybody looks at it. A worker ends by being killed, which leaves no
moment to write down what it ran: one that was forked does so all the time.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Final

import coverage

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".cache" / "coverage"
DATA: Final = FOLDER / "data"
SAVE_SECONDS: Final = 0.2


def start() -> None:
    """Begin in this process."""
    settings = {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"), "COVERAGE_FILE": str(DATA)}
    os.environ.update(settings)
    coverage.process_startup()
    for name in settings:
        del os.environ[name]
    os.register_at_fork(after_in_child=lambda: threading.Thread(target=_save_always, daemon=True).start())


def _save_always() -> None:
    while True:
        time.sleep(SAVE_SECONDS)
        with contextlib.suppress(coverage.CoverageException):  # the process ends meanwhile, and writes by itself
            if (measuring := coverage.Coverage.current()) is not None:
                measuring.save()
