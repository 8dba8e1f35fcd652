"""Paths that answer, and one that does not: whoever asks is held for no longer than they wish."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.config import check as checks
from daemon.machine.answering import silent

if TYPE_CHECKING:
    import pytest


class Away(type(Path())):  # type: ignore[misc]
    """A path on a mount whose server is away until `back`."""

    back = threading.Event()

    def stat(self, **_: Any) -> Any:
        self.back.wait(20)
        raise FileNotFoundError


def test_what_is_there_or_not_answers(tmp_path: Path) -> None:
    assert silent([tmp_path, tmp_path / "gone", Path("/dev/null/below")], 5) == set()


def test_what_hangs_does_not_and_all_are_asked_at_once(tmp_path: Path) -> None:
    away = {Away(tmp_path / str(number)) for number in range(20)}
    began = time.monotonic()
    assert silent([tmp_path, *away], 0.2) == away
    assert time.monotonic() - began < len(away) * 0.2
    Away.back.set()


def test_a_folder_that_does_not_answer_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headgate.yml").write_text(f"intake: {{folders: ['{tmp_path}/mount/in']}}\ndatasets: []\n")
    found = checks.check(tmp_path / "headgate.yml", {})
    assert any("there is no folder" in str(problem) for problem in found.problems)
    monkeypatch.setattr(checks, "silent", set)
    found = checks.check(tmp_path / "headgate.yml", {})
    assert not any("there is no folder" in str(problem) for problem in found.problems)
    assert any("does not answer now" in line for line in found.lines)
