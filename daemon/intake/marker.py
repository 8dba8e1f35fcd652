"""The marker of a file that its sender puts beside it when it is whole: owns for which state of the file it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..machine.file_identity import Stamp


class Marker(NamedTuple):
    """A marker as it was seen: another stamp or time of change, and its sender has said it anew."""

    stamp: Stamp
    changed_ns: int

    def counts_for(self, stamp: Stamp, changed_ns: int) -> bool:
        """Say whether it was put there, or touched, after the file of that stamp was last written to.

        Of the marker the later of its times counts: it may be a copy that has kept an old one. Of the file the
        earlier: a write sets both, `cp -p` and rsync set mtime to an old time when everything is there, and a sender
        whose clock is ahead sets it to one that is still to come. Equal is enough: times may be as coarse as seconds.
        """
        return max(self.stamp.mtime_ns, self.changed_ns) >= min(stamp.mtime_ns, changed_ns)
