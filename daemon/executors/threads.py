"""How threads are begun: owns that one which is not to be had is an error of the system, like any other want."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def begin_thread(name: str, work: Callable[..., object], *args: object) -> threading.Thread:
    """Start a daemon thread, which keeps no process from ending.

    Raises:
        OSError: there are as many threads and processes as there may be; this passes when others end.

    """
    thread = threading.Thread(target=work, args=args, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # without a number, by which what passes is known
        raise OSError(errno.EAGAIN, "no thread can be started") from error
    return thread
