"""What one call of a command has: its configuration, its event loop, its output files and its exit code."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import shlex
import sys
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ..machine.file_identity import as_text

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset
    from ingest.spec.yaml_document import Problem

    from ..config.settings import Settings
    from .client import Client

T = TypeVar("T")
FINE, REJECTED, USAGE, FAILED = 0, 1, 2, 3
DEFAULT_CONFIG: Final = Path("headgate.yml")
DATABASE_VARIABLE: Final = "HEADGATE_DATABASE__URL"
BAD_STATES: Final = {"partial", "rejected", "cancelled", "superseded", "dismissed"}


def config_path(config: Path | None) -> Path | None:
    """Return the configuration file: the one named, else the one in the working folder, else none."""
    # A link that leads nowhere is there, and is an error: its owner does not mean the defaults.
    return config or (DEFAULT_CONFIG if os.path.lexists(DEFAULT_CONFIG) else None)


def settings_of(config: Path | None, *, database: str | None = None, one_shot: bool = False) -> Settings:
    """Return the settings; `database` is a URL that wins over all.

    Raises:
        click.UsageError: the URL is empty, as of a variable that is not set: nobody means the configuration's by it.
        DocumentError: the configuration is wrong.

    """
    from ingest.spec.yaml_document import DocumentError

    from ..config.load import load_settings

    if database == "":
        raise click.UsageError(
            "--database is empty; write postgresql://user@host/name or sqlite:///path, or leave it out"
        )
    environ = dict(os.environ)
    path = config_path(config)
    if database:
        environ[DATABASE_VARIABLE] = database
    if one_shot and path is None:
        # Without a configuration there is no folder of ours yet; what a killed run leaves must be found again.
        base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        environ.setdefault("HEADGATE_STATE_DIR", str(Path(base) / "headgate"))
    try:
        return load_settings(path, environ)
    except DocumentError as error:
        if not database:
            raise
        raise DocumentError(_of_the_option(problem) for problem in error.problems) from error


def _of_the_option(problem: Problem) -> Problem:
    """Return a problem of the database's URL as one of the option that has it."""
    of_url = problem.file == "environment" and problem.key == DATABASE_VARIABLE
    return replace(problem, file="command line", key="--database") if of_url else problem


def dataset_of(settings: Settings, name: str) -> Dataset:
    """Return the dataset in the file of that name, or of that name in the configuration.

    Raises:
        click.UsageError: there is neither.
        DocumentError: it is wrong.

    """
    from ingest.spec.dataset_file import load_dataset
    from ingest.spec.yaml_document import suggestion

    from ..config.dataset_files import dataset_files

    if Path(name).is_file():
        return load_dataset(Path(name))
    datasets = [load_dataset(path) for path in dataset_files(settings.datasets)]
    for dataset in datasets:
        if dataset.dataset == name:
            return dataset
    known = f"; {suggestion(name, [dataset.dataset for dataset in datasets])}" if datasets else ""
    raise click.UsageError(f"--dataset: {name!r} is neither a file nor a dataset of the configuration{known}")


def shown_url(url: str) -> str:
    """Return a database URL as it can be shown: without its password."""
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def shown_database(settings: Settings, given: str | None) -> str | None:
    """Return the database as a command for people names it: not at all, if that would take a password from them."""
    shown = shown_url(settings.database.url)
    return shown if given is not None or shown == settings.database.url else None


def typed(*words: object, given: Mapping[str, object]) -> str:
    """Return a command for people to run next; `given` has the options of the one that they ran, None where unset."""
    options = [part for name, value in given.items() if value is not None for part in (name, value)]
    return shlex.join(["headgate", *map(str, (*words, *options))])


def client_of(config: Path | None) -> Client:
    """Return a client of the daemon that this configuration starts."""
    from .client import Client

    api = settings_of(config).api
    host = reached_at(api.host)
    address = f"[{host}]" if ":" in host else host
    scheme = "https" if api.tls_certificate_file else "http"
    url = f"{scheme}://{address}:{api.port}"
    return Client(url, api.token_file, certificate=api.tls_certificate_file, language=reader_language())


def reached_at(host: str) -> str:
    """Return where to reach a daemon that listens on `host`: on the loopback, where that is all addresses."""
    from ipaddress import ip_address

    try:
        if not ip_address(host).is_unspecified:
            return host
    except ValueError:
        return host  # a name
    return "::1" if ":" in host else "127.0.0.1"


def reader_language() -> str:
    """Return the language that the locale asks for, of those that there are."""
    from ingest.languages import locale_language

    return locale_language(os.environ)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on an event loop of its own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        click.UsageError: it is there, or cannot be written.

    """
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; name another file, or delete it") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None


def show_json(value: object) -> None:
    """Print one JSON value on a line of its own, in letters that standard output has; bytes of a name are escapes."""
    utf_8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
    click.echo(as_text(json.dumps(value, ensure_ascii=not utf_8)))


def end_of(job: Mapping[str, Any]) -> str:
    """Return the state of a job; of one that only checked, the state that it would have ended in."""
    return str(job["would_be"] or job["state"])


def exit_code(states: Iterable[str]) -> int:
    """Return what the ends of jobs come to: 3 if one is dead or could not be read, 1 if some was rejected, else 0."""
    found = set(states)
    if {"dead", "failed"} & found:
        return FAILED
    return REJECTED if BAD_STATES & found else FINE
