"""Which colour means what, on every panel: of a palette that people who see few colours tell apart, in both themes."""

from __future__ import annotations

from typing import Final

GREEN, ORANGE, RED, TEXT = "green", "orange", "red", "text"

NEUTRAL: Final = "#5A6B7B"
_GREEN, _AMBER, _RED, _DARK_RED, _GREY = "#009E73", "#E69F00", "#D55E00", "#C4162A", "#8E8E8E"
_BLUE, _SKY, _PURPLE, _SAND = "#3274D9", "#56B4E9", "#CC79A7", "#B8A47E"

FIXED: Final = {
    "outcome": {
        "loaded": _GREEN,
        "partial": _AMBER,
        "rejected": _RED,
        "dead": _DARK_RED,
        "duplicate": _GREY,
        "cancelled": _PURPLE,
        "ok": _GREEN,
        "error": _AMBER,
        "timeout": _RED,
        "crashed": _DARK_RED,
    },
    "result": {
        "inserted": _GREEN,
        "updated": _SKY,
        "unchanged": _BLUE,
        "duplicate": _GREY,
        "rejected": _RED,
        "blank": _SAND,
        "footer": _PURPLE,
        "skipped": _AMBER,
    },
    "state": {
        "busy": _BLUE,
        "used": _BLUE,
        "active": _BLUE,
        "idle": _GREY,
        "idle_in_transaction": _AMBER,
        "other": _SAND,
    },
    "pool": {"cpu": _BLUE, "io": _PURPLE, "main": _SKY, "cluster": _GREEN},
    "reason": {
        "recycle": _GREY,
        "idle": _SAND,
        "crash": _DARK_RED,
        "memory": _RED,
        "timeout": _AMBER,
        "transient": _SKY,
        "worker_crash": _DARK_RED,
        "pool_busy": _AMBER,
        "cluster_away": _PURPLE,
    },
    "resource": {"cpu": _BLUE, "memory": _PURPLE, "io": _AMBER, "disk": _SAND},
    "group": {"daemon": _GREEN, "cpu_workers": _BLUE},
    "stage": {
        "receive": _SAND,
        "sniff": _GREY,
        "read": _SKY,
        "validate": _BLUE,
        "spool": _PURPLE,
        "load": _GREEN,
        "commit": _AMBER,
    },
    "event": {"high": _AMBER, "max": _RED, "oom": _PURPLE, "oom_kill": _DARK_RED},
    "class": {"connection": _RED, "stopped": _DARK_RED, "conflict": _AMBER, "locked": _PURPLE, "pool_timeout": _SKY},
}
"""Colours by label and value; a series that is called by such a label alone has its colour everywhere."""
