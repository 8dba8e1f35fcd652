"""Fixtures for tests that ask every kind of storage the same, or S3 alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from storage_servers import PLACES, Place, s3_place


@contextmanager
def asked_for(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """Serve what the parameter says, where its server is installed."""
    if request.param == "smb":
        request.getfixturevalue("samba")
    with PLACES[request.param](folder) as found:
        yield found


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with asked_for(request, tmp_path) as found:
        yield found


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[Place]:
    with s3_place(tmp_path) as found:
        yield found
