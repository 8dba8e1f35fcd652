"""One call of an application's function: what is its own failure is told, what is the pool's is not caught."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from daemon.api.task_call import ASYNC, call_task, missing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of an application that can be imported as `applications`, still to be written."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "applications", raising=False)
    return tmp_path / "applications.py"


@pytest.mark.parametrize("source", ["raise MemoryError", "def work(): raise MemoryError"])
def test_want_of_memory_is_for_the_pool_wherever_it_shows(module: Path, source: str) -> None:
    module.write_text(source)
    with pytest.raises(MemoryError):
        call_task("applications:work", [], {})


@pytest.mark.parametrize(
    ("source", "args", "fault", "error_type"),
    [
        ("raise RuntimeError('no')", [], "task", "RuntimeError"),
        ("other = 1", [], "task", "AttributeError"),
        ("def work(): raise TypeError('mine')", [], "task", "TypeError"),
        ("def work(): return object()", [], "task", "TypeError"),
        ("def work(): ...", [1], "arguments", "TypeError"),
        ("def work(): raise SystemExit(3)", [], "task", "SystemExit"),
        ("async def work(): ...", [], "task", "TypeError"),
        ("def work(): raise KeyboardInterrupt", [], "task", "KeyboardInterrupt"),
        ("def work(): return '\\ud800'", [], "task", "UnicodeEncodeError"),
    ],
)
def test_whose_fault_it_is(module: Path, source: str, args: list[int], fault: str, error_type: str) -> None:
    module.write_text(source)
    answer = call_task("applications:work", args, {})
    assert (answer.fault, answer.error_type) == (fault, error_type)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def work(): raise ValueError('\\ud800x')", "\\ud800x"),
        ("def work(): raise ValueError('x' * 5000)", "x" * 2000 + " …"),
        (
            "class Odd(Exception):\n    def __str__(self): raise KeyError\ndef work(): raise Odd",
            "its message cannot be told: KeyError",
        ),
    ],
)
def test_any_message_can_be_told(module: Path, source: str, message: str) -> None:
    module.write_text(source)
    assert call_task("applications:work", [], {}).error_message == message


def test_an_async_function_is_told_as_one(module: Path) -> None:
    module.write_text("async def work(): ...")
    assert missing("applications:work") == ASYNC == call_task("applications:work", [], {}).error_message


def test_a_function_without_a_signature_checks_its_arguments_itself() -> None:
    assert call_task("builtins:max", [1, 2], {}).text == "2"
