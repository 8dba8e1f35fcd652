"""What a reload of the configuration came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """What a reload came to. With `problems` nothing has changed; `needs_restart` are settings still to be taken.

    `warnings` tell what somebody should look at although all of it was taken over.
    """

    changed: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
