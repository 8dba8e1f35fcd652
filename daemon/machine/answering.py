"""Whether a path answers at all: a network mount whose server is away holds whoever asks, for as long as it likes."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS: Final = 5.0


def answers(path: Path, seconds: float = ANSWER_SECONDS) -> bool:
    """Say whether the system says anything of a path in that time, be it that it is not there.

    The one who asks is a daemon thread, which keeps nobody from ending.
    """
    asked = threading.Event()

    def ask() -> None:
        with contextlib.suppress(OSError):
            path.stat()
        asked.set()

    threading.Thread(target=ask, name="headgate-asks", daemon=True).start()
    return asked.wait(seconds)
