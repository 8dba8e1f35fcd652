"""`make stack`: Prometheus and Alertmanager beside the demo; it ends with everything that it started."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def stack(
    tmp_path: Path, prometheus_binary: Path, alertmanager_binary: Path, free_port: Callable[[], int]
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the stack of a copy of the repository on ports of our own."""
    assert prometheus_binary
    assert alertmanager_binary
    for name in ("examples", "alerts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("var", "__pycache__"))
    shutil.copy(ROOT / "prometheus.yml", tmp_path)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")}
    environ = {**clean, "HEADGATE_API__PORT": str(free_port()), "HEADGATE_EXPORTER__PORT": str(free_port())}
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, prometheus_port: int | None = None) -> subprocess.Popen[str]:
        ports = ("--prometheus-port", prometheus_port or free_port(), "--alertmanager-port", free_port())
        process = subprocess.Popen(
            [sys.executable, tmp_path / "examples" / "stack.py", *options, *map(str, ports)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environ,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def left(folder: Path) -> list[str]:
    """Programs that still work in the folder: each is in a session of its own and names it in its arguments."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or [])
        if f"{folder}/" in line and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def test_once(stack: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = stack("--once")
    shown, _ = process.communicate(timeout=300)
    assert process.returncode == 0, shown
    assert shown.count("seen: ") == 3, shown
    assert "every workbook and every table is as" in shown
    assert not left(tmp_path)


def test_ctrl_c_ends_everything(stack: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = stack()
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    shown = "".join(lines)
    assert "Prometheus    http://127.0.0.1:" in shown
    assert "Alertmanager  http://127.0.0.1:" in shown
    running = left(tmp_path)
    assert {"alertmanager", "prometheus"} <= {Path(line.split()[0]).name.split("-")[-1] for line in running}
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert not left(tmp_path)


def test_a_port_in_use_is_said(stack: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = stack("--once", prometheus_port=taken.getsockname()[1])
        shown, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "prometheus does not start" in shown
    assert "address already in use" in shown
    assert not left(tmp_path)
