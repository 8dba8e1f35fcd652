"""A reload is whole or not at all, whatever the configuration brings about; the daemon goes on in any case."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daemon.api.auth import Authenticator, load_tokens
from daemon.config.check import CheckResult
from daemon.config.settings import Settings
from daemon.config.sizing import DoesNotFitError
from daemon.errors import DatabaseUnavailableError
from daemon.reload import Reloader
from ingest.spec.dataset import Dataset

BOB = "bob-token-0123456789"


def _dataset(name: str) -> Dataset:
    fields = [{"name": "k", "type": "string", "header": "k"}]
    return Dataset.model_validate({"dataset": name, "fields": fields, "load": {"table": name}})


@dataclass
class Core:
    """What a reload asks of the parts, and what it has done to them."""

    datasets: dict[str, Dataset]
    refusal: Exception | None = None
    waiting: dict[str, int] | Exception = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def parts(self) -> Any:
        metrics = SimpleNamespace(
            configuration_refused=lambda: self.told.append("refused"),
            configuration_taken=lambda: self.told.append("taken"),
        )
        executors = SimpleNamespace(run_io=self._run_io)
        return SimpleNamespace(metrics=metrics, executors=executors, queries=SimpleNamespace(queued=self._queued))

    async def _run_io(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return function(*arguments)

    async def _queued(self, datasets: list[str]) -> dict[str, int]:
        if isinstance(self.waiting, Exception):
            raise self.waiting
        return {name: self.waiting[name] for name in datasets if name in self.waiting}

    def apply(self, _: Settings, datasets: tuple[Dataset, ...]) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.datasets = {dataset.dataset: dataset for dataset in datasets}


class Place:
    """A core under a configuration that a test changes, and whoever reloads it."""

    def __init__(self, folder: Path) -> None:
        self.token_file = folder / "tokens"
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(f"root admin {'r' * 32}\nbob read {BOB}\n", encoding="utf-8")
        self.settings = self._settings("orders")
        self.core = Core({"orders": _dataset("orders")})
        self.datasets = [_dataset("orders")]
        self.failure: Exception | None = None
        self.door = Authenticator(load_tokens(self.token_file))
        self.reloader = Reloader(cast("Any", self.core), settings=self.settings, read=self._read, asked=asyncio.Event())
        self.reloader.serve_api(self.door, cast("Any", SimpleNamespace(register=lambda _: None)))

    def name_for_folder(self, dataset: str) -> None:
        self.settings = self._settings(dataset)

    def _settings(self, dataset: str) -> Settings:
        return Settings.model_validate(
            {"intake": {"folders": [{"path": "/in", "dataset": dataset}]}, "api": {"token_file": str(self.token_file)}}
        )

    def _read(self) -> CheckResult:
        if self.failure is not None:
            raise self.failure
        return CheckResult(settings=self.settings, datasets=tuple(self.datasets), problems=(), lines=())

    def take_bob_away(self) -> None:
        self.token_file.write_text(f"root admin {'r' * 32}\n", encoding="utf-8")

    def knows_bob(self) -> bool:
        return self.door.token_principal(BOB, "a") is not None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("failure", [OSError(36, "File name too long"), ValueError("embedded null byte"), KeyError(1)])
async def test_whatever_the_check_raises_is_a_refusal(
    place: Place, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    place.failure = failure
    result = await place.reloader.reload()
    assert type(failure).__name__ in result.problems[0]
    assert place.core.told == ["refused"]
    assert "Traceback" in caplog.text
    place.failure = None
    assert (await place.reloader.reload()).problems == ()
    assert place.core.told == ["refused", "taken"]


@pytest.mark.parametrize("refusal", [DoesNotFitError("no room"), OSError("no such luck")])
async def test_a_refused_reload_takes_no_tokens_over(place: Place, refusal: Exception) -> None:
    place.core.refusal = refusal
    place.take_bob_away()
    assert (await place.reloader.reload()).problems
    assert place.knows_bob()
    place.core.refusal = None
    assert (await place.reloader.reload()).problems == ()
    assert not place.knows_bob()
    assert hashlib.sha256(BOB.encode()).hexdigest() not in repr(place.door)


async def test_a_dataset_that_a_folder_in_force_still_names_does_not_go(place: Place) -> None:
    place.name_for_folder("sales")
    place.datasets = [_dataset("sales")]
    place.take_bob_away()
    (problem,) = (await place.reloader.reload()).problems
    assert problem.startswith("intake.folders: watched folder /in goes on until a restart")
    assert "restart the daemon" in problem
    assert set(place.core.datasets) == {"orders"}
    assert place.knows_bob()
    # With both, the folder's new name waits for the restart, and nothing is refused until then.
    place.datasets = [_dataset("sales"), _dataset("orders")]
    result = await place.reloader.reload()
    assert (result.problems, result.needs_restart) == ((), ("intake.folders",))


async def test_jobs_that_wait_for_a_dataset_that_is_gone_are_told_of(place: Place) -> None:
    place.datasets = [_dataset("orders"), _dataset("sales")]
    await place.reloader.reload()
    place.core.waiting = {"sales": 7}
    place.datasets = [_dataset("orders")]
    (warning,) = (await place.reloader.reload()).warnings
    assert warning.startswith("dataset sales is gone, queued jobs wait for it: 7; ")
    assert (await place.reloader.reload()).warnings == (), "it is told once"


async def test_a_count_that_the_database_does_not_give_keeps_nothing_from_being_taken(place: Place) -> None:
    place.datasets = [_dataset("orders"), _dataset("sales")]
    await place.reloader.reload()
    place.core.waiting = DatabaseUnavailableError()
    place.datasets = [_dataset("orders")]
    result = await place.reloader.reload()
    assert (result.problems, result.warnings) == ((), ())
    assert set(place.core.datasets) == {"orders"}


async def test_a_cluster_is_entered_at_the_start_only(place: Place) -> None:
    executors = place.settings.executors.model_copy(update={"scheduler": "tcp://127.0.0.1:8786", "queue_limit": 7})
    place.settings = place.settings.model_copy(update={"executors": executors})
    result = await place.reloader.reload()
    assert (result.changed, result.needs_restart) == (("executors.queue_limit",), ("executors.scheduler",))
