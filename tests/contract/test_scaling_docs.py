"""docs/scaling.md and the model of docs/scaling.json are what the measured figures come to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("scaling.json", "scaling.md")


def test_the_model_and_the_tables_are_of_the_figures(tmp_path: Path) -> None:
    """Or `make bench-scale ONLY=model` has to be run."""
    for name in NAMES:
        shutil.copy(ROOT / "docs" / name, tmp_path)
    subprocess.run(
        [sys.executable, ROOT / "tests" / "bench" / "scaling.py", "--only", "model", "--out", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")},
        check=True,
        capture_output=True,
        timeout=100,
    )
    made, kept = (
        [(folder / name).read_text(encoding="utf-8") for name in NAMES] for folder in (tmp_path, ROOT / "docs")
    )
    assert made == kept
