"""What a source takes, by name, and what is another source."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.config.intake_settings import IntakeSettings, ObjectSource
from daemon.errors import StorageSettingsError
from daemon.intake.sources.settings import SETTLE_SECONDS, Source


def source(**more: Any) -> Source:
    said = ObjectSource.model_validate({"name": "shop", "url": "s3://bucket/new", **more})
    return Source.of(said, IntakeSettings())


@pytest.mark.parametrize(
    ("glob", "path", "taken"),
    [
        ("**", "orders.xlsx", True),
        ("**", "2026/orders.xlsx", True),
        ("**", ".hidden/orders.xlsx", False),
        ("**", "2026/~$orders.xlsx", False),
        ("**", "orders.xlsx.part", False),
        ("*.xlsx", "2026/orders.xlsx", True),
        ("2026/*.xlsx", "2026/orders.xlsx", True),
        ("2026/*.xlsx", "2025/orders.xlsx", False),
        ("2026/**/*.xlsx", "2026/a/b/orders.xlsx", True),
    ],
)
def test_which_files_are_wanted(*, glob: str, path: str, taken: bool) -> None:
    assert source(glob=glob).wants(path) is taken


@pytest.mark.parametrize(
    ("after", "skipped"),
    [
        ("keep", None),
        ("move:s3://bucket/new/done", "done"),
        ("move:s3://bucket/done", None),
        ("move:s3://other/new/done", None),
    ],
)
def test_files_that_were_moved_are_not_listed_again(after: str, skipped: str | None) -> None:
    assert source(after=after).skip == skipped


def test_files_are_moved_inside_of_one_storage() -> None:
    with pytest.raises(StorageSettingsError, match="inside of one only"):
        source(after="move:sftp://host/done")


def test_objects_need_not_settle_files_do() -> None:
    assert source().settle_seconds == 0
    assert source(url="sftp://host/new").settle_seconds == SETTLE_SECONDS
    assert source(settle_seconds=3).settle_seconds == 3


def test_a_source_is_another_when_anything_of_it_is() -> None:
    assert source().is_like(source())
    assert not source().is_like(source(poll_seconds=5))
    said = ObjectSource(name="shop", url="s3://bucket/new")
    assert not source().is_like(Source.of(said, IntakeSettings(max_file_mb=1)))
    assert not source().is_like(Source.of(said, IntakeSettings(ignore=("*.bak",))))
