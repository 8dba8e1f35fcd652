"""Executors for what has workers do its work."""

from __future__ import annotations

from executor_fixtures import eventually, executors, make_executors, task_folder, tasks

__all__ = ["eventually", "executors", "make_executors", "task_folder", "tasks"]
