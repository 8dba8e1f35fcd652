"""Lines that come again and again: one of each kind in a while, and how many were passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.lifecycle import seldom
from daemon.lifecycle.seldom import Seldom

if TYPE_CHECKING:
    import pytest


def test_one_of_each_kind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Seldom()
    assert [lines.passed_over("full") for _ in range(3)] == [0, None, None]
    assert lines.passed_over("gone") == 0
    monkeypatch.setattr(seldom, "QUIET_SECONDS", 0.0)
    assert lines.passed_over("full") == 2
    assert lines.passed_over("full") == 0


def test_kinds_are_not_kept_for_ever() -> None:
    lines = Seldom()
    for number in range(10 * seldom.KINDS_MAX):
        assert lines.passed_over(number) == 0
    assert len(lines._told_at) <= seldom.KINDS_MAX
