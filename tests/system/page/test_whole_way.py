"""The whole way at the page, in each language and once by keys alone: unknown workbook, draft, check, mend, load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from browser import read_in
from selenium.webdriver.common.keys import Keys

from ingest.languages import languages

from .conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver

ROWS, PRICE = 40, "2"
WRONG = {"C12": "unknown", "C31": "n/a yet"}


class Person:
    """Somebody at the page, with a pointer or by keys alone."""

    def __init__(self, page: PageDriver, *, keys: bool) -> None:
        self.page, self.keys = page, keys

    def uses(self, selector: str) -> None:
        self.page.one(selector)
        if self.keys:
            self.page.tab_to(selector, limit=150)
            self.page.press(Keys.ENTER)
        else:
            self.page.one(selector).click()

    def ticks(self, selector: str) -> None:
        self.page.one(selector)
        if self.keys:
            self.page.tab_to(selector, limit=150)
            self.page.press(" ")
        else:
            self.page.one(selector).click()

    def writes(self, selector: str, words: str) -> None:
        field = self.page.tab_to(selector, limit=150) if self.keys else self.page.one(selector)
        field.send_keys(Keys.CONTROL + "a")
        field.send_keys(words, Keys.TAB)


def parts(folder: Path) -> Path:
    """Write a file of a kind that no dataset knows, with two prices that are none."""
    lines = [f"T-{number:03},{number},{WRONG.get(f'C{number + 1}', f'{number}.50')}" for number in range(1, ROWS + 1)]
    path = folder / "parts-2024.csv"
    path.write_text("\n".join(["Part No,Pieces,Price", *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("way", [f"{languages()[0]} by keys", *languages()])
def test_from_an_unknown_workbook_to_loaded_rows(page: PageDriver, gate: Headgate, tmp_path: Path, way: str) -> None:
    language, _, by = way.partition(" by ")
    keys = by == "keys"
    person, file = Person(page, keys=keys), parts(tmp_path)
    read_in(page.browser, language)
    page.go("/")
    page.one("#token").send_keys(ROOT, Keys.ENTER)
    page.one('#live[data-state="on"]')
    page.hand_in(file)
    page.upload(file.name, "refused")

    person.uses("#new-dataset a")
    page.one("#sample-file + label")
    page.hand_in(file, field="sample-file")
    page.one('#draft-verdict[data-kind="good"]')
    person.writes(f"#draft-type-{PRICE}", "decimal(10,2)")
    page.one('#draft-verdict[data-kind="warn"]')
    person.ticks("#draft-key-0")
    page.until("the key is in the text", lambda: "primaryKey" in str(page.one("#draft-text").get_attribute("value")))
    page.one('#draft-verdict[data-kind="warn"]')
    person.uses("#draft-save button")
    page.one("#draft-save [role=status]")

    person.uses("#draft a[data-route]")
    # Only then nothing moves any more, neither the focus nor what a click aims at.
    page.until("the view has come", lambda: page.focused.tag_name in {"h1", "main"})
    person.ticks("#check")
    page.hand_in(file)
    page.upload(file.name, "checked")
    assert gate.rows("SELECT count(*) FROM sqlite_master WHERE name = 'parts_2024'") == [(0,)], "nothing is there yet"
    person.uses('.upload[data-state="checked"] a[data-route]')

    page.one(".mend-cell")
    for _ in WRONG:
        person.uses("#mend-next")
        page.until("a bad cell has the focus", lambda: page.focused.get_attribute("data-fault") == "true")
        page.press("7", Keys.ENTER)
    page.until("nothing is wrong any more", lambda: not page.all('.mend-cell[data-fault="true"]'))
    person.uses("#mend-send")
    page.upload("corrected-", "loaded")
    person.uses('#job [data-do="load"]')
    page.until("the rest is there", lambda: gate.rows("SELECT count(*) FROM parts_2024") == [(ROWS,)])
    assert gate.rows("SELECT count(*) FROM parts_2024 WHERE price = 7") == [(len(WRONG),)]
    page.complaints()  # the file that nobody knew, and what was asked before somebody had signed in
