"""Done markers: owns which files of a watched folder their senders have said to be whole; looks at nothing itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from .marker import Marker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..machine.file_identity import Stamp
    from .folder_files import Listing


class _Told(NamedTuple):
    """A file and the marker that it had."""

    stamp: Stamp
    marker: Marker


class DoneMarkers:
    """Which files may be taken, by their markers and by those that were there when they were last taken."""

    def __init__(self, ending: str | None) -> None:
        self._ending = ending
        self._seen: dict[str, Marker] = {}
        self._taken: dict[str, _Told] = {}
        self._outdated: dict[str, tuple[Stamp, float]] = {}
        self.unmarked = 0
        """Files whose marker is not there, or does not count."""

    def marked(self, listing: Listing, taken: Mapping[str, Stamp]) -> list[str]:
        """Return the files that may be taken; `taken` are those of the last look that were."""
        if self._ending is None:
            return list(listing.files)
        self._taken |= {name: _Told(stamp, self._seen[name]) for name, stamp in taken.items() if name in self._seen}
        found, seen, outdated = [], {}, {}
        self.unmarked = 0
        for name, stamp in listing.files.items():
            if name.endswith(self._ending):
                continue
            marker = self._marker(listing, name)
            if marker is not None and self._counts(name, stamp, listing.changed_ns[name], marker):
                seen[name] = marker
                found.append(name)
                continue
            self.unmarked += 1
            if marker is not None:
                known = self._outdated.get(name)
                outdated[name] = known if known is not None and known[0] == stamp else (stamp, time.monotonic())
        self._seen, self._outdated = seen, outdated
        self._taken = {name: told for name, told in self._taken.items() if name + self._ending in listing.files}
        return found

    def moved_away(self, name: str, stamp: Stamp) -> None:
        """Note that a file that was taken lies there no more: another of its name needs a marker of its own."""
        if name in self._seen:
            self._taken[name] = _Told(stamp, self._seen[name])

    def outdated(self, seconds: float) -> dict[str, str]:
        """Return the files that have been unchanged for so long beside a marker that does not count, and why."""
        now = time.monotonic()
        reason = f"its {self._ending} is older than the file; touch it when the file is whole"
        return {name: reason for name, (_, since) in self._outdated.items() if now - since >= seconds}

    def _marker(self, listing: Listing, name: str) -> Marker | None:
        marker = f"{name}{self._ending}"
        stamp = listing.files.get(marker)
        return None if stamp is None else Marker(stamp, listing.changed_ns[marker])

    def _counts(self, name: str, stamp: Stamp, changed_ns: int, marker: Marker) -> bool:
        taken = self._taken.get(name)
        if taken is not None and taken.marker == marker and _is_other(stamp, taken.stamp):
            return False  # said of what was there before: a file may come with an old time
        return marker.counts_for(stamp, changed_ns)


def _is_other(stamp: Stamp, before: Stamp) -> bool:
    """Say whether it is another file: its time may be set behind its marker, its inode need not last."""
    return stamp[:2] != before[:2] and not stamp.moved_from(before)
