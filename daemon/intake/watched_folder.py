"""A watched folder and what is known of its files: the values that scanning, taking and filing share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.file_identity import spelt, unspelt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..machine.file_identity import Stamp
    from ..machine.mounts import FolderIdentity
    from .folder_state import FolderState
    from .wholeness import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedFolder:
    """A folder whose files are submitted; without a dataset each file's path decides by the datasets' `match`.

    With `move` a file goes to done/ or rejected/ when its job has ended. With a `done_marker` a file is taken when
    one of its name and the marker is there too.
    """

    path: Path
    dataset: str | None = None
    recursive: bool = True
    move: bool = False
    done_marker: str | None = None
    patience: Patience

    def is_marked(self, name: str, names: dict[str, Stamp]) -> bool:
        """Say whether a file may be taken by its name and those of the others."""
        if self.done_marker is None:
            return True
        return not self.is_marker(name) and name + self.done_marker in names

    def is_marker(self, name: str) -> bool:
        """Say whether a file only says of another that it is whole."""
        return self.done_marker is not None and name.endswith(self.done_marker)


@dataclass(slots=True, kw_only=True)
class KnownFile:
    """A file as the last scan saw it: its name for people, since when it is as it is, the job that it became."""

    label: str
    stamp: Stamp
    since: float
    job_id: int | None = None
    over: bool = False
    """Nothing is left to do with it."""
    told: bool = False
    """That it is waited for was said."""
    unfinished: bool = False
    """The last look found it not whole."""
    nearly_due: bool = False
    """It will be taken with one of the next looks unless it changes."""
    trouble: str | None = None
    """Why it could not be read at the last look."""


@dataclass(slots=True, kw_only=True)
class KnownFolder:
    """A folder and what is known of its files, by their path below it."""

    folder: WatchedFolder
    files: dict[str, KnownFile] = field(default_factory=dict)
    folders: Mapping[Path, FolderIdentity] = field(default_factory=dict)
    state: FolderState
    unread: Mapping[str, str] = field(default_factory=dict)
    unmoved: dict[str, str] = field(default_factory=dict)
    unmarked: int = 0
    """Files whose marker is not there."""

    @property
    def unsettled(self) -> bool:
        """Whether there is something to be looked at again soon."""
        return not self.state.readable or any(not file.over for file in self.files.values())

    def tell(self) -> None:
        """Let its state be known after a look."""
        troubled = {name: file.trouble for name, file in self.files.items() if file.trouble is not None}
        unfinished = sum(file.unfinished for file in self.files.values())
        self.state.found(
            unreadable={**self.unread, **troubled}, unmoved=self.unmoved, unfinished=self.unmarked + unfinished
        )

    def origin(self, name: str) -> str:
        """Return the ledger's name of a file; a path need not be a text, so what is not UTF-8 is spelt out."""
        return spelt(str(self.folder.path / name))

    def name_of(self, origin: str) -> str:
        """Return the path below the folder of a file by the ledger's name of it."""
        known = {self.origin(name): name for name in self.files}
        return known.get(origin) or str(Path(unspelt(origin)).relative_to(self.folder.path))
