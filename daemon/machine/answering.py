"""Which paths do not answer: a network mount whose server is away holds whoever asks, for as long as it likes."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ANSWER_SECONDS: Final = 5.0


def silent(paths: Iterable[Path], seconds: float = ANSWER_SECONDS) -> set[Path]:
    """Return those of which the system says nothing in that time, not even that they are not there.

    All are asked at once, by daemon threads, which keep nobody from ending.
    """
    asked: dict[Path, threading.Event] = {}

    def ask(path: Path) -> None:
        with contextlib.suppress(OSError):
            path.stat()
        asked[path].set()

    for path in paths:
        asked[path] = threading.Event()
        threading.Thread(target=ask, args=(path,), name="headgate-asks", daemon=True).start()
    until = time.monotonic() + seconds
    return {path for path, answered in asked.items() if not answered.wait(max(0.0, until - time.monotonic()))}
