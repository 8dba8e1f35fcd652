"""What a person does at the page, by the means a person has: owns where things are on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

T = TypeVar("T")
WAIT_SECONDS = 30.0


class PageDriver:
    """One browser at one daemon's page."""

    def __init__(self, browser: Chrome, url: str, folder: Path) -> None:
        self.browser, self.url, self.folder = browser, url, folder

    # -- looking -------------------------------------------------------------------------------------

    def until(self, what: str, condition: Callable[[], T | None]) -> T:
        """Return the first true value of a condition; elements that were renewed meanwhile are looked for again."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            try:
                if found := condition():
                    return found
            except StaleElementReferenceException:
                pass
            time.sleep(0.05)
        said = self.browser.find_element(By.TAG_NAME, "body").text
        pytest.fail(f"not within {WAIT_SECONDS:.0f} s: {what}\nthe page says:\n{said[:3000]}")

    def all(self, selector: str) -> list[WebElement]:
        """Return what is shown at one moment; a list that an event renews while it is read is read again."""

        def shown() -> tuple[list[WebElement]]:
            found = self.browser.find_elements(By.CSS_SELECTOR, selector)
            return ([element for element in found if element.is_displayed()],)

        return self.until(f"{selector} is read", shown)[0]

    def one(self, selector: str) -> WebElement:
        def shown() -> WebElement | None:
            return next(iter(self.all(selector)), None)

        return self.until(f"{selector} is shown", shown)

    def link(self, words: str, within: str = "main") -> WebElement:
        def shown() -> WebElement | None:
            return next((one for one in self.all(f"{within} a, {within} button") if words in one.text), None)

        return self.until(f"a link or button «{words}» in {within}", shown)

    def click(self, words: str, within: str = "main") -> None:
        """Press a link or button; one that is renewed before it is pressed is looked for again."""

        def pressed() -> bool:
            self.link(words, within).click()
            return True

        self.until(f"«{words}» in {within} is pressed", pressed)

    def text(self, selector: str = "body") -> str:
        def read() -> tuple[str]:
            return (str(self.browser.find_element(By.CSS_SELECTOR, selector).text),)

        return self.until(f"{selector} is read", read)[0]

    def says(self, words: str, selector: str = "body") -> None:
        self.until(f"{selector} says «{words}»", lambda: any(words in one.text for one in self.all(selector)))

    def cells(self, selector: str) -> list[list[str]]:
        """Return a table's body as text."""

        def read() -> tuple[list[list[str]]]:
            rows = self.all(f"{selector} tr")
            return ([[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td")] for row in rows],)

        return self.until(f"{selector} is read", read)[0]

    def script(self, source: str, *arguments: object) -> Any:
        return self.browser.execute_script(source, *arguments)

    def complaints(self) -> list[str]:
        """Return what the browser itself found wrong since the last call: errors and refusals by the policy."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]

    def axe(self) -> list[Any]:
        """Return what axe finds against WCAG 2.2 AA and its best practices: rules, and the elements that break them."""
        self.script(files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
        found: list[Any] = self.browser.execute_async_script(
            "const done = arguments[1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}}).then("
            "({violations}) => done(violations.map(({id, nodes}) => [id, nodes.map(({html}) => html)])),"
            "(error) => done([String(error)]))",
            ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
        )
        return found

    def too_wide(self) -> int:
        """Return by how many pixels the page is wider than the window; a phone widens its window to fit the page."""
        return int(self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth"))

    # -- doing ---------------------------------------------------------------------------------------

    def go(self, path: str = "/") -> None:
        self.browser.get(self.url + path)

    def sign_in(self, token: str, path: str = "/") -> None:
        self.go(path)
        self.one("#token").send_keys(token)
        self.link("Sign in").click()
        self.until("somebody is signed in", lambda: self.all("#home, #job"))

    def hand_in(self, *files: Path, field: str = "file") -> None:
        self.browser.find_element(By.ID, field).send_keys("\n".join(map(str, files)))

    def upload(self, name: str, state: str) -> WebElement:
        """Return the card of a file when it has reached a state."""
        return self.until(
            f"{name} is {state}",
            lambda: next((card for card in self.all(f'.upload[data-state="{state}"]') if name in card.text), None),
        )

    def downloaded(self, name: str) -> Path:
        path = self.folder / "downloads" / name
        self.until(f"{name} is downloaded", path.exists)
        return path

    # -- by keyboard alone ---------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    @property
    def focused(self) -> WebElement:
        return self.browser.switch_to.active_element

    def has_focus(self, selector: str) -> None:
        """Wait until it has the focus: a field that gets it by itself has it with the first frame."""
        matches = "return document.activeElement.matches(arguments[0])"
        self.until(f"{selector} has the focus", lambda: self.script(matches, selector))

    def tab_to(self, selector: str, words: str = "", *, limit: int = 60) -> WebElement:
        """Press Tab until an element has the focus, which must then be visible."""
        for _ in range(limit):
            self.press(Keys.TAB)
            element = self.focused
            if self.script("return arguments[0].matches(arguments[1])", element, selector) and words in (
                element.text or element.accessible_name
            ):
                return element
        pytest.fail(f"{limit} times Tab have not led to {selector} «{words}»")
