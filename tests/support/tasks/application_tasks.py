"""Functions of an application, as Headgate calls them by name."""

from __future__ import annotations

import os
import sys
import time
from typing import Any


class OrderError(Exception):
    """The application's own error, which only workers can import."""


class Report:
    @staticmethod
    def describe(title: str) -> dict[str, Any]:
        return {"title": title, "rows": [1, None, True, 0.5]}


def add(first: int, second: int = 0) -> int:
    return first + second


def fail(text: str) -> None:
    raise OrderError(text)


def crash() -> None:
    os.abort()


def leave() -> None:
    sys.exit(3)


def allocate(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def odd() -> Any:
    return object()


def sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
