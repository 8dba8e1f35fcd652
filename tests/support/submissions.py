"""A submission as the tests of the ledger hand it in: what differs is told, the content by a word."""

from __future__ import annotations

from typing import Any

from daemon.ledger.jobs import Submission


def submission(content: str = "a", **changes: Any) -> Submission:
    values: dict[str, Any] = {
        "dataset": "orders",
        "spec_version": 1,
        "sha256": content,
        "size_bytes": 10,
        "file": f"{content}.xlsx",
        "source": "test",
        "spool_key": f"key-{content}",
    }
    return Submission(**values | changes)
