"""`make coverage`: which lines no test reaches, in whichever process; owns how all these processes are measured.

A line in the environment's site folder starts the measurement in each of its interpreters for as long as this runs:
workers get a chosen environment, and variables would not reach them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coverage_start import DATA, FOLDER, ROOT

HERE: Final = Path(__file__).resolve().parent
SITE: Final = Path(sysconfig.get_path("purelib"))
WORST: Final = 10
START: Final = (
    f"import sys; sys.path.append({str(HERE)!r}); import coverage_start; coverage_start.start(); sys.path.pop()\n"
)


@contextmanager
def measured_everywhere() -> Iterator[None]:
    """Let every interpreter of this environment measure itself meanwhile."""
    line = SITE / "headgate_coverage.pth"
    line.write_text(START, encoding="utf-8")
    try:
        yield
    finally:
        line.unlink()


def coverage(*arguments: str) -> None:
    """Run coverage.py; fail where it fails."""
    command = [sys.executable, "-m", "coverage", *arguments, f"--data-file={DATA}"]
    subprocess.run(command, check=True, cwd=ROOT)


def main() -> int:
    """Run the tests that are asked for, all of them by default; print the total and the modules reached least."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    report = FOLDER / "coverage.json"
    coverage("erase")
    with measured_everywhere():
        processes = ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadgroup", "--no-loadscope-reorder"]
        tests = subprocess.run([sys.executable, "-m", "pytest", *processes, *sys.argv[1:]], check=False, cwd=ROOT)
    coverage("combine", "--quiet")
    coverage("json", "--quiet", "-o", str(report))
    found = json.loads(report.read_text(encoding="utf-8"))
    modules = sorted((one["summary"]["percent_covered"], name) for name, one in found["files"].items())
    print(f"\n{found['totals']['percent_covered']:.1f} % of all lines and branches; reached least:")
    for percent, name in modules[:WORST]:
        print(f"{percent:6.1f} %  {name}")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
