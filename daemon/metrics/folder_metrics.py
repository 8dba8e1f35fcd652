"""The metrics of watched folders: what each is called, and its numbers as the last looks found them."""

from __future__ import annotations

from typing import Final

from .definitions import Definitions, Measured, counter, define, gauge
from .values import MetricValues

FOLDER: Final = "the path of a watched folder"

DEFINITIONS: Final[Definitions] = define(
    gauge("folder_blind", "1 if not every writer can be seen in the folder; see docs/reliability.md.", folder=FOLDER),
    gauge("folder_readable", "1 if the folder could be read at the last look.", folder=FOLDER),
    gauge(
        "folder_mounted",
        "1 while the folder lies on the file system of the daemon's start; 0 when that is unmounted or covered.",
        folder=FOLDER,
    ),
    gauge("folder_last_look_timestamp_seconds", "When the folder was last looked at.", folder=FOLDER),
    gauge("folder_look_limit_seconds", "How long ago the last look may be.", folder=FOLDER),
    gauge(
        "folder_unreadable_files",
        "Files and folders in it that cannot be read, or not be moved when their jobs have ended.",
        folder=FOLDER,
    ),
    gauge("folder_unfinished_files", "Files in it that are waited for until they are whole.", folder=FOLDER),
    counter("folder_replaced_total", "Times that another folder stood in its place.", folder=FOLDER),
)


class FolderMetrics:
    """Numbers by folder; a folder has all of its series from the moment that it is watched."""

    def __init__(self) -> None:
        self._values = {name: MetricValues(definition) for name, definition in DEFINITIONS.items()}

    def measured(self) -> Measured:
        """Return what the last looks found; called by the exporter's thread."""
        return {name: values.snapshot() for name, values in self._values.items()}

    def watched(self, folder: str, *, blind: bool, look_limit_seconds: float) -> None:
        """Make the series of a folder."""
        for values in self._values.values():
            values.prepare(folder)
        self._values["folder_blind"].set(blind, folder)
        self._values["folder_look_limit_seconds"].set(look_limit_seconds, folder)

    def looked(self, folder: str, *, at: float, readable: bool, mounted: bool) -> None:
        """Note a look, in seconds since the epoch."""
        self._values["folder_last_look_timestamp_seconds"].set(at, folder)
        self._values["folder_readable"].set(readable, folder)
        self._values["folder_mounted"].set(mounted, folder)

    def found(self, folder: str, *, unreadable: int, unfinished: int) -> None:
        """Note what is left in a folder after a look."""
        self._values["folder_unreadable_files"].set(unreadable, folder)
        self._values["folder_unfinished_files"].set(unfinished, folder)

    def replaced(self, folder: str) -> None:
        """Count that another folder stands in its place."""
        self._values["folder_replaced_total"].add(1, folder)
