"""Which marker counts for which file: what senders do with the times of both, and what is left from before."""

from __future__ import annotations

import pytest

from daemon.intake.done_markers import DoneMarkers
from daemon.intake.folder_files import Listing
from daemon.intake.marker import Marker
from daemon.machine.file_identity import Stamp

SECOND = 10**9


def stamp(mtime: float, inode: int = 1, size: int = 10) -> Stamp:
    return Stamp(inode, size, int(mtime * SECOND))


def listing(*, size: int = 10, **files: tuple[float, float]) -> Listing:
    """Give a listing of files by mtime and ctime in seconds; `_done` stands for the marker of a file."""
    named = {name.replace("_done", ".csv.done") if "_" in name else f"{name}.csv": at for name, at in files.items()}
    return Listing(
        files={name: stamp(mtime, size=1 if name.endswith(".done") else size) for name, (mtime, _) in named.items()},
        changed_ns={name: int(ctime * SECOND) for name, (_, ctime) in named.items()},
        folders={},
        unread={},
    )


@pytest.mark.parametrize(
    ("file", "marker", "counts"),
    [
        ((100, 100), (101, 101), True),
        ((100, 100), (100, 100), True),  # within the same second, where times are no finer
        ((101, 101), (100, 100), False),  # written to since
        ((101, 101), (50, 102), True),  # a marker that was moved or copied there with an old time
        ((50, 103), (50, 100), True),  # `cp -p` and rsync: everything was there when the old time was set
        ((900, 103), (104, 104), True),  # a sender whose clock is ahead
        ((900, 103), (100, 100), False),
        ((101, 104), (102, 102), True),  # its owner was changed since, its content not
    ],
)
def test_a_marker_counts_if_nothing_was_written_since(
    file: tuple[float, float],
    marker: tuple[float, float],
    counts: bool,  # noqa: FBT001  # a parameter of pytest's
) -> None:
    said = Marker(stamp(marker[0]), int(marker[1] * SECOND))
    assert said.counts_for(stamp(file[0]), int(file[1] * SECOND)) is counts
    assert DoneMarkers(".done").marked(listing(a=file, a_done=marker), {}) == (["a.csv"] if counts else [])


def test_files_without_a_marker_that_counts_are_counted_and_markers_are_no_files() -> None:
    markers = DoneMarkers(".done")
    found = listing(a=(1, 1), a_done=(2, 2), b=(1, 1), c=(3, 3), c_done=(2, 2), d_done=(1, 1))
    assert markers.marked(found, {}) == ["a.csv"]
    assert markers.unmarked == 2
    assert list(markers.outdated(0)) == ["c.csv"]
    assert markers.outdated(60) == {}
    assert DoneMarkers(None).marked(found, {}) == list(found.files)


def test_a_marker_is_said_once_of_a_name() -> None:
    markers = DoneMarkers(".done")
    assert markers.marked(listing(a=(100, 100), a_done=(101, 101)), {}) == ["a.csv"]
    taken = {"a.csv": stamp(100)}
    assert markers.marked(listing(a=(100, 100), a_done=(101, 101)), taken) == ["a.csv"], "the same file still"
    # Another file of the name, with an older time: its marker has not come.
    assert markers.marked(listing(size=11, a=(50, 110), a_done=(101, 101)), taken) == []
    assert markers.marked(listing(size=11, a=(50, 110), a_done=(101, 101)), {}) == []
    assert markers.marked(listing(size=11, a=(50, 110), a_done=(111, 111)), {}) == ["a.csv"]


def test_a_marker_that_is_touched_again_was_said_of_the_file_that_is_there() -> None:
    markers = DoneMarkers(".done")
    markers.marked(listing(a=(100, 100), a_done=(101, 101)), {})
    markers.marked(listing(a=(100, 100), a_done=(105, 105)), {"a.csv": stamp(100)})
    assert markers.marked(listing(size=11, a=(50, 110), a_done=(105, 105)), {"a.csv": stamp(100)}) == []
    assert markers.marked(listing(size=11, a=(50, 110)), {}) == []
    assert markers.marked(listing(size=11, a=(50, 110), a_done=(105, 105)), {}) == ["a.csv"], (
        "it was taken away between"
    )


@pytest.mark.parametrize("later", [stamp(50), stamp(100, inode=2)])
def test_a_time_set_behind_the_marker_or_an_inode_that_does_not_last_makes_no_other_file(later: Stamp) -> None:
    markers = DoneMarkers(".done")
    before, after = listing(a=(100, 100), a_done=(101, 101)), listing(a=(100, 100), a_done=(101, 101))
    after.files["a.csv"] = later
    after.changed_ns["a.csv"] = 110 * SECOND
    assert markers.marked(before, {}) == ["a.csv"]
    assert markers.marked(after, {"a.csv": before.files["a.csv"]}) == ["a.csv"]


def test_a_file_that_was_put_away_leaves_its_marker_to_nobody() -> None:
    markers = DoneMarkers(".done")
    first = listing(a=(100, 100), a_done=(101, 101))
    assert markers.marked(first, {}) == ["a.csv"]
    markers.moved_away("a.csv", first.files["a.csv"])
    second = listing(a=(50, 110), a_done=(101, 101))
    second.files["a.csv"] = stamp(50, inode=2, size=11)
    assert markers.marked(second, {}) == []
