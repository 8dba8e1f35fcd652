"""kill -9 of the daemon at random moments: after restarts every table holds exactly the expected rows."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

pytestmark = pytest.mark.fault

FILES, ROWS, KILLS = 20, 3000, 50


@pytest.mark.timeout(900)
def test_fifty_kills_and_every_row_is_there_once(headgate: Headgate, orders: Callable[..., Path]) -> None:
    """Mode insert without a key would show a second load as doubled rows, so the table here has no key.

    A kill counts only if files of the batch were still to be loaded; when all are, the next batch goes in.
    """
    headgate.add_without_key()
    headgate.settings["ledger"]["max_lost_leases"] = 1000
    headgate.write_config()
    seed = random.randrange(10**6)  # shown on failure, so that a run can be repeated
    chance = random.Random(seed)
    files = kills = 0
    while kills < KILLS:
        if headgate.loaded_jobs() == files:
            for number in range(files, files + FILES):
                orders(headgate.inbox / f"orders-{number}.xlsx", ROWS, start=number * ROWS)
            files += FILES
        process = headgate.start()
        time.sleep(chance.uniform(0.3, 1.8))
        assert process.poll() is None, headgate.tail()
        headgate.kill(process)
        kills += headgate.loaded_jobs() < files
    process = headgate.start_ready()
    headgate.until(lambda: headgate.loaded_jobs() == files, "every file is loaded", seconds=180, process=process)
    headgate.until(lambda: headgate.all_finished(files), "every job has ended", process=process)
    states = [job["state"] for job in headgate.jobs() if job["state"] != "duplicate"]
    assert states == ["loaded"] * files, f"seed {seed}"
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS), f"seed {seed}"
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(files * ROWS), f"seed {seed}"
    assert headgate.stop(process) == 0
    assert not list((headgate.folder / "var" / "spool").glob("*/jobs/*")), "spool folders are left over"
