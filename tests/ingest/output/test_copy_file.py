"""What a worker writes for a load: a disk that takes no more is told as the system tells it."""

from __future__ import annotations

import errno
import resource
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingest.output.copy_file import write_rows

if TYPE_CHECKING:
    from pathlib import Path


def test_rows_that_a_disk_does_not_take_are_told_with_the_systems_reason(tmp_path: Path) -> None:
    """Without it a full disk would be called the file's failure."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            write_rows(tmp_path, np.arange(60_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.errno == errno.EFBIG
