"""A stop in the very moment in which a job is claimed: the job is drained or given back, and the process ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api_caller import Api

if TYPE_CHECKING:
    from .conftest import Headgate


@pytest.mark.parametrize("attempt", range(5))
def test_a_job_handed_in_just_before_the_stop(
    sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path], attempt: int
) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    book = orders(tmp_path / "orders.xlsx", 5, start=attempt * 100).read_bytes()
    assert Api(headgate.api_url, headgate.token).submit(book).status == 201
    assert headgate.stop(process) == 0
    state, attempts = headgate.rows("SELECT state, attempt FROM headgate_job")[0]
    assert (state, attempts) in {("loaded", 1), ("queued", 0)}
    assert "Traceback" not in headgate.log.read_text(encoding="utf-8")
