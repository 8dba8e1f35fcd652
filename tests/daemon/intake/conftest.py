"""What a test of intake waits for."""

from __future__ import annotations

from executor_fixtures import eventually

__all__ = ["eventually"]
