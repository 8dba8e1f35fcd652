"""What a task can leave behind in its worker's process: seen before and after it, by name; knows nothing of tasks."""

from __future__ import annotations

import contextlib
import decimal
import locale
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

_RESET_BEFORE_EACH: Final = {resource.RLIMIT_CPU, resource.RLIMIT_AS}
"""Limits whose soft value every task gets anew."""
_LIMITS: Final = tuple(
    sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")} - _RESET_BEFORE_EACH)
)
_SIGNALS: Final = tuple(map(int, signal.valid_signals()))
_DESCRIPTORS: Final = Path("/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd")


def process_state() -> dict[str, Any]:
    """Return all that the next task would find changed, by what it is called."""
    mask = os.umask(0)
    os.umask(mask)
    return {
        "descriptors": _descriptors(),
        "limits": (
            [resource.getrlimit(kind) for kind in _LIMITS],
            [resource.getrlimit(kind)[1] for kind in sorted(_RESET_BEFORE_EACH)],
        ),
        "environment": dict(os.environ),
        "folder": _folder(),
        "file mode mask": mask,
        "signals": list(map(signal.getsignal, _SIGNALS)),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "locale": locale.setlocale(locale.LC_ALL),
        "decimal context": _decimals(),
        "module path": list(sys.path),
        "processes": _has_children(),
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Name what is not as it was; nothing where nobody looked."""
    return ", ".join(name for name, value in before.items() if after and after[name] != value)


def _decimals() -> tuple[Any, ...]:
    context = decimal.getcontext()
    traps = sorted(kind.__name__ for kind, on in context.traps.items() if on)
    return context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp, traps


def _descriptors() -> set[tuple[str, int, int]]:
    """Return the open descriptors with the files behind them; the one that lists them is gone by then."""
    found = set()
    for entry in _DESCRIPTORS.iterdir():
        with contextlib.suppress(OSError):
            facts = os.fstat(int(entry.name))
            found.add((entry.name, facts.st_dev, facts.st_ino))
    return found


def _folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # it was removed
        return ""


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
