"""What `headgate check --connect` asks beside the database, and does not change: sources, shared spool, cluster."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..cluster import library_wanted
from ..errors import ClusterAwayError, StartupError, StorageError, StorageNotFoundError
from ..intake.sources.settings import Source
from ..storage.filesystem import Storage
from ..storage.store import PAGE
from .invocation import run as run_to_end

if TYPE_CHECKING:
    from ..config.intake_settings import IntakeSettings
    from ..config.settings import ExecutorSettings, Settings, SpoolSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a look at one place has found: a line for people, and the problem that there is, if any."""

    place: str
    found: str = ""
    problem: str = ""


def probe_places(settings: Settings) -> Iterator[Probe]:
    """Yield what each place says that the settings name. Blocking."""
    yield from _sources(settings.intake)
    if settings.spool.url is not None:
        yield _spool(settings.spool, settings.spool.url)
    if settings.executors.scheduler is not None:
        yield _cluster(settings.executors)


def _sources(intake: IntakeSettings) -> Iterator[Probe]:
    """Yield what the first page of each source's listing has."""
    for said in intake.sources:
        place = f"source {said.name}"
        try:
            source = Source.of(said, intake)
            files = next(source.storage.pages(recursive=said.recursive, skip=source.skip), [])
        except StorageError as error:
            yield Probe(place=place, problem=str(error))
            continue
        more = "the first " if len(files) == PAGE else ""
        wanted = sum(source.wants(file.path) for file in files)
        yield Probe(place=place, found=f"can be listed; of {more}{len(files)} files {wanted} are to be taken")


def _spool(spool: SpoolSettings, url: str) -> Probe:
    """Say whether the storage answers; whether it can be written is seen at the start, which writes there."""
    try:
        storage = Storage.at(url, spool.options, spool.credentials_file, timeout_seconds=spool.timeout_seconds)
        next(storage.pages(recursive=False), [])
    except StorageNotFoundError as error:
        if storage.location.whole_at_once:  # a bucket; a folder is made
            return Probe(place="spool", problem=str(error))
        return Probe(place="spool", found="there is no such folder yet; the first start makes it")
    except StorageError as error:
        return Probe(place="spool", problem=str(error))
    return Probe(place="spool", found="can be listed")


def _cluster(executors: ExecutorSettings) -> Probe:
    try:
        with library_wanted():
            from ..cluster.link import look_once  # few have one
        view = run_to_end(look_once(executors))
    except (ClusterAwayError, StartupError) as error:
        return Probe(place="cluster", problem=str(error))
    return Probe(place="cluster", found=f"{view.workers} workers with {view.places} places")
