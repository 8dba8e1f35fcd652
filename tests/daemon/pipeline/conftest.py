"""Executors for what has workers do its work."""

from __future__ import annotations

from executor_fixtures import executors, make_executors, task_folder, tasks

__all__ = ["executors", "make_executors", "task_folder", "tasks"]
