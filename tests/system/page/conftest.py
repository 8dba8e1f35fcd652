"""A browser at the page of a running daemon: what the tests of the page have in common."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from browser import find_programs, running_browser

from ...conftest import require_service
from ..page_driver import PageDriver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selenium.webdriver import Chrome

    from ..conftest import Headgate

ROOT, SHOP, VIEWER = "r" * 32, "s" * 32, "v" * 32


@pytest.fixture
def gate(sqlite_headgate: Headgate) -> Iterator[Headgate]:
    """A running daemon with three tokens and one worker."""
    secret = sqlite_headgate.folder / "var" / "api.token"
    secret.parent.mkdir()
    secret.write_text(f"root admin {ROOT}\nshop submit {SHOP}\nviewer read {VIEWER}\n", encoding="utf-8")
    secret.chmod(0o600)
    sqlite_headgate.settings["executors"] = {"cpu_workers": 1}
    sqlite_headgate.write_config()
    process = sqlite_headgate.start_ready()
    yield sqlite_headgate
    assert sqlite_headgate.stop(process) == 0


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., AbstractContextManager[Chrome]]:
    programs = find_programs()
    if programs is None:
        require_service("chromium", "install the system packages chromium and chromium-driver")
    assert programs is not None
    return partial(running_browser, programs, tmp_path)


@pytest.fixture
def page(gate: Headgate, browse: Callable[..., AbstractContextManager[Chrome]], tmp_path: Path) -> Iterator[PageDriver]:
    """A browser at the daemon's page; whatever it complained about fails the test."""
    with browse() as browser:
        driver = PageDriver(browser, f"http://127.0.0.1:{gate.settings['api']['port']}", tmp_path)
        yield driver
        assert driver.complaints() == []
