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
    measuring = coverage.Coverage.current()
    if measuring is not None:
        saver = _Saver(measuring)
        os.register_at_fork(after_in_child=saver.start_in_child)


class _Saver:
    """Writes down what was run, again and again; one save at a time, for each gives the file another name."""

    def __init__(self, measuring: coverage.Coverage) -> None:
        self._save, self._lock = measuring.save, threading.Lock()
        measuring.save = self.save  # type: ignore[method-assign]  # it is what the end of the process calls, too

    def save(self) -> None:
        with self._lock:
            self._save()

    def start_in_child(self) -> None:
        self._lock = threading.Lock()  # the parent's may have been taken
        threading.Thread(target=self._save_always, daemon=True).start()

    def _save_always(self) -> None:
        while True:
            time.sleep(SAVE_SECONDS)
            with contextlib.suppress(coverage.CoverageException):  # the process ends meanwhile, and writes by itself
                self.save()
