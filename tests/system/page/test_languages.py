"""The page in each language there is: nothing of it stays English, it fits, and it stands in nobody's way."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest
from browser import DESK, PHONE, emulate, read_in
from selenium.webdriver.common.keys import Keys

from ingest.languages import catalogue, languages

from .conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver

SIZES: Final = (DESK, PHONE, (320, 568))
VALUE: Final = re.compile(r"\{\w+\}")
SEEN_OR_HEARD: Final = """
const found = [], names = ["aria-label", "title", "placeholder", "alt", "data-label", "data-empty"];
const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
  else found.push(...names.map((name) => node.getAttribute(name)));
}
return [...new Set(found.filter(Boolean).map((text) => text.trim()))];
"""
"""Every text of the page, whether it is shown at this moment or read aloud."""


class Reader:
    """One who reads the page in a language and takes note of whatever is wrong with it."""

    def __init__(self, page: PageDriver, language: str) -> None:
        known = catalogue(language)
        assert known is not None
        parted = [VALUE.split(text) for text, forms in known.forms().items() if forms[0] != text]
        english = [parts for parts in parted if re.search("[A-Za-z]{2}", "".join(parts))]
        self._english = re.compile("|".join(".+".join(map(re.escape, parts)) for parts in english), re.DOTALL)
        self._page, self._language = page, language
        self.wrong: list[tuple[str, object]] = []

    def looks_at(self, view: str) -> None:
        page = self._page
        self.wrong += [(view, text) for text in page.script(SEEN_OR_HEARD) if self._english.fullmatch(text)]
        if page.script("return document.documentElement.lang") != self._language:
            self.wrong.append((view, "lang"))
        for size in SIZES:
            emulate(page.browser, size=size, dark=False)
            if page.too_wide() > 0:
                self.wrong.append((view, f"wider than {size}"))
            self.wrong += [(view, rule) for rule in page.axe()]
        emulate(page.browser, size=DESK, dark=False)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", languages()[1:])
def test_nothing_of_the_page_stays_english(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path], tmp_path: Path, language: str
) -> None:
    read_in(page.browser, language)
    reader = Reader(page, language)
    page.go("/")
    page.has_focus("#token")
    page.press("wrong", Keys.ENTER)
    page.one("#trouble")
    reader.looks_at("the door")
    page.has_focus("#token")
    page.press(ROOT, Keys.ENTER)
    page.until("somebody is signed in", lambda: page.all("#home"))
    page.until("the stream is open", lambda: page.all('#live[data-state="on"]'))
    file = orders(gate.folder / "orders.xlsx", 40, bad=(3,))
    page.hand_in(file, orders(gate.folder / "other.xlsx", 3))
    page.upload("orders.xlsx", "partial")
    page.upload("other.xlsx", "refused")
    page.hand_in(file)
    page.upload("orders.xlsx", "duplicate")
    page.until("the list", lambda: len(page.all("#jobs tr")) == 2)
    reader.looks_at("home")
    page.go("/jobs/1")
    page.one(".mend-grid")
    reader.looks_at("a job")
    page.one('.mend-cell[data-fault="true"]').click()
    page.press("7", Keys.ENTER)
    page.until("the text was checked", lambda: not page.all('.mend-cell[data-fault="true"]'))
    reader.looks_at("a mended row")
    page.one("#mend-send").click()
    page.upload("corrected-1.xlsx", "loaded")
    reader.looks_at("what was sent")
    page.go("/")
    page.one('#live[data-state="on"]')
    unknown = tmp_path / "orders-unknown.csv"
    unknown.write_text("Nummer;Buyer name;Stück;Preis\nA;b;1;2\n", encoding="utf-8")
    page.hand_in(unknown)
    page.upload(unknown.name, "rejected").find_element("css selector", "a[data-route]").click()
    page.one("#map-column-0")
    reader.looks_at("an unknown file")
    page.go("/draft")
    page.one("#draft h1")
    page.hand_in(orders(gate.folder / "sample.xlsx", 40, bad=(3,)), field="sample-file")
    page.one('#draft-verdict[data-kind="good"]')
    page.one("#draft-type-2").clear()
    page.one("#draft-type-2").send_keys("integer", Keys.TAB)
    page.one('#draft-verdict[data-kind="warn"]')
    reader.looks_at("a draft")
    # A file that is refused, and what was read before the page had a session, are the browser's complaints.
    page.complaints()
    assert reader.wrong == [], json.dumps(reader.wrong, ensure_ascii=False, indent=1)
