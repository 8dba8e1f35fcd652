"""`make coverage`: which lines no test reaches, in whichever process; owns how all these processes are measured.

A line in the environment's site folder starts the measurement in each of its interpreters for as long as this runs:
workers get a chosen environment, and variables would not reach them. They end by `os._exit`, which coverage.py is told
to watch (pyproject.toml); what a process that is killed has run is lost.
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

ROOT: Final = Path(__file__).resolve().parents[2]
SITE: Final = Path(sysconfig.get_path("purelib"))
FOLDER: Final = ROOT / ".cache" / "coverage"
WORST: Final = 10
SETTINGS: Final = {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"), "COVERAGE_FILE": str(FOLDER / "data")}
START: Final = (
    f"import os; os.environ.update({SETTINGS}); import coverage; coverage.process_startup(); "
    f"[os.environ.pop(name) for name in {[*SETTINGS]}]\n"
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
    command = [sys.executable, "-m", "coverage", *arguments, f"--data-file={FOLDER / 'data'}"]
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
