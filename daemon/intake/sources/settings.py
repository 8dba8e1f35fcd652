"""What the configuration says of one source, as the intake has it; knows not how it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from ingest.spec.matching import glob_takes

from ...config.storage_access import Access
from ...config.storage_url import Location
from ...storage.filesystem import Storage
from ..archives import ArchiveSettings
from ..folder_files import Ignored

if TYPE_CHECKING:
    from ...config import intake_settings as config

SETTLE_SECONDS: Final = 10.0
"""How long a file must stay as it is where it does not appear whole."""
CALLS: Final = 4
"""Questions to the storage that one step of reading may take, the login among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source, its storage and where its files are moved to; `said` is what the configuration says of it."""

    said: config.ObjectSource
    access: Access
    storage: Storage
    archive: Storage | None
    ignored: Ignored
    archives: ArchiveSettings

    @classmethod
    def of(cls, source: config.ObjectSource, intake: config.IntakeSettings) -> Self:
        """Take it from the configuration; nothing is connected to yet. Blocking: the credentials file is read.

        Raises:
            StorageSettingsError: the URL, an option or the credentials file cannot be used.

        """
        here = Location.of(source.url)
        access = Access.read(here.kind, source.options, source.credentials_file)
        storage = Storage(here, access, timeout_seconds=source.timeout_seconds)
        archive = None
        if source.moves_to is not None:
            there = Location.of(source.moves_to)
            here.see_movable(there)
            archive = Storage(there, access, timeout_seconds=source.timeout_seconds)
        return cls(
            said=source,
            access=access,
            storage=storage,
            archive=archive,
            ignored=Ignored(intake.ignore),
            archives=ArchiveSettings.of(intake),
        )

    @property
    def max_file_bytes(self) -> int:
        """How large a file may be."""
        return self.archives.max_file_bytes

    def is_like(self, other: Source) -> bool:
        """Say whether nothing has changed from one to the other, the credentials neither."""
        mine = self.said, self.access, self.ignored, self.archives
        return mine == (other.said, other.access, other.ignored, other.archives)

    @property
    def name(self) -> str:
        """What log and metrics call it."""
        return self.said.name

    @property
    def origin(self) -> str:
        """What the ledger calls it."""
        return self.storage.location.url

    @property
    def settle_seconds(self) -> float:
        """How long a file must stay as it is."""
        if self.said.settle_seconds is not None:
            return self.said.settle_seconds
        return 0.0 if self.storage.location.whole_at_once else SETTLE_SECONDS

    @property
    def call_seconds(self) -> float:
        """How long one step may hold a thread: what takes longer than the storage's own limits hangs."""
        return CALLS * self.said.timeout_seconds

    @property
    def skip(self) -> str | None:
        """The folder below that taken files are moved to, and not taken from."""
        if self.archive is None:
            return None
        here, there = self.storage.location.root.rstrip("/"), self.archive.location.root
        return there.removeprefix(f"{here}/") if there.startswith(f"{here}/") else None

    def wants(self, path: str) -> bool:
        """Say whether a file is to be taken, by its path below the URL."""
        if any(part in self.ignored for part in path.split("/")):
            return False
        return any(glob_takes(pattern, path) for pattern in self.said.glob)
