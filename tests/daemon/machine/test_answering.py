"""Paths that answer, and one that does not: whoever asks is held for no longer than they wish."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.config import check as checks
from daemon.machine.answering import answers

if TYPE_CHECKING:
    import pytest


class Away(type(Path())):  # type: ignore[misc]
    """A path on a mount whose server is away until `back`."""

    back = threading.Event()

    def stat(self, **_: Any) -> Any:
        self.back.wait(20)
        raise FileNotFoundError


def test_what_is_there_or_not_answers(tmp_path: Path) -> None:
    assert answers(tmp_path, 5)
    assert answers(tmp_path / "gone", 5)
    assert answers(Path("/dev/null/below"), 5)


def test_what_hangs_does_not(tmp_path: Path) -> None:
    assert not answers(Away(tmp_path), 0.05)
    Away.back.set()


def test_a_folder_that_does_not_answer_is_no_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "headgate.yml").write_text(f"intake: {{folders: ['{tmp_path}/mount/in']}}\ndatasets: []\n")
    found = checks.check(tmp_path / "headgate.yml", {})
    assert any("there is no folder" in str(problem) for problem in found.problems)
    monkeypatch.setattr(checks, "answers", lambda _: False)
    found = checks.check(tmp_path / "headgate.yml", {})
    assert not any("there is no folder" in str(problem) for problem in found.problems)
    assert any("does not answer now" in line for line in found.lines)
