"""What tests of a full disk and of a group without memory are given: a file system and a control group of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from control_groups import ControlGroup
from small_disk import SmallDisk

from ..conftest import require_service


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mount an empty file system of so many MB on a folder; it is gone after the test, whoever still uses it."""
    mounted = []

    def mount(folder: Path, megabytes: int = 64) -> None:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "headgate-test", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        if done.returncode:
            require_service("a mount", f"run the tests as root, where root may mount: {done.stderr.strip()}")
        mounted.append(folder)

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=False, timeout=20, capture_output=True)


@pytest.fixture
def read_only() -> Callable[[Path], AbstractContextManager[None]]:
    """Let a folder be read-only for everybody, root too, until it is left."""

    @contextmanager
    def made(folder: Path) -> Iterator[None]:
        place = str(folder)
        commands = (["mount", "--bind", place, place], ["mount", "-o", "remount,bind,ro", place])
        try:
            for command in commands:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
                if done.returncode:
                    require_service("a mount", f"run the tests as root, where root may mount: {done.stderr.strip()}")
            yield
        finally:
            subprocess.run(["umount", "--lazy", folder], check=False, timeout=20, capture_output=True)

    return made


@pytest.fixture
def small_disk(mount: Callable[..., None]) -> Callable[[Path, int], SmallDisk]:
    """Make a folder a file system of so many MB of its own."""

    def make(folder: Path, megabytes: int) -> SmallDisk:
        folder.mkdir(exist_ok=True)
        mount(folder, megabytes)
        return SmallDisk(folder)

    return make


@pytest.fixture
def control_group() -> Iterator[ControlGroup]:
    """A control group without limits so far; a test asks for it before its daemon, which must be gone first."""
    try:
        group = ControlGroup()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield group
    group.remove()
