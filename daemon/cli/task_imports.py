"""Whether registered tasks and transforms can be called: each is imported in a process of its own, as by a worker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from ..api.task_call import missing
from ..executors.forkserver_client import search_path

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset
    from ingest.spec.yaml_document import Problem

    from ..config.load import Sources
    from ..config.settings import Settings

IMPORT_SECONDS: Final = 30.0
REASON_LENGTH_MAX: Final = 300
_REMEDY: Final = "correct module:function; the module is found on PYTHONPATH or among the installed packages"
_TOLD: Final = "__headgate__"
"""Before our own line: the application's module may print what it likes."""
_BOOT: Final = (
    "import importlib, json, os, sys; target, path = json.loads(sys.argv[1]); sys.path[:] = path;"
    f"said = importlib.import_module({missing.__module__!r}).{missing.__name__}(target);"
    f"print({_TOLD!r} + json.dumps(said), flush=True);"
    "os._exit(0)"  # threads that the module has begun may never end
)


def task_problems(sources: Sources, settings: Settings) -> Iterator[Problem]:
    """Yield each registered task that cannot be imported here. Blocking.

    It refuses no start: what is wrong with a task keeps no file from its table. Those of the CPU pool of a cluster are
    imported on its machines, and not looked for on this one.
    """
    for name, task in settings.tasks.items():
        if task.pool == "cpu" and settings.executors.engine == "dask":
            continue
        if (reason := _problem(task.call)) is not None:
            place = sources.first([("tasks", name, "call"), ("tasks", name)])
            yield sources.problem(place, f"{task.call} cannot be imported: {reason}", _REMEDY)


def transform_problems(settings: Settings, datasets: Iterable[Dataset]) -> Iterator[tuple[str, str]]:
    """Yield each dataset whose transform cannot be imported here, and why. Blocking; refuses no start either."""
    for dataset in datasets if settings.executors.engine != "dask" else ():
        if dataset.transform is not None and (reason := _problem(dataset.transform)) is not None:
            yield dataset.dataset, f"transform {dataset.transform} cannot be imported: {reason}; {_REMEDY}"


def _problem(target: str) -> str | None:
    # Into a file: a pipe would be waited for as long as anything that the module starts has it open.
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(  # noqa: S603  # ourselves
                [sys.executable, "-c", _BOOT, json.dumps([target, search_path()])],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            return f"no process can be started ({error.strerror})"
        try:
            code = process.wait(IMPORT_SECONDS)
        except subprocess.TimeoutExpired:
            return f"not in {IMPORT_SECONDS:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        _, told, said = output.read().decode(errors="replace").rpartition(_TOLD)
    if not told:
        return f"its module ends the process (exit code {code})"
    reason: str | None = json.loads(said.splitlines()[0])
    return None if reason is None else " ".join(reason.split())[:REASON_LENGTH_MAX]
