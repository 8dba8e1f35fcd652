"""A headless Chromium of the system's packages: owns how it is found, started and kept from the network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-prefers-reduced-motion",
    "--hide-scrollbars",
    "--lang=en-GB",
)
DESK: Final = (1280, 900)
PHONE: Final = (390, 844)


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """Where the browser and its driver are."""

    browser: Path
    driver: Path


def find_programs() -> Programs | None:
    """Return the browser and its driver, None if one of them is not installed."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return Programs(browser=Path(browser), driver=Path(driver)) if browser and driver else None


@contextmanager
def running_browser(
    programs: Programs, folder: Path, *, size: tuple[int, int] = DESK, dark: bool = False
) -> Iterator[webdriver.Chrome]:
    """Run a browser with a new, empty profile below `folder`; what it downloads lands in `folder`/downloads."""
    options = Options()
    options.binary_location = str(programs.browser)
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Named, so that nothing is looked for or fetched.
    driver = webdriver.Chrome(options=options, service=Service(executable_path=str(programs.driver)))
    try:
        emulate(driver, size=size, dark=dark)
        yield driver
    finally:
        driver.quit()


def emulate(driver: webdriver.Chrome, *, size: tuple[int, int], dark: bool) -> None:
    """Give the page a viewport, a phone's where it is narrow, and a preference of colours."""
    width, height = size
    phone = width <= PHONE[0]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 2 if phone else 1, "mobile": phone}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def read_in(driver: webdriver.Chrome, language: str) -> None:
    """Let the browser ask for pages in a language, as one does whose reader has set it."""
    agent = driver.execute_script("return navigator.userAgent")
    driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
