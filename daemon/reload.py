"""Takes a changed configuration over while the daemon runs: valid as a whole, or the one before stays in force."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from .api.auth import load_tokens
from .api.task_routes import registered_tasks
from .config.layers import leaves
from .config.left_behind import left_behind
from .config.reloaded import Reloaded
from .errors import HeadgateError, first_line
from .intake.sources.sources import Sources
from .lifecycle.logs import configure_logging

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from .api.auth import Authenticator
    from .api.task_routes import TaskRoutes
    from .assembly import Core
    from .config.check import CheckResult
    from .config.settings import Settings

logger = logging.getLogger(__name__)

COUNT_SECONDS: Final = 5.0
"""How long a reload waits for the count of jobs; all is taken over by then."""

Location = tuple[str, ...]

LIVE: Final[tuple[Location, ...]] = (
    ("datasets",),
    ("executors",),
    ("intake", "sources"),
    ("ledger", "max_attempts"),
    ("ledger", "max_crashes"),
    ("ledger", "max_lost_leases"),
    ("ledger", "backoff_seconds"),
    ("ledger", "backoff_max_seconds"),
    ("ledger", "poll_seconds"),
    ("ledger", "rejects_seconds"),
    ("retention",),
    ("logging",),
    ("resources", "cpu_threshold"),
    ("resources", "memory_threshold"),
    ("resources", "disk_threshold"),
    ("shutdown",),
    ("tasks",),
)
"""Settings and sections that are taken over; every other one is named as needing a restart."""
OF_THE_START: Final[frozenset[Location]] = frozenset(
    ("executors", key) for key in ("engine", "scheduler", "tls_ca_file", "tls_certificate_file", "tls_key_file")
)
"""Those in such a section that need one all the same: the cluster is entered at the start."""


class Reloader:
    """Reads the configuration again when it is asked to; a component whose task waits for the signal."""

    def __init__(
        self, core: Core, *, settings: Settings, read: Callable[[], CheckResult], asked: asyncio.Event
    ) -> None:
        self._core, self._settings, self._read = core, settings, read
        self._asked = asked
        self._authenticator: Authenticator | None = None
        self._tasks: TaskRoutes | None = None
        self._sources: Sources | None = None
        self._closing = False
        self._one_at_a_time = asyncio.Lock()

    def serve_api(self, authenticator: Authenticator, tasks: TaskRoutes) -> None:
        """Take tokens and registered tasks over, too: there is an API."""
        self._authenticator, self._tasks = authenticator, tasks

    def watch_sources(self, sources: Sources) -> None:
        """Take sources over, too."""
        self._sources = sources

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take no more requests."""
        self._closing = True
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever the event is set, until closed."""
        while True:
            await self._asked.wait()
            if self._closing:
                return
            self._asked.clear()
            await self.reload()

    async def reload(self) -> Reloaded:
        """Read configuration, datasets and tokens, take them over if all is fine, and tell log and metric."""
        async with self._one_at_a_time:
            try:
                result = await self._try()
            except HeadgateError as error:
                result = Reloaded(problems=(str(error),))
            except Exception as error:
                # Whatever a configuration brings about that nobody thought of: the one in force goes on.
                logger.exception("configuration could not be taken")
                result = Reloaded(problems=(f"{type(error).__name__}: {error}; see the daemon's log and report it",))
        if result.problems:
            self._core.parts.metrics.configuration_refused()
            for problem in result.problems:
                logger.error("configuration refused", extra={"problem": problem})
        else:
            self._core.parts.metrics.configuration_taken()
            changed, waiting = ", ".join(result.changed) or "nothing", ", ".join(result.needs_restart) or None
            logger.info("configuration taken", extra={"changed": changed, "needs_restart": waiting})
            for warning in result.warnings:
                logger.warning("look at this after the reload", extra={"warning": warning})
        return result

    async def _try(self) -> Reloaded:
        run_io = self._core.parts.executors.run_io
        found: CheckResult = await run_io(self._read)
        if found.problems or found.settings is None:
            return Reloaded(problems=tuple(str(problem) for problem in found.problems))
        changed = list(_changed(self._settings, found.settings))
        live = [location for location in changed if is_live(location)]
        held_back = [location for location in changed if not is_live(location)]
        settings = found.settings
        for location in held_back:
            settings = _put(settings, location, _get(self._settings, location))
        if left := tuple(left_behind(settings.intake, found.datasets)):
            return Reloaded(problems=tuple(map(str, left)))
        # Whatever may be refused comes before anything is taken over, and the tokens last: their file may be made.
        wanted = await run_io(Sources.of, settings.intake)
        file = settings.api.token_file
        tokens = None if self._authenticator is None else await run_io(load_tokens, file)
        named = [*map(_name, live), *_changed_datasets(self._core.datasets, found.datasets)]
        gone = sorted(self._core.datasets.keys() - {dataset.dataset for dataset in found.datasets})
        self._core.apply(settings, found.datasets)
        if self._authenticator is not None and tokens is not None and self._authenticator.use_tokens(tokens):
            logger.info("api tokens taken", extra={"token_file": str(file), "tokens": len(tokens)})
        configure_logging(settings.logging.level, settings.logging.format)
        if self._tasks is not None:
            self._tasks.register(registered_tasks(settings))
        if self._sources is not None:
            self._sources.apply(wanted)
        self._settings = settings
        return Reloaded(
            changed=tuple(named),
            needs_restart=tuple(map(_name, held_back)),
            warnings=await self._waiting_for(gone),
        )

    async def _waiting_for(self, gone: Sequence[str]) -> tuple[str, ...]:
        """Say how many jobs wait for each dataset that is in force no more; nothing while the database is away."""
        if not gone:
            return ()
        try:
            waiting = await asyncio.wait_for(self._core.parts.queries.queued(gone), COUNT_SECONDS)
        except Exception as error:  # noqa: BLE001  # all is taken over by now: this is no reason to say otherwise
            logger.warning("jobs of datasets that are gone not counted", extra={"error": first_line(error)})
            return ()
        remedy = "put it back, or cancel them with headgate cancel"
        return tuple(f"dataset {name} is gone, queued jobs wait for it: {waiting[name]}; {remedy}" for name in waiting)


def is_live(location: Location) -> bool:
    """Say whether a setting is taken over without a restart."""
    return location not in OF_THE_START and any(location[: len(live)] == live for live in LIVE)


def _changed(old: Settings, new: Settings) -> Iterator[Location]:
    for location, _ in leaves():
        if _get(old, location) != _get(new, location):
            yield location


def _changed_datasets(old: dict[str, Dataset], datasets: Sequence[Dataset]) -> Iterator[str]:
    new = {dataset.dataset: dataset for dataset in datasets}
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"dataset {name}"


def _get(settings: Settings, location: Location) -> Any:
    value: Any = settings
    for part in location:
        value = getattr(value, part)
    return value


def _put(settings: Settings, location: Location, value: Any) -> Settings:
    if len(location) == 1:
        return settings.model_copy(update={location[0]: value})
    section, key = location
    return settings.model_copy(update={section: getattr(settings, section).model_copy(update={key: value})})


def _name(location: Location) -> str:
    return ".".join(location)
