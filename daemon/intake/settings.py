"""What the configuration says of watched folders, as the intake has it; knows not how folders are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from .archives import ArchiveSettings
from .folder_files import Ignored
from .watched_folder import WatchedFolder
from .wholeness import Patience

if TYPE_CHECKING:
    from ..config import intake_settings as config


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeSettings:
    """Which folders are watched, what in them is left alone, how often they are looked at, how large a file may be."""

    folders: tuple[WatchedFolder, ...]
    ignored: Ignored
    scan_seconds: float
    rescan_seconds: float
    max_file_bytes: int
    archives: ArchiveSettings

    @classmethod
    def of(cls, intake: config.IntakeSettings) -> Self:
        """Take them from the configuration."""
        return cls(
            folders=tuple(_watched(folder, intake.scan_seconds) for folder in intake.folders),
            ignored=Ignored(intake.ignore),
            scan_seconds=intake.scan_seconds,
            rescan_seconds=intake.rescan_seconds,
            max_file_bytes=intake.max_file_mb << 20,
            archives=ArchiveSettings.of(intake),
        )


def _watched(folder: config.WatchedFolder, scan_seconds: float) -> WatchedFolder:
    return WatchedFolder(
        path=folder.path.absolute(),
        dataset=folder.dataset,
        recursive=folder.recursive,
        move=folder.taken == "move",
        done_marker=folder.done_marker,
        patience=Patience(scan=scan_seconds, settle=folder.settle_seconds, unfinished=folder.unfinished_seconds),
    )
