"""Who can use the page: by keys alone, on a phone, with a reader of screens, with a token that may only look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from browser import DESK, PHONE, emulate
from selenium.webdriver.common.keys import Keys

from .conftest import ROOT, SHOP, VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver


def test_by_keyboard_alone(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    file = orders(gate.folder / "orders.xlsx", 20, bad=(2,))
    page.go("/")
    page.has_focus("#token")
    page.press(ROOT, Keys.ENTER)
    page.until("somebody is signed in", lambda: page.all("#home"))
    page.press(Keys.TAB)
    assert page.focused.text == "Skip to content"
    page.press(Keys.ENTER)
    field = page.tab_to("#file")
    assert field.accessible_name == "Choose files"
    field.send_keys(str(file))  # the dialogue of the system is the system's
    page.upload("orders.xlsx", "partial")
    page.tab_to("a", "See the rejected rows")
    page.press(Keys.ENTER)
    page.until(
        "the heading has the focus", lambda: page.focused.tag_name == "h1" and page.focused.text == "orders.xlsx"
    )
    page.tab_to("a", "Download the annotated workbook")
    page.press(Keys.ENTER)
    page.downloaded("rejects-1.xlsx")
    page.tab_to("#fix-file")
    page.press(Keys.SHIFT, Keys.TAB)
    page.go("/")
    page.one("#filter-state")
    page.tab_to("#filter-state")
    page.press("p")
    page.until("the list is filtered", lambda: "state=partial" in page.browser.current_url)
    page.tab_to("#jobs a", "orders.xlsx")
    outline = page.script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "what has the focus can be seen"


@pytest.mark.parametrize("size", [PHONE, (320, 568)], ids=["common", "smallest"])
def test_on_a_phone(page: PageDriver, gate: Headgate, orders: Callable[..., Path], size: tuple[int, int]) -> None:
    emulate(page.browser, size=size, dark=False)

    def fits() -> None:
        assert page.too_wide() <= 0
        small = page.script(
            'return [...document.querySelectorAll("button, .button, select, input:not([type=hidden], [type=file])")]'
            ".filter(e => e.offsetParent && !e.matches('.quiet')).map(e => [e.textContent || e.id, e.offsetHeight])"
            ".filter(([, height]) => height < 44)"
        )
        assert small == [], "fingers need 44 px"

    page.go("/")
    fits()
    page.sign_in(SHOP)
    page.hand_in(orders(gate.folder / f"orders {'with a very long name ' * 5}.xlsx", 40, bad=(3, 7)))
    page.upload("very long name", "partial")
    fits()
    page.click("See the rejected rows")
    page.says("cell.type", ".errors")
    fits()
    label = page.script('return getComputedStyle(document.querySelector(".errors td"), "::before").content')
    assert label == '"Place"', "a row is a card, and each value says what it is"


def test_who_may_only_look(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    orders(gate.inbox / "orders.xlsx", 10, bad=(1,))
    gate.until(lambda: gate.all_finished(1), "the file has ended")
    page.sign_in(VIEWER)
    page.until("the job is shown", lambda: len(page.all("#jobs tr")) == 1)
    assert not page.all("#hand-in")
    page.click("orders.xlsx", "#jobs")
    page.says("cell.type", ".errors")
    assert not page.all("#fix-file, [data-do=cancel], [data-do=retry]")
    gate.execute("UPDATE headgate_job SET state = 'dead'")
    page.browser.refresh()
    page.until("it is dead", lambda: [one for one in page.all("#job .state") if one.text == "dead"])
    assert not page.all("#job button[data-do]")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_stands_in_anybodys_way(
    page: PageDriver,
    gate: Headgate,
    orders: Callable[..., Path],
    size: tuple[int, int],
    dark: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """Everything that axe can find against WCAG 2.2 AA, contrast included."""
    emulate(page.browser, size=size, dark=dark)
    problems: list[tuple[str, Any]] = []

    def examine(view: str) -> None:
        problems.extend((view, one) for one in page.axe())

    page.go("/")
    examine("the door")
    page.sign_in(ROOT)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=(3,)), orders(gate.folder / "other.xlsx", 3))
    page.upload("orders.xlsx", "partial")
    page.upload("other.xlsx", "refused")
    page.complaints()
    page.until("the list", lambda: len(page.all("#jobs tr")) == 1)
    examine("home")
    page.click("See the rejected rows")
    page.says("cell.type", ".errors")
    examine("a job")
    page.go("/draft")
    page.one("#draft h1")
    page.hand_in(orders(gate.folder / "sample.xlsx", 40, bad=(3,)), field="sample-file")
    page.says("of the sample can be loaded", "#draft-verdict")
    examine("a draft")
    assert problems == [], json.dumps(problems, ensure_ascii=False, indent=1)
