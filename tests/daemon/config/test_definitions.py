"""Files of datasets as they are saved: into which file, whole or not at all, and back again."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from daemon.config.definitions import DefinitionError, Definitions

TEXT = "dataset: parts\nfields:\n  - {name: no, type: string}\nload: {table: parts, mode: insert}\n"


def test_a_new_one_goes_into_the_first_folder_that_takes_it(tmp_path: Path) -> None:
    for name in ("one", "first", "second"):
        (tmp_path / name).mkdir()
    patterns = [
        str(tmp_path / "one" / "orders.yml"),
        *(str(tmp_path / name / "*.yaml") for name in ("first", "second")),
    ]
    definitions = Definitions(patterns)
    assert definitions.find("parts") is None
    saved = definitions.save("parts", TEXT)
    assert (saved.path, saved.before) == (tmp_path / "first" / "parts.yaml", None)
    assert saved.path.read_text(encoding="utf-8") == TEXT
    assert stat.S_IMODE(saved.path.stat().st_mode) == 0o644
    assert "+dataset: parts" in saved.diff
    assert definitions.find("parts") == saved.path
    definitions.undo(saved)
    assert not list((tmp_path / "first").iterdir()), "nothing is left beside it either"


def test_one_that_is_there_keeps_its_file_and_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "whatever.yml"
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o640)
    definitions = Definitions([str(tmp_path / "*.yml")])
    saved = definitions.save("parts", TEXT.replace("insert", "replace"))
    assert (saved.path, saved.before, stat.S_IMODE(path.stat().st_mode)) == (path, TEXT, 0o640)
    assert [line for line in saved.diff.splitlines() if line[0] in "+-"][2:] == [
        "-load: {table: parts, mode: insert}",
        "+load: {table: parts, mode: replace}",
    ]
    definitions.undo(saved)
    assert path.read_text(encoding="utf-8") == TEXT


def test_a_file_of_another_dataset_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "parts.yml").write_text(TEXT.replace("dataset: parts", "dataset: others"), encoding="utf-8")
    with pytest.raises(DefinitionError, match="holds another dataset"):
        Definitions([str(tmp_path / "*.yml")]).save("parts", TEXT)


@pytest.mark.parametrize("pattern", ["orders.yml", "*/orders.yml", "**/*.yml"])
def test_no_folder_takes_new_files(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(DefinitionError, match="takes new files"):
        Definitions([str(tmp_path / pattern)]).save("parts", TEXT)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be written"):
        Definitions([str(tmp_path / "gone" / "*.yml")]).save("parts", TEXT)
