"""Log lines: owns their form (text for people, JSON for machines); the events are named where they happen."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, Literal

STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""What every record has; anything else was given as `extra` and is a field of the event."""


class TextFormatter(logging.Formatter):
    """One line for a person: time, level, event, then `key=value` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record; a traceback follows on its own lines."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone().isoformat(timespec="milliseconds")
        fields = " ".join(f"{key}={value}" for key, value in _fields(record).items() if value is not None)
        line = f"{at} {record.levelname.lower():7} {record.getMessage()}"
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{line} {fields}".rstrip() + trace


class JsonFormatter(logging.Formatter):
    """One JSON object a line for a log collector."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record with its fields beside `at`, `level`, `logger` and `event`."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in STANDARD}


def configure_logging(level: str, form: Literal["text", "json"]) -> None:
    """Send everything from `level` up to standard error in the given form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Alembic tells of each start that it looked; only a real upgrade is news.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
