"""The metrics of sources: what each is called, and its numbers as the last looks found them."""

from __future__ import annotations

from typing import Final

from ..errors import (
    StorageError,
    StorageExtraMissingError,
    StorageNotFoundError,
    StorageRefusedError,
    StorageSettingsError,
    StorageUnreachableError,
)
from .definitions import Definitions, Measured, counter, define, gauge
from .values import MetricValues

SOURCE: Final = "the name of a source"
KINDS: Final = tuple(
    error.kind
    for error in (
        StorageError,
        StorageExtraMissingError,
        StorageNotFoundError,
        StorageRefusedError,
        StorageSettingsError,
        StorageUnreachableError,
    )
)

DEFINITIONS: Final[Definitions] = define(
    gauge("source_readable", "1 if the last look at the source came to its end, by whichever daemon.", source=SOURCE),
    gauge(
        "source_last_look_timestamp_seconds",
        "When a look at the source last went on, or another daemon was found to look at it.",
        source=SOURCE,
    ),
    gauge("source_look_limit_seconds", "How long ago that may be.", source=SOURCE),
    gauge(
        "source_last_success_timestamp_seconds",
        "When this daemon has last looked at all of the source; 0 if never.",
        source=SOURCE,
    ),
    gauge(
        "source_listed_files",
        "Files that the last whole look found; 0 where another daemon looks at the source.",
        source=SOURCE,
    ),
    gauge(
        "source_waiting_files",
        "Files that the last whole look could not take, or not remove or move; 0 where another daemon looks at the "
        "source.",
        source=SOURCE,
    ),
    counter("source_taken_total", "Files that became jobs.", source=SOURCE),
    counter("source_taken_bytes_total", "Bytes of these.", source=SOURCE),
    counter("source_look_seconds_total", "Time spent on looking at the source and taking its files.", source=SOURCE),
    counter("source_errors_total", "Looks and files that the storage failed, by kind.", source=SOURCE, kind=KINDS),
)


class SourceMetrics:
    """Numbers by source; one has all of its series from the moment that it is configured, until it is no more."""

    def __init__(self) -> None:
        self._values = {name: MetricValues(definition) for name, definition in DEFINITIONS.items()}

    def measured(self) -> Measured:
        """Return what the last looks found; called by the exporter's thread."""
        return {name: values.snapshot() for name, values in self._values.items()}

    def configured(self, source: str, *, look_limit_seconds: float, at: float) -> None:
        """Make the series of a source; it is fine until a look says otherwise."""
        for name, values in self._values.items():
            if name == "source_errors_total":
                for kind in KINDS:
                    values.prepare(source, kind)
            else:
                values.prepare(source)
        self._values["source_look_limit_seconds"].set(look_limit_seconds, source)
        self.goes_on(source, at=at)
        self.readable(source, readable=True)

    def removed(self, source: str) -> None:
        """Take the series of a source away."""
        for values in self._values.values():
            values.drop(source)

    def goes_on(self, source: str, *, at: float) -> None:
        """Note that the source is attended to, in seconds since the epoch."""
        self._values["source_last_look_timestamp_seconds"].set(at, source)

    def elsewhere(self, source: str, *, at: float) -> None:
        """Note that another daemon attends to the source: its files are that one's to count."""
        self.goes_on(source, at=at)
        self._found(source, listed=0, waiting=0)

    def readable(self, source: str, *, readable: bool) -> None:
        """Note how the last look ended."""
        self._values["source_readable"].set(readable, source)

    def looked(self, source: str, *, at: float, listed: int, waiting: int) -> None:
        """Note what a whole look found."""
        self.goes_on(source, at=at)
        self.readable(source, readable=True)
        self._values["source_last_success_timestamp_seconds"].set(at, source)
        self._found(source, listed=listed, waiting=waiting)

    def spent(self, source: str, seconds: float) -> None:
        """Count the time of a look."""
        self._values["source_look_seconds_total"].add(seconds, source)

    def failed(self, source: str, kind: str) -> None:
        """Count a look or a file that the storage failed."""
        self._values["source_errors_total"].add(1, source, kind)

    def taken(self, source: str, size_bytes: int) -> None:
        """Count a file that became a job."""
        self._values["source_taken_total"].add(1, source)
        self._values["source_taken_bytes_total"].add(size_bytes, source)

    def _found(self, source: str, *, listed: int, waiting: int) -> None:
        self._values["source_listed_files"].set(listed, source)
        self._values["source_waiting_files"].set(waiting, source)
