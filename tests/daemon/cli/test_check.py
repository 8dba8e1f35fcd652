"""What `headgate check` tells beyond the settings: which file was read, and tasks that cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
APPLICATION = {
    # It may print, and leave a thread and a process behind.
    "good.py": """
import subprocess, sys, threading, time

print("good", flush=True)
threading.Thread(target=time.sleep, args=(600,)).start()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
NUMBER = 3

def report(): ...
""",
    "broken.py": "raise RuntimeError('no\\nprinter')\n",
    "gone.py": "import os\nos._exit(3)\n",
}


REMEDY = "correct module:function; the module is found on PYTHONPATH or among the installed packages"


def checked(folder: Path) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "check", "--json"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


def test_which_file_was_read(tmp_path: Path) -> None:
    file = tmp_path / "headgate.yml"
    status, told = checked(tmp_path)
    assert (status, told["fine"]) == (0, True)
    assert told["resolved"][0] == (
        f"configuration: there is no {file}; the defaults are used, -c FILE names another file"
    )
    file.write_text("environment: production\n", encoding="utf-8")
    assert checked(tmp_path)[1]["resolved"][0] == f"configuration: {file}"


def test_a_link_to_no_configuration_is_not_taken_for_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "headgate.yml").symlink_to("elsewhere.yml")
    status, told = checked(tmp_path)
    assert status == 2
    assert told["problems"]


def test_tasks_that_cannot_be_imported(tmp_path: Path) -> None:
    for name, text in APPLICATION.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    file = tmp_path / "headgate.yml"
    calls = ("good:report", "good:nothing", "good:NUMBER", "broken:x", "gone:x", "there.is.none:x")
    lines = [f"  task{number}: {call}\n" for number, call in enumerate(calls)]
    file.write_text("".join(["tasks:\n", *lines]), encoding="utf-8")
    status, told = checked(tmp_path)
    assert (status, told["fine"]) == (2, False)
    reasons = (
        "good:nothing cannot be imported: AttributeError: module 'good' has no attribute 'nothing'",
        "good:NUMBER cannot be imported: int is no function",
        "broken:x cannot be imported: RuntimeError: no printer",
        "gone:x cannot be imported: its module ends the process (exit code 3)",
        "there.is.none:x cannot be imported: ModuleNotFoundError: No module named 'there'",
    )
    assert told["problems"] == [
        f"headgate.yml:{line}: tasks.task{line - 2}: {reason}; {REMEDY}" for line, reason in enumerate(reasons, start=3)
    ]


def test_transforms_that_cannot_be_imported(tmp_path: Path) -> None:
    for name, text in APPLICATION.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "headgate.yml").write_text("datasets: [datasets/*.yml]\n", encoding="utf-8")
    (tmp_path / "datasets").mkdir()
    for name, transform in (("fine", "good:report"), ("bad", "there.is.none:x")):
        fields = "fields: [{name: sku, type: string}]"
        text = f"dataset: {name}\n{fields}\nload: {{table: {name}}}\ntransform: {transform}\n"
        (tmp_path / "datasets" / f"{name}.yml").write_text(text, encoding="utf-8")
    status, told = checked(tmp_path)
    reason = "ModuleNotFoundError: No module named 'there'"
    assert (status, told["problems"]) == (
        2,
        [f"dataset bad: transform there.is.none:x cannot be imported: {reason}; {REMEDY}"],
    )
