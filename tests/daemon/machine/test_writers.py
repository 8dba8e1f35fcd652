"""Which writers can be seen, by what this process may ask the kernel; and which state of a file it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.machine.file_identity import Stamp, is_changed, readings, spelt, stamp_of

ASK = "import sys, pathlib; from daemon.machine.writers import blind_spot; print(blind_spot(pathlib.Path(sys.argv[1])))"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give capabilities away")
@pytest.mark.parametrize(("given", "seen"), [("+lease", True), ("-all,+dac_read_search", False)])
def test_others_files_are_seen_with_the_capability_for_it(tmp_path: Path, given: str, *, seen: bool) -> None:
    bounded = [
        "setpriv",
        "--bounding-set",
        "-all,+dac_read_search,+lease",
        "--inh-caps",
        given,
        "--ambient-caps",
        given,
    ]
    if not seen:
        bounded = ["setpriv", "--bounding-set", given]
    asked = subprocess.run(
        [*bounded, "--", sys.executable, "-c", ASK, tmp_path], capture_output=True, text=True, check=True, timeout=60
    )
    assert (asked.stdout == "None\n") is seen
    assert seen or "CAP_LEASE" in asked.stdout


ODD_NAMES = [
    "\n.csv",
    "a\tb.csv",
    "\x01\x7f.csv",
    "\u202e\u2028.csv",
    "\U000e0001.csv",
    "a\\new.csv",
    os.fsdecode(b"\n\xff.csv"),
]


@pytest.mark.parametrize("name", ["a.xlsx", "订单.xlsx", os.fsdecode(b"\xb6\xa9\xb5\xa5.xlsx"), *ODD_NAMES])
def test_a_file_is_known_by_its_path_as_a_text_and_by_its_stamp(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"one")
    stamp, text = stamp_of(path.lstat()), spelt(str(path))
    assert str(path) in readings(text)
    assert text.isprintable()
    assert Stamp.read(str(stamp)) == stamp
    assert not is_changed(text, str(stamp))
    path.write_bytes(b"other")
    assert is_changed(text, str(stamp))
    path.unlink()
    assert not is_changed(text, str(stamp))


@pytest.mark.parametrize(
    "text", ["a\\ud800.csv", "a\\x00.csv", "a\\Uffffffff.csv", "a\\U00110000.csv", "\\u0041", "\\"]
)
def test_a_name_with_a_backslash_is_read_as_it_stands(text: str) -> None:
    assert readings(text) == (text,)


def test_a_copy_with_its_times_differs_by_its_inode_only() -> None:
    assert Stamp(1, 2, 3).moved_from(Stamp(9, 2, 3))
    assert not Stamp(1, 2, 3).moved_from(Stamp(1, 2, 4))
