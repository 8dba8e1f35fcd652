"""Which files a place means, in which order, and what is left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from daemon.backfill.listing import Listing, LocalFile, NoSuchPlaceError
from daemon.backfill.remote import RemoteAccess
from daemon.config.intake_settings import IGNORED

if TYPE_CHECKING:
    from pathlib import Path

HERE = RemoteAccess(options={})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2.csv", "b/10.csv", "a/x/deep.csv", "a/y.csv", "c.csv", ".hidden/z.csv", "~$open.xlsx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "b" / "2.rejects.xlsx").write_text("of Headgate itself")
    (tmp_path / "b" / "2.reason.txt").write_text("of Headgate itself")
    (tmp_path / "link.csv").symlink_to("c.csv")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def files_of(*places: object) -> list[LocalFile]:
    files = list(Listing([str(place) for place in places], IGNORED, HERE))
    return [file for file in files if isinstance(file, LocalFile)]


def listed(tree: Path, *places: object) -> list[str]:
    files = files_of(*places)
    assert all(file.trouble is None for file in files)
    assert [file.size_bytes for file in files] == [file.path.stat().st_size for file in files]
    return [str(file.path.relative_to(tree)) for file in files]


def test_a_folder_is_gone_through_by_name_with_the_folders_in_it(tree: Path) -> None:
    assert listed(tree, tree) == ["a/x/deep.csv", "a/y.csv", "b/10.csv", "b/2.csv", "c.csv"]


def test_places_come_in_the_order_given(tree: Path) -> None:
    assert listed(tree, tree / "c.csv", tree / "a", tree / "b") == [
        *("c.csv", "a/x/deep.csv", "a/y.csv", "b/10.csv", "b/2.csv")
    ]


def test_what_a_person_names_is_taken_whatever_it_is_called(tree: Path) -> None:
    assert listed(tree, tree / "b" / "2.rejects.xlsx", tree / "link.csv") == ["b/2.rejects.xlsx", "c.csv"]


def test_patterns_and_urls(tree: Path) -> None:
    assert listed(tree, tree / "b" / "*") == ["b/10.csv", "b/2.csv"]
    (tree / "loop").unlink()
    assert listed(tree, tree / "**" / "*.csv") == ["a/x/deep.csv", "a/y.csv", "b/10.csv", "b/2.csv", "c.csv", "c.csv"]
    (tree / "new year[1].csv").write_text("x")
    assert listed(tree, (tree / "new year[1].csv").as_uri()) == ["new year[1].csv"]
    assert listed(tree, tree / "new year[1].csv") == ["new year[1].csv"]


@pytest.mark.parametrize("place", ["none", "none*.csv", "file:///none"])
def test_a_place_that_is_not_there_is_told_before_anything_begins(tree: Path, place: str) -> None:
    with pytest.raises(NoSuchPlaceError, match="name files"):
        Listing([place if "://" in place else str(tree / place)], IGNORED, HERE)


def test_what_cannot_be_looked_at_is_told_and_holds_up_nothing(tree: Path) -> None:
    listing = Listing([str(tree / "a" / "y.csv"), str(tree / "c.csv")], IGNORED, HERE)
    (tree / "a" / "y.csv").unlink()
    (tree / "a" / "y.csv").symlink_to("y.csv")
    assert [(file.label, file.trouble) for file in listing] == [
        (str(tree / "a" / "y.csv"), "Too many levels of symbolic links"),
        (str(tree / "c.csv"), None),
    ]
    assert [file.path.name for file in files_of(tree / "a")] == ["deep.csv"], "a link in a folder is left alone"


def test_many_files_are_listed_one_by_one(tmp_path: Path) -> None:
    """The listing of a folder knows the names in it, and no more than one file is made of them at a time."""
    for number in range(3_000):
        (tmp_path / f"{number:05}.csv").touch()
    files = iter(Listing([str(tmp_path)], IGNORED, HERE))
    assert next(files).label.endswith("/00000.csv")
    (tmp_path / "02999.csv").unlink()
    assert sum(1 for _ in files) == 2_998
