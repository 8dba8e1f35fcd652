"""From file and environment to settings: owns precedence, the places of values and the rules between settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from ingest.spec.yaml_document import Document, DocumentError, Location, Problem, problems_of, read_yaml

from ..errors import StartupError
from .database_url import DatabaseUrl, DatabaseUrlError, parse_url
from .layers import Layer, from_document, from_environment, over
from .secret_file import read_secret
from .settings import Settings

_URL: Final = ("database", "url")
_URL_FILE: Final = ("database", "url_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources(Document):
    """The configuration file together with the variables that overrode it: what a problem's place is taken from."""

    names: Mapping[Location, str]

    def covers(self, location: Location) -> bool:
        """Say whether the location stands in the file or was set by a variable."""
        return location in self.names or location in self.lines

    def problem(self, location: Location, reason: str, remedy: str) -> Problem:
        """Return a problem with the variable as its place, else with the line in the file."""
        for end in range(len(location), 0, -1):
            if name := self.names.get(location[:end]):
                return Problem(file="environment", line=None, key=name, reason=reason, remedy=remedy)
        return Document.problem(self, location, reason, remedy)

    def first(self, places: Sequence[Location]) -> Location:
        """Return the first place that is written anywhere: a default is nobody's mistake."""
        return next((place for place in places if self.covers(place)), places[0])

    def origin(self, location: Location) -> str | None:
        """Say where a value comes from: its variable, or file and line; None for a default."""
        if name := self.names.get(location):
            return name
        line = self.lines.get(location)
        return None if line is None else f"{self.source}:{line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The settings, or the problems that leave none; `shown_url` is the database's without its password."""

    settings: Settings | None
    sources: Sources
    dataset_patterns: tuple[str, ...]
    """Known even when there are no settings, so that the datasets can be checked in the same go."""
    problems: tuple[Problem, ...] = ()
    shown_url: str = ""


def load_settings(path: Path | None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a configuration file, or of none, overridden by the environment.

    Raises:
        DocumentError: something is wrong, with every problem.

    """
    configuration = load_configuration(path, environ)
    if configuration.settings is None:
        raise DocumentError(configuration.problems)
    return configuration.settings


def load_configuration(path: Path | None, environ: Mapping[str, str] | None = None) -> Configuration:
    """Return the settings with the places of their values, or every problem that there is. Blocking.

    Variables `HEADGATE_SECTION__KEY` win over the old names, those over the file, that over the defaults.

    Raises:
        DocumentError: the file cannot be read as YAML at all.

    """
    document = read_yaml(path) if path else Document(source="defaults", data={}, lines={})
    base = path.absolute().parent if path else Path.cwd()
    # A path in the environment was written in a shell: it is meant from where that stands.
    variables, old = from_environment(os.environ if environ is None else environ, Path.cwd())
    file = from_document(document, base)
    names = {**old.names, **variables.names}
    sources = Sources(source=document.source, data=document.data, lines=document.lines, names=names)
    blank = Configuration(settings=None, sources=sources, dataset_patterns=_patterns(variables, file))
    problems = [*variables.problems, *old.problems]
    _drop_overridden_url(variables, file)
    values = over(variables.values, over(old.values, file.values))
    try:
        settings = _with_defaults(Settings.model_validate(values), base)
    except ValidationError as error:
        return replace(blank, problems=(*problems, *problems_of(error, sources, Settings)))
    problems += [sources.problem(sources.first(places), *words) for places, *words in _broken_rules(settings)]
    try:
        url = _database_url(settings, sources, base)
    except DocumentError as error:
        problems += error.problems
    if problems:
        return replace(blank, problems=tuple(problems))
    settings = settings.model_copy(update={"database": settings.database.model_copy(update={"url": url.text})})
    return replace(blank, settings=settings, shown_url=url.shown)


def _patterns(upper: Layer, lower: Layer) -> tuple[str, ...]:
    patterns = upper.values.get("datasets", lower.values.get("datasets", []))
    return tuple(pattern for pattern in patterns if isinstance(pattern, str))


def _drop_overridden_url(upper: Layer, lower: Layer) -> None:
    """Let `url` or `url_file` of a layer win over both of the layer below: they are two ways to say one thing."""
    above, below = upper.values.get("database"), lower.values.get("database")
    if isinstance(above, dict) and isinstance(below, dict) and {"url", "url_file"} & above.keys():
        lower.values["database"] = {key: value for key, value in below.items() if key not in {"url", "url_file"}}


def _with_defaults(settings: Settings, base: Path) -> Settings:
    """Fill in the paths whose defaults depend on where the configuration lies."""
    state_dir = base / settings.state_dir
    token_file = state_dir / settings.api.token_file
    return settings.model_copy(
        update={"state_dir": state_dir, "api": settings.api.model_copy(update={"token_file": token_file})}
    )


def _broken_rules(settings: Settings) -> Iterator[tuple[tuple[Location, ...], str, str]]:
    """Yield the places, reason and remedy of everything that no single setting can know."""
    ledger, api, exporter = settings.ledger, settings.api, settings.exporter
    beat, lease, first, longest = (
        ledger.beat_seconds,
        ledger.lease_seconds,
        ledger.backoff_seconds,
        ledger.backoff_max_seconds,
    )
    if beat * 2 >= lease:
        reason = f"ledger.beat_seconds ({beat:g}) is not less than half of ledger.lease_seconds ({lease:g})"
        places = ("ledger", "beat_seconds"), ("ledger", "lease_seconds")
        yield places, reason, "beat more often, or make the lease longer"
    if first > longest:
        reason = f"ledger.backoff_seconds ({first:g}) is more than ledger.backoff_max_seconds ({longest:g})"
        places = ("ledger", "backoff_seconds"), ("ledger", "backoff_max_seconds")
        yield places, reason, "start with a shorter wait, or allow a longer one"
    names = [watched.name for watched in settings.watch]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield (("watch", index, "name"),), f"{name} is there twice", "give each its own name"
    if api.enabled and exporter.enabled and api.port == exporter.port != 0:
        reason = f"api.port and exporter.port are both {api.port}"
        yield (("api", "port"), ("exporter", "port")), reason, "give each a port of its own"
    if (api.tls_certificate_file is None) != (api.tls_key_file is None):
        places = ("api", "tls_certificate_file"), ("api", "tls_key_file")
        yield places, "a certificate and its key belong together, one of them is missing", "name both files, or none"
    if api.tls_client_ca_file is not None and api.tls_certificate_file is None:
        remedy = "name a certificate and its key too, or no client CA"
        yield (("api", "tls_client_ca_file"),), "client certificates need TLS", remedy


def _database_url(settings: Settings, sources: Sources, base: Path) -> DatabaseUrl:
    database = settings.database
    if database.url and database.url_file:
        raise DocumentError([sources.problem(_URL_FILE, "set together with database.url", "keep one of them")])
    place: Location = _URL_FILE if database.url_file else _URL
    try:
        if database.url_file:
            return parse_url(read_secret(database.url_file), database.url_file.parent)
        if not database.url:
            return parse_url(f"sqlite:///{settings.state_dir / 'headgate.db'}", base)
        in_environment = _URL in sources.names
        url = parse_url(database.url, Path.cwd() if in_environment else base)
    except (DatabaseUrlError, StartupError) as error:
        reason, _, remedy = str(error).partition("; ")
        raise DocumentError([sources.problem(place, reason, remedy)]) from error
    # A variable or a command line is the caller's own; a file is copied and committed.
    if url.has_password and not in_environment:
        remedy = "write the whole URL into a file that only this user can read, and name that in database.url_file"
        raise DocumentError([sources.problem(place, "there is a password in the configuration file", remedy)])
    return url
