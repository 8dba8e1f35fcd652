"""The files that come with Headgate, written again over a folder: unedited ones follow the release, edits stay."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from daemon.cli.assets import MANIFEST, write_assets
from daemon.config.shipped import shipped_files


def as_of_an_older_release(folder: Path, name: str, *, edited: bool) -> Path:
    """A file whose content was shipped once, and, where it is edited, is no longer what was shipped."""
    write_assets(folder, replace=False)
    path = folder / name
    path.write_text("of an older release\n", encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][name] = (
        hashlib.sha256(b"another").hexdigest() if edited else hashlib.sha256(path.read_bytes()).hexdigest()
    )
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return path


def test_everything_is_written_once(tmp_path: Path) -> None:
    done = write_assets(tmp_path, replace=False)
    assert [path.relative_to(tmp_path).as_posix() for path in done.written] == list(shipped_files())
    assert "prometheus.yml" in shipped_files()
    assert not done.kept
    again = write_assets(tmp_path, replace=False)
    assert (again.written, again.kept) == ([], {})


def test_what_nobody_edited_follows_the_release(tmp_path: Path) -> None:
    path = as_of_an_older_release(tmp_path, "prometheus.yml", edited=False)
    assert write_assets(tmp_path, replace=False).written == [path]
    assert path.read_bytes() == shipped_files()["prometheus.yml"]


def test_an_edit_is_kept_and_shown_until_it_is_to_be_replaced(tmp_path: Path) -> None:
    path = as_of_an_older_release(tmp_path, "prometheus.yml", edited=True)
    for _ in range(2):
        done = write_assets(tmp_path, replace=False)
        assert done.written == []
        assert list(done.kept) == [path]
        assert "-of an older release" in done.kept[path]
        assert path.read_text(encoding="utf-8") == "of an older release\n"
    assert write_assets(tmp_path, replace=True).written == [path]
    assert write_assets(tmp_path, replace=False).kept == {}


def test_without_a_manifest_every_difference_is_an_edit(tmp_path: Path) -> None:
    path = as_of_an_older_release(tmp_path, "prometheus.yml", edited=False)
    for said in ("not JSON", "[]", None):
        if said is None:
            (tmp_path / MANIFEST).unlink()
        else:
            (tmp_path / MANIFEST).write_text(said, encoding="utf-8")
        assert list(write_assets(tmp_path, replace=False).kept) == [path]
