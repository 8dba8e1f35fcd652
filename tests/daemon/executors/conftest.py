"""Executors to test, and a look at what they leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
from executor_fixtures import eventually, executors, make_executors, task_folder, tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["eventually", "executors", "make_executors", "task_folder", "tasks"]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves processes behind."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    for child in left:
        child.kill()
    assert not left
