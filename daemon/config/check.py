"""Everything that can be known before the start: owns what is wrong between settings, folders and datasets."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.spec.dataset_file import load_dataset
from ingest.spec.yaml_document import DocumentError, Problem, read_yaml, suggestion

from ..errors import StartupError, StorageSettingsError
from ..machine.answering import silent
from ..machine.writers import blind_spot
from .check_mail import mailbox_problems
from .dataset_files import dataset_files
from .load import Configuration, Sources, load_configuration
from .path_status import remedy_of, status_of
from .sizing import MIB, DoesNotFitError, detect_machine, executor_sizes, pool_sizes
from .storage_access import Access
from .storage_url import Location
from .value_types import is_loopback
from .web_yml import load_web_config

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from .intake_settings import WatchedFolder
    from .settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a start would find. `lines` tell the resolved sizes and where each comes from."""

    settings: Settings | None
    datasets: tuple[Dataset, ...]
    problems: tuple[Problem, ...]
    lines: tuple[str, ...]
    sources: Sources | None = None
    """Where the values stand, for whoever finds something wrong with them later."""


def check(path: Path | None, environ: Mapping[str, str] | None = None) -> CheckResult:
    """Check the configuration, its datasets and its folders; connects to nothing and changes nothing. Blocking."""
    try:
        configuration = load_configuration(path, environ)
    except DocumentError as error:
        return CheckResult(settings=None, datasets=(), problems=error.problems, lines=())
    settings = configuration.settings
    datasets: list[Dataset] = []
    problems = list(configuration.problems)
    for file in _dataset_files(configuration, problems):
        _read_dataset(file, datasets, problems)
    if settings is None:
        return CheckResult(settings=None, datasets=tuple(datasets), problems=tuple(problems), lines=())
    problems += _unfit_token(configuration.sources, settings)
    problems += _open_exporter(configuration.sources, settings)
    problems += _bad_folders(configuration.sources, settings)
    problems += _bad_sources(configuration.sources, settings)
    problems += mailbox_problems(configuration.sources, settings, datasets)
    problems += _unusable_state(configuration.sources, settings)
    too_large = tuple(_too_large(configuration.sources, settings))
    problems += too_large
    if not problems:
        problems += _unmatched_intake(configuration.sources, settings, datasets)
    return CheckResult(
        settings=settings,
        datasets=tuple(datasets),
        problems=tuple(problems),
        sources=configuration.sources,
        lines=() if too_large else (*resolved(configuration, settings), *_series(settings, datasets)),
    )


def resolved(configuration: Configuration, settings: Settings) -> Iterator[str]:
    """Yield a line for each size and place that the settings come to, and where it comes from."""

    def origin(source: str, *location: str) -> str:
        return (configuration.sources.origin(location) or source) if source == "configured" else source

    machine = detect_machine()
    yield f"environment: {settings.environment} ({configuration.sources.origin(('environment',)) or 'default'})"
    yield f"cores: {machine.cores.count:g} ({machine.cores.source})"
    limit = machine.memory
    yield f"memory limit: {limit.size_bytes // MIB} MiB ({limit.source})" if limit else "memory limit: none"
    sizes = executor_sizes(settings.executors, machine)
    memory, warning = sizes.memory, f"; {sizes.memory.warning}" if sizes.memory.warning else ""
    if settings.executors.engine == "dask":
        yield f"engine: dask, by the scheduler {settings.executors.scheduler}"
    yield f"cpu workers: {sizes.cpu.workers} ({origin(sizes.cpu.source, 'executors', 'cpu_workers')})"
    from_where = origin(memory.source, "executors", "worker_memory_mb")
    yield f"memory of a worker: {memory.size_bytes // MIB} MiB ({from_where}){warning}"
    yield f"io threads: {sizes.io.workers} ({origin(sizes.io.source, 'executors', 'io_workers')})"
    pool = pool_sizes(settings, machine.cores.count)
    yield f"database connections: {pool.size} ({origin(pool.size_source, 'database', 'pool_size')})"
    yield f"database overflow: {pool.overflow} ({origin(pool.overflow_source, 'database', 'max_overflow')})"
    yield f"database: {configuration.shown_url}"
    yield f"state folder: {settings.state_dir}"
    away = silent(folder.path for folder in settings.intake.folders)
    for folder in settings.intake.folders:
        if folder.path in away:
            yield f"watched folder {folder.path}: it does not answer now; it is watched when it does"
        else:
            with suppress(OSError):  # a problem tells of it, or it went a moment ago
                if folder.path.is_dir() and (unseen := blind_spot(folder.path)) is not None:
                    yield f"watched folder {folder.path}: cannot see writers here: {unseen}"


def _told(error: StartupError | StorageSettingsError) -> tuple[str, str]:
    """Return reason and remedy of an error that says both."""
    reason, _, remedy = str(error).partition("; ")
    return reason, remedy


def _series(settings: Settings, datasets: Sequence[Dataset]) -> Iterator[str]:
    """Tell that some datasets share their series."""
    most, count = settings.exporter.dataset_series, len(datasets)
    if settings.exporter.enabled and count > most:
        yield f"datasets beyond exporter.dataset_series ({most}): {count - most}, counted together under _other"


# -- datasets -----------------------------------------------------------------------------------------


def _dataset_files(configuration: Configuration, problems: list[Problem]) -> Sequence[Path]:
    """Return the dataset files, noting each pattern that finds none."""
    found: dict[Path, None] = {}
    for index, pattern in enumerate(configuration.dataset_patterns):
        try:
            files = dataset_files([pattern])
        except OSError as error:
            reason = f"{error.strerror or type(error).__name__}: {pattern!a}"
            problems.append(configuration.sources.problem(("datasets", index), reason, remedy_of(error)))
            continue
        except ValueError:
            reason = f"no path can be like that: {pattern!a}"
            problems.append(configuration.sources.problem(("datasets", index), reason, "correct the path"))
            continue
        if not files:
            remedy = "correct the path; for all files of a folder write folder/*.yml"
            problems.append(configuration.sources.problem(("datasets", index), "no such file", remedy))
        found |= dict.fromkeys(files)
    return list(found)


def _read_dataset(file: Path, datasets: list[Dataset], problems: list[Problem]) -> None:
    try:
        dataset = load_dataset(file)
    except DocumentError as error:
        problems += error.problems
        return
    if any(dataset.dataset == other.dataset for other in datasets):
        reason = f"another file has a dataset {dataset.dataset} too"
        problems.append(read_yaml(file).problem(("dataset",), reason, "give each a name of its own"))
        return
    datasets.append(dataset)


def _too_large(sources: Sources, settings: Settings) -> Iterator[Problem]:
    try:
        executor_sizes(settings.executors, detect_machine())
    except DoesNotFitError as error:
        yield sources.problem(("executors", "cpu_workers"), *_told(error))


# -- folders and addresses ----------------------------------------------------------------------------


def _unfit_token(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Beyond loopback a token of the operator's own is needed, one just made is known to nobody; and no open file."""
    api = settings.api
    if not api.enabled:
        return
    place = ("api", "token_file")
    try:
        status = status_of(api.token_file)
    except StartupError as error:
        yield sources.problem(place, *_told(error))
        return
    mode = None if status is None or not stat.S_ISREG(status.st_mode) else status.st_mode
    if mode is not None and mode & 0o077:
        reason = f"token file {api.token_file} can be read by others (mode {stat.S_IMODE(mode):04o})"
        yield sources.problem(place, reason, f"run: chmod 600 {api.token_file}")
    if mode is None and not is_loopback(api.host):
        reason = f"the API listens beyond loopback, but there is no token file {api.token_file}"
        yield sources.problem(("api", "host"), reason, "write a token into that file (0600), or use host: 127.0.0.1")


def _open_exporter(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Beyond loopback nobody unknown may read the metrics; a web.yml that is wrong is told of with its lines."""
    exporter = settings.exporter
    authenticates = False
    if exporter.web_config_file is not None:
        try:
            authenticates = load_web_config(exporter.web_config_file).authenticates
        except DocumentError as error:
            yield from error.problems
            return
    if exporter.enabled and not is_loopback(exporter.host) and not (authenticates or exporter.anonymous):
        reason = "the exporter listens beyond loopback, but everybody may read it"
        remedy = "name a web.yml with users or client certificates in web_config_file, or set exporter.anonymous"
        yield sources.problem(("exporter", "host"), reason, remedy)


def _bad_folders(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Yield watched folders that are not there, or whose files would be taken twice or taken from Headgate itself."""
    watched: list[WatchedFolder] = []
    away = silent(folder.path for folder in settings.intake.folders)
    for index, folder in enumerate(settings.intake.folders):
        place = ("intake", "folders", index, "path")
        if folder.path in away:
            continue  # its server is away; that is no mistake in the configuration
        try:
            status = status_of(folder.path)
        except StartupError as error:
            yield sources.problem(place, *_told(error))
            continue
        if status is None or not stat.S_ISDIR(status.st_mode):
            yield sources.problem(place, f"there is no folder {folder.path}", "create it, or correct the path")
        elif not os.access(folder.path, os.R_OK | os.X_OK | (os.W_OK if folder.taken == "move" else 0)):
            rights = "read and written" if folder.taken == "move" else "read"
            remedy = "give this user the right to it, or correct the path"
            yield sources.problem(place, f"{folder.path} cannot be {rights} by this user", remedy)
        for other in watched:
            if _reaches(folder, other.path) or _reaches(other, folder.path):
                yield sources.problem(place, f"overlaps the watched folder {other.path}", "keep one of them")
        if _reaches(folder, settings.state_dir):
            reason = f"holds state_dir ({settings.state_dir}), where Headgate keeps files of its own"
            yield sources.problem(place, reason, "keep them apart")
        watched.append(folder)


def _bad_sources(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Yield sources that name no place, cannot be entered, or whose files another one takes too."""
    names: list[str] = []
    places: list[Location] = []
    for index, source in enumerate(settings.intake.sources):
        place = ("intake", "sources", index)
        if source.name in names:
            yield sources.problem((*place, "name"), f"{source.name} is there twice", "give each its own name")
        names.append(source.name)
        key = "url"
        try:
            here = Location.of(source.url)
            key = "after"
            if source.moves_to is not None:
                here.see_movable(Location.of(source.moves_to))
            key = "options" if source.credentials_file is None else "credentials_file"
            Access.read(here.kind, source.options, source.credentials_file)
        except StorageSettingsError as error:
            yield sources.problem((*place, key), *_told(error))
            continue
        for other in places:
            if here.reaches(other) or other.reaches(here):
                yield sources.problem((*place, "url"), f"overlaps the source {other.url}", "keep one of them")
        if source.moves_to is not None and Location.of(source.moves_to).url == here.url:
            yield sources.problem((*place, "after"), "files are moved to where they are", "name another folder")
        places.append(here)


def _unusable_state(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Yield that the state folder, or the spool in it, can be neither used nor made."""
    for folder in (settings.state_dir, settings.state_dir / "spool"):
        nearest = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
        try:
            status_of(folder)
        except StartupError as error:
            yield sources.problem(("state_dir",), *_told(error))
            return
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            what = "cannot be written by this user" if nearest.is_dir() else "is no folder"
            remedy = "name a folder that this user may make and write"
            yield sources.problem(("state_dir",), f"{nearest} {what}", remedy)
            return


def _reaches(folder: WatchedFolder, path: Path) -> bool:
    # Not `Path.resolve`: it raises an error for a symbolic link that leads to itself.
    inside, outside = Path(os.path.realpath(path)), Path(os.path.realpath(folder.path))
    return inside == outside or (folder.recursive and inside.is_relative_to(outside))


def _unmatched_intake(sources: Sources, settings: Settings, datasets: Sequence[Dataset]) -> Iterator[Problem]:
    """Yield watched folders and sources whose files no dataset can ever take."""
    names = [dataset.dataset for dataset in datasets]
    matched = any(dataset.match.glob for dataset in datasets)
    named = [("folders", index, folder.dataset) for index, folder in enumerate(settings.intake.folders)]
    named += [("sources", index, source.dataset) for index, source in enumerate(settings.intake.sources)]
    for kind, index, dataset in named:
        if dataset is not None and dataset not in names:
            place = ("intake", kind, index, "dataset")
            yield sources.problem(place, f"there is no dataset {dataset}", suggestion(dataset, names))
        if dataset is None and not matched:
            reason = "no dataset takes files from here: none is named, and none has match.glob"
            remedy = "name a dataset, or give one a match.glob"
            yield sources.problem(("intake", kind, index), reason, remedy)
