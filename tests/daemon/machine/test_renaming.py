"""A rename that overwrites nothing, and what stands in for it where the file system knows none."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING

import pytest

from daemon.machine import renaming
from daemon.machine.renaming import rename_to_free

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["one step", "unknown to the file system", "unknown to the system"])
def folders(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, int]]:
    """Two open folders, `source` with the file `a`."""
    places = [tmp_path / "source", tmp_path / "sink"]
    for place in places:
        place.mkdir()
    (places[0] / "a").write_text("new")

    def unknown(*_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1

    if request.param != "one step":
        found = unknown if request.param == "unknown to the file system" else None
        monkeypatch.setattr(renaming, "_rename", lambda: found)
    source, sink = (os.open(place, os.O_RDONLY) for place in places)
    yield source, sink
    os.close(source)
    os.close(sink)


def test_a_free_name_is_taken(folders: tuple[int, int], tmp_path: Path) -> None:
    rename_to_free("a", "b", source=folders[0], sink=folders[1])
    assert (tmp_path / "sink" / "b").read_text() == "new"
    assert not list((tmp_path / "source").iterdir())


def test_a_taken_name_keeps_what_it_has(folders: tuple[int, int], tmp_path: Path) -> None:
    (tmp_path / "sink" / "b").write_text("old")
    with pytest.raises(FileExistsError):
        rename_to_free("a", "b", source=folders[0], sink=folders[1])
    assert (tmp_path / "sink" / "b").read_text() == "old"
    assert (tmp_path / "source" / "a").read_text() == "new"


def test_a_file_that_is_gone_leaves_nothing(folders: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        rename_to_free("gone", "b", source=folders[0], sink=folders[1])
    assert not list((tmp_path / "sink").iterdir())
