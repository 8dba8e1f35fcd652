"""A contender as the benchmarks drive it: in a process of its own, warm, its imports not measured."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

PROGRAM = Path(__file__).with_name("contenders.py")


class Rival:
    """One of `contenders.CONTENDERS` with the files that it reads, and loads into a database."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def load(self) -> float:
        """Load the files and return the wall seconds that it took."""
        return self._ask("load")[0]

    def read(self) -> float:
        """Only read the files and return the CPU seconds of all threads that it took."""
        return self._ask("read")[1]

    def processes(self) -> list[psutil.Process]:
        """Return the process itself."""
        return [psutil.Process(self._process.pid)]

    def _ask(self, what: str) -> tuple[float, float]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n")
        self._process.stdin.flush()
        wall, cpu = _answer(self._process).split()
        return float(wall), float(cpu)


@contextmanager
def running(
    names: Sequence[str], url: str, files: Sequence[Path], dataset: Path | None = None
) -> Iterator[dict[str, Rival]]:
    """Run contenders while inside: each with the same files, one that checks rows with the dataset."""
    options = [] if dataset is None else ["--dataset", str(dataset)]
    with ExitStack() as stack:
        processes = {}
        for name in names:
            command = [sys.executable, str(PROGRAM), *options, name, url, *map(str, files)]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes[name] = stack.enter_context(process)  # leaving it closes its input, which ends it
            assert _answer(process) == "ready"
        yield {name: Rival(process) for name, process in processes.items()}


def _answer(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"{process.args!r} has ended"
    return line
