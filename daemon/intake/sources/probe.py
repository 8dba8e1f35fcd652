"""A look at each source without taking anything: whether it can be listed, and what of it would be taken. Blocking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import StorageError
from ...storage.store import PAGE
from .settings import Source

if TYPE_CHECKING:
    from ...config.intake_settings import IntakeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a look at one source has found: a line for people, and the problem that there is, if any."""

    source: str
    found: str = ""
    problem: str = ""


def probe_sources(intake: IntakeSettings) -> Iterator[Probe]:
    """Yield what the first page of each source's listing has."""
    for said in intake.sources:
        try:
            source = Source.of(said, intake)
            files = next(source.storage.pages(recursive=said.recursive, skip=source.skip), [])
        except StorageError as error:
            yield Probe(source=said.name, problem=str(error))
            continue
        more = "the first " if len(files) == PAGE else ""
        wanted = sum(source.wants(file.path) for file in files)
        yield Probe(source=said.name, found=f"can be listed; of {more}{len(files)} files {wanted} are to be taken")
