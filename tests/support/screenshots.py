"""The pictures of the page in docs/: owns what is on them. Run by `make screenshots`."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import yaml
from browser import DESK, PHONE, emulate, find_programs, running_browser
from ports import free_port
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

ROOT: Final = Path(__file__).resolve().parents[2]
PICTURES: Final = ROOT / "docs" / "screenshots"
TOKEN: Final = "t" * 32
WAIT_SECONDS: Final = 60
QUALITY: Final = 80
BYTES_MAX: Final = 150_000
CORRECTIONS: Final = {"2024-02-31": "2024-02-29", "0": "2", "#N/A": "about 70"}
"""What bad cells hold, and what is typed over it; the last one is not taken."""
CORRECTED: Final = ".mend-cell[data-edited=true]"
ENDED: Final = "#jobs .state:not([data-kind=busy], [data-kind=wait])"
CARDS_ENDED: Final = ".upload:is([data-state=loaded], [data-state=partial])"
PARTIAL_LINK: Final = ".upload[data-state=partial] a[data-route]"
HANDED_IN: Final = ("orders/订单导出-2024-05.xlsx", "orders/orders-with-mistakes.xlsx", "stock/inventario-mayo.xls")

SAMPLE: Final = "settlements/abrechnung-2024-04.xlsx"
UNKNOWN: Final = "by-hand/auftraege-mai.csv"
MEANT: Final = {
    "Auftragsnr": "order_no",
    "Shop": "shop",
    "Marktplatz": "site",
    "Bestelldatum": "order_date",
    "Artikel": "product",
    "Anzahl": "quantity",
    "Einzelpreis": "price",
    "Zustand": "status",
    "Bearbeiter": "-",
}
"""What the columns of the unknown file mean."""


def main() -> None:
    """Run a daemon on copies of the examples and take every picture."""
    programs = find_programs()
    if programs is None:
        sys.exit("chromium and chromedriver are missing: run make services")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("var"))
        with running_daemon(folder / "examples") as url, running_browser(programs, folder) as browser:
            take(browser, url, folder / "examples" / "inbox")
    print(f"the pictures are in {PICTURES}")


@contextmanager
def running_daemon(folder: Path) -> Iterator[str]:
    """Run a daemon with the examples' datasets and no watched folder; yield the address of its page."""
    port = free_port()
    settings = {
        "datasets": ["datasets/*.yml"],
        "api": {"port": port},
        "exporter": {"enabled": False},
        "logging": {"level": "warning"},
    }
    (folder / "headgate.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (folder / "var").mkdir()
    token = folder / "var" / "api.token"
    token.write_text(f"anna admin {TOKEN}\n", encoding="utf-8")
    token.chmod(0o600)
    command = [sys.executable, "-m", "daemon", "run", "-c", str(folder / "headgate.yml")]
    daemon = subprocess.Popen(command, cwd=ROOT)
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/login"))
        yield f"http://127.0.0.1:{port}"
    finally:
        daemon.terminate()
        daemon.wait(WAIT_SECONDS)


def answers(url: str) -> bool:
    """Say whether somebody answers there."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def until(condition: Callable[[], Any]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("this does not come about; look at what the daemon says")
        time.sleep(0.1)


def take(browser: Chrome, url: str, inbox: Path) -> None:
    """Go through the page as a person does, and take a picture of each view."""
    PICTURES.mkdir(exist_ok=True)
    browser.get(url)
    picture(browser, "sign-in", size=DESK)
    browser.find_element(By.ID, "token").send_keys(TOKEN)
    browser.find_element(By.CSS_SELECTOR, "button").click()
    shown(browser, "#hand-in")
    files = sorted(path for path in inbox.rglob("*.xls*") if str(path.relative_to(inbox)) not in HANDED_IN)
    for file in files:
        post(url, file, file.parent.name)
    until(lambda: len(browser.find_elements(By.CSS_SELECTOR, ENDED)) == len(files))
    for count, name in enumerate(HANDED_IN, start=1):
        Select(browser.find_element(By.ID, "dataset")).select_by_value(name.partition("/")[0])
        browser.find_element(By.ID, "file").send_keys(str(inbox / name))
        until(lambda: len(browser.find_elements(By.CSS_SELECTOR, CARDS_ENDED)) == count)  # noqa: B023  # called at once
    Select(browser.find_element(By.ID, "dataset")).select_by_value("")
    until(lambda: len(browser.find_elements(By.CSS_SELECTOR, ENDED)) == len(files) + len(HANDED_IN))
    for name, size, dark in (("hand-in", DESK, False), ("hand-in-dark", DESK, True), ("hand-in-phone", PHONE, False)):
        picture(browser, name, size=size, dark=dark)
    browser.get(str(browser.find_element(By.CSS_SELECTOR, PARTIAL_LINK).get_attribute("href")))
    shown(browser, ".errors")
    picture(browser, "rejected-rows", size=DESK)
    picture(browser, "rejected-rows-phone", size=PHONE, dark=True)
    emulate(browser, size=DESK, dark=False)
    mend(browser)
    for name, size, dark in (("mend", DESK, False), ("mend-dark", DESK, True), ("mend-phone", PHONE, False)):
        picture(browser, name, size=size, dark=dark, only=".mend")
    browser.get(f"{url}/draft")
    shown(browser, "#draft h1")
    browser.find_element(By.ID, "sample-file").send_keys(str(inbox / SAMPLE))
    shown(browser, '#draft-verdict[data-kind="good"]')
    picture(browser, "dataset-from-a-sample", size=DESK)
    browser.get(f"{url}/jobs/{post(url, inbox.parent / UNKNOWN, 'orders')}")
    for title, field in MEANT.items():
        shown(browser, select := f"select[aria-label='Field of {title}']")
        Select(browser.find_element(By.CSS_SELECTOR, select)).select_by_value(field)
    for text, value in (("Malaysia", "MY"), ("Singapur", "SG")):
        shown(browser, select := f"select[aria-label='What {text} stands for']")
        Select(browser.find_element(By.CSS_SELECTOR, select)).select_by_visible_text(value)
    shown(browser, '#map-verdict[data-kind="good"]')
    picture(browser, "mapping", size=DESK)


def mend(browser: Chrome) -> None:
    """Correct some of the rejected rows, one of them wrongly."""
    shown(browser, ".mend-cell")
    for wrong, text in CORRECTIONS.items():
        while not browser.switch_to.active_element.text.startswith(wrong):
            browser.find_element(By.ID, "mend-next").click()
        ActionChains(browser).send_keys(text, Keys.TAB).perform()
    until(lambda: browser.find_element(By.CSS_SELECTOR, ".mend-place").text.count("taken as") == len(CORRECTIONS) - 1)


def post(url: str, file: Path, dataset: str) -> int:
    """Hand a file in past the page, so that it has no card on it; return the number of its job."""
    request = urllib.request.Request(
        f"{url}/api/v1/jobs?name={quote(file.name)}&dataset={dataset}",
        data=file.read_bytes(),
        headers={"Authorization": f"Bearer {TOKEN}"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return int(json.load(answer)["id"])


def shown(browser: Chrome, selector: str) -> None:
    """Wait until something is on the page."""
    until(lambda: any(element.is_displayed() for element in browser.find_elements(By.CSS_SELECTOR, selector)))


def picture(browser: Chrome, name: str, *, size: tuple[int, int], dark: bool = False, only: str = "main") -> None:
    """Take a picture as wide as the window and as high as the page within bounds, or of one part of it."""
    emulate(browser, size=size, dark=dark)
    height = browser.execute_script("scrollTo(0, 0); document.activeElement.blur(); return document.body.scrollHeight")
    emulate(browser, size=(size[0], min(max(size[1], height), 2 * size[1])), dark=dark)
    time.sleep(0.3)
    wanted: dict[str, Any] = {"format": "webp", "quality": QUALITY}
    if only != "main":
        browser.execute_script(
            "document.querySelector('.mend-place').scrollLeft = 0;"
            "document.querySelector(arguments[0]).scrollIntoView({inline: 'nearest', block: 'nearest'});"
            "scrollTo(0, 0)",
            CORRECTED,
        )
        area = browser.find_element(By.CSS_SELECTOR, only).rect
        wanted["clip"] = {**{key: area[key] for key in ("x", "y", "width", "height")}, "scale": 1}
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", wanted)
    content = base64.b64decode(taken["data"])
    if len(content) > BYTES_MAX:
        sys.exit(f"the picture {name} has {len(content)} bytes, more than {BYTES_MAX}; lower QUALITY")
    (PICTURES / f"{name}.webp").write_bytes(content)


if __name__ == "__main__":
    main()
