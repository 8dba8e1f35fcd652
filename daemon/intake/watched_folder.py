"""A watched folder and what is known of its files: the values that scanning, taking and filing share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.file_identity import readings, spelt

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from ..executors.folder_calls import FolderCalls
    from ..machine.file_identity import Stamp
    from ..machine.mounts import FolderIdentity
    from .done_markers import DoneMarkers
    from .folder_state import FolderState
    from .wholeness import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """A folder whose files are submitted; without a dataset each file's path decides by the datasets' `match`.

    With `move` a file goes to done/ or rejected/ when its job has ended. With a `done_marker` a file is taken when
    one of its name and the marker is there too, not older than it; see `done_markers`.
    """

    path: Path
    dataset: str | None = None
    recursive: bool = True
    move: bool = False
    done_marker: str | None = None
    patience: Patience


@dataclass(slots=True, kw_only=True)
class KnownFile:
    """A file as the last scan saw it: its name for people, since when it is as it is, the job that it became."""

    label: str
    stamp: Stamp
    since: float
    job_id: int | None = None
    over: bool = False
    """Nothing is left to do with it."""
    archive: bool = False
    """It looked like an archive, and waits for others to be opened."""
    opening: bool = False
    """It is an archive that is being opened."""
    opened: bool = False
    """It is an archive whose files have become jobs: only to be moved is left, if that."""
    refused: str | None = None
    """Why it becomes no job: only to be moved is left, if that."""
    told: bool = False
    """That it is waited for was said."""
    unfinished: bool = False
    """The last look found it not whole."""
    nearly_due: bool = False
    """It will be taken with one of the next looks unless it changes."""
    trouble: str | None = None
    """Why it could not be read at the last look."""


@dataclass(slots=True, kw_only=True)
class Owing:
    """How far the telling of ends has come: jobs above `after` are next, those that were `told` are to be noted."""

    after: int = 0
    told: list[int] = field(default_factory=list)
    unmoved: dict[str, str] = field(default_factory=dict)
    """Files that this round could not put away, and why."""
    left: bool = False
    """Something is still to be told: now, or when its job has ended."""


@dataclass(slots=True, kw_only=True)
class KnownFolder:
    """A folder and what is known of its files, by their path below it."""

    folder: WatchedFolder
    files: dict[str, KnownFile] = field(default_factory=dict)
    folders: Mapping[Path, FolderIdentity] = field(default_factory=dict)
    state: FolderState
    unread: Mapping[str, str] = field(default_factory=dict)
    unmoved: dict[str, str] = field(default_factory=dict)
    owing: Owing = field(default_factory=Owing)
    calls: FolderCalls
    markers: DoneMarkers
    checked: bool = False
    """It was there, and where it is behind links is known: `folder` says so."""
    shared: bool = False
    """Others may write there without that anybody here is told of it."""
    look: asyncio.Task[None] | None = None
    """A look at it that goes on while others are looked at."""
    openings: set[asyncio.Task[None]] = field(default_factory=set)
    """Archives that are opened while the folder is looked at again."""

    @property
    def unsettled(self) -> bool:
        """Whether there is something to be looked at again soon."""
        return (
            not self.state.readable
            or self.look is not None
            or self.owing.left
            or any(not file.over for file in self.files.values())
        )

    def moved_away(self, name: str, job_id: int | None) -> None:
        """Forget a file that was put away: one that lies there again, were it the same, is to be taken again."""
        file = self.files.get(name)
        if file is not None and file.job_id == job_id:
            del self.files[name]
            self.markers.moved_away(name, file.stamp)

    def tell(self) -> None:
        """Let its state be known after a look."""
        troubled = {name: file.trouble for name, file in self.files.items() if file.trouble is not None}
        unfinished = sum(file.unfinished for file in self.files.values())
        self.state.found(
            unreadable={**self.unread, **troubled},
            unmoved=self.unmoved,
            outdated=self.markers.outdated(self.folder.patience.unfinished),
            unfinished=self.markers.unmarked + unfinished,
        )

    def origin(self, name: str) -> str:
        """Return the ledger's name of a file; a path need not be a text, so what is not UTF-8 is spelt out."""
        return spelt(str(self.folder.path / name))

    def name_of(self, origin: str) -> str | None:
        """Return the path below the folder of a file by the ledger's name of it; None if it is of another folder."""
        folder = f"{spelt(str(self.folder.path))}/"
        if not origin.startswith(folder):  # SQLite gives those of folders, too, whose names differ in case only
            return None
        text = origin.removeprefix(folder)
        names = readings(text)
        if names == (text,):
            return text
        # Two names may be spelt alike; in a folder there is hardly more than one of them.
        found = (name for name in (*names, *self.files) if name in self.files and self.origin(name) == origin)
        return next(found, names[0])
