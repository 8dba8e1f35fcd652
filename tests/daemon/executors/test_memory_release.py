"""What starting leaves: the collector does not look at it any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SETTLED = """
import gc
import daemon.service
from daemon.executors.memory_release import settle
before = len(gc.get_objects())
settle()
print(before, len(gc.get_objects()))
"""


def test_a_full_collection_leaves_out_what_starting_has_made() -> None:
    done = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True, cwd=ROOT)
    before, after = map(int, done.stdout.split())
    assert before > 10_000
    assert after < before / 10
