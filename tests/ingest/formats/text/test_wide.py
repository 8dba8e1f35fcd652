"""Texts of very many columns: they are read within the memory that a worker has."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

READ = """
import resource, sys
from pathlib import Path
from ingest.formats.hint import NO_HINT
from ingest.formats.text.delimited import DelimitedBook
from ingest.formats.text.file import TextFile
from ingest.freed_memory import keep_freed_memory
from ingest.spec.dataset import FileLimits

keep_freed_memory()
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
cells = DelimitedBook(TextFile(path=path, content=path.read_bytes(), hint=NO_HINT), FileLimits()).read(0)
print(cells.rows, len(cells.columns), cells.columns[16383].texts[19])
"""


def test_a_text_of_thousands_of_columns_is_read_in_the_memory_of_a_worker(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("".join(",".join(f"{row}.{column}" for column in range(16384)) + "\n" for row in range(20)))
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        env={"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "20 16384 19.16383\n", done.stderr
