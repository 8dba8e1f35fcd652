"""Damaged files: whatever is broken in a real workbook, it is read or refused with a code; nothing else is raised."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import time
import zipfile
from typing import TYPE_CHECKING

from ingest.errors import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 20.0
LEAST = 100
LARGEST = 300_000

READ = """
import io, json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from ingest.errors import FileRejectedError
from ingest.output.grid import read_grid, read_sheets
for line in sys.stdin:
    path = Path(line.rstrip("\\n"))
    try:
        for sheet in read_sheets(path):
            read_grid(path, sheet.index, io.StringIO(), "csv")
        outcome = "read"
    except FileRejectedError as error:
        outcome = error.record.code
    except MemoryError:
        outcome = "file.memory_limit"
    except BaseException as error:
        outcome = f"RAISED {type(error).__name__}: {error}"
    print(json.dumps(outcome), flush=True)
"""


class Reader:
    """A process that reads files, as a worker does; one that a file kills is replaced."""

    def __init__(self) -> None:
        self.deaths = 0
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", READ], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self, path: Path) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if line:
            return str(json.loads(line))
        # The daemon's workers die likewise, which costs only their own task: file.worker_crash.
        self.close()
        self.deaths += 1
        self._process = self._start()
        return "file.worker_crash"

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def damaged(content: bytes, path: Path, chance: random.Random) -> Iterator[bytes]:
    """Yield a file with flipped bits, cut short, and with the parts of its zip changed, exchanged or gone."""
    flipped = bytearray(content)
    for _ in range(chance.randint(1, 8)):
        flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
    yield bytes(flipped)
    yield content[: chance.randrange(1, len(content))]
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            return  # it is damaged as it is
        parts = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    names = list(parts)
    first, second = chance.choice(names), chance.choice(names)
    parts[first], parts[second] = parts[second], parts[first]
    yield zipped(path, parts)
    broken = bytearray(parts[first])
    if broken:
        place = chance.randrange(len(broken))
        broken[place : place + chance.randint(1, 20)] = chance.randbytes(chance.randint(0, 20))
        parts[first] = bytes(broken)
        yield zipped(path, parts)
    del parts[second]
    yield zipped(path, parts)


def zipped(path: Path, parts: dict[str, bytes]) -> bytes:
    target = path.with_name("zipped")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return target.read_bytes()


def test_damaged_workbooks_end_with_a_code(corpus: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    files = [path for path in sorted(corpus.glob("*/*.*")) if path.suffix != ".md" and path.stat().st_size < LARGEST]
    chance.shuffle(files)
    outcomes: dict[str, int] = {}
    reader = Reader()
    deadline = time.monotonic() + SECONDS
    try:
        for original in itertools.cycle(files):
            copy = tmp_path / f"copy{original.suffix}"
            copy.write_bytes(original.read_bytes())
            for number, content in enumerate(damaged(copy.read_bytes(), copy, chance)):
                path = tmp_path / f"damaged{original.suffix}"
                path.write_bytes(content)
                outcome = reader.read(path)
                assert outcome == "read" or outcome in CODES, f"{original.name}, way {number}, seed {seed}: {outcome}"
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if time.monotonic() > deadline and sum(outcomes.values()) > LEAST:
                break
    finally:
        reader.close()
    assert len(outcomes) > 4, outcomes
