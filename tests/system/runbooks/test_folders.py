"""Alerts on watched folders: their causes are made, their runbooks followed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from ..conftest import NO_OVERRIDE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)


def test_a_folder_that_is_gone(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    with called("HeadgateFolderGone") as operator:
        gate.inbox.rename(gate.folder / "elsewhere")
        operator.is_called()
        gate.tells("folder not read")
        operator.reads("make it again")
        gate.inbox.mkdir()
        operator.is_done()
        orders(gate.inbox / "orders-1.xlsx", 5)
        operator.reads("what lies in it is taken")
        gate.until(lambda: gate.all_finished(1), "what lies in it is taken", process=operator.process)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give capabilities away")
def test_files_that_cannot_be_read(called: Called, sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    gate.prefix = NO_OVERRIDE
    file, folder = orders(gate.inbox / "orders-1.xlsx", 5), gate.inbox / "more"
    folder.mkdir()
    orders(folder / "orders-2.xlsx", 5, start=10)
    file.chmod(0)
    folder.chmod(0)
    with called("HeadgateFolderFilesUnreadable") as operator:
        operator.is_called()
        operator.reads("`files not read`")
        gate.tells("files not read")
        operator.reads("`Permission denied`: give Headgate's user the right to read (`chmod g+r FILE`")
        gate.tells("Permission denied")
        operator.reads("to enter a folder (`chmod g+rx SUBFOLDER`)")
        # Of the test's files Headgate's user is the owner.
        file.chmod(0o600)
        folder.chmod(0o700)
        operator.reads("no restart is needed")
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 2, "both are loaded", process=operator.process)
