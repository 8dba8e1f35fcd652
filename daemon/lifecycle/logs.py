"""Log lines: owns their form (text for people, JSON for machines) and way out; events are named where they happen."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import sys
import threading
from datetime import UTC, datetime
from typing import Final, Literal

LINES_MAX: Final = 10_000
CLOSE_SECONDS: Final = 1.0
TALKATIVE: Final = ("alembic", "aiohttp.access", "asyncssh", "azure", "httpx", "smbprotocol")
"""Libraries that tell of every step at the level at which we tell of every job."""
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


class PipeHandler(logging.Handler):
    """Writes lines in a thread of its own, for whoever reads them may hang: then lines are dropped, and counted."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.dropped = 0
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(LINES_MAX)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or drop it when too many wait."""
        try:
            self._lines.put_nowait(self.format(record).encode("utf-8", "backslashreplace") + b"\n")
        except queue.Full:
            self.dropped += 1
        except Exception:  # noqa: BLE001  # as every handler of the standard library does
            self.handleError(record)

    def close(self) -> None:
        """Write what waits; a reader that hangs is not waited for."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(CLOSE_SECONDS)
        super().close()

    def _write(self) -> None:
        # Not through `sys.stderr`: its lock, held by a thread that hangs, would keep the interpreter from ending.
        while (line := self._lines.get()) is not None:
            with contextlib.suppress(OSError):
                while line:
                    line = line[os.write(self._descriptor, line) :]


def dropped_lines() -> int:
    """Return how many lines nobody has taken; safe to call from any thread."""
    return sum(handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, PipeHandler))


def configure_logging(level: str, form: Literal["text", "json"]) -> None:
    """Send everything from `level` up to standard error in the given form."""
    root = logging.getLogger()
    found = [handler for handler in root.handlers if isinstance(handler, PipeHandler)]
    handler = found[0] if found else PipeHandler(sys.stderr.fileno())
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library in TALKATIVE:
        logging.getLogger(library).setLevel(logging.WARNING)
