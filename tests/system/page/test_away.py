"""The page while something is away: its session, the daemon, or a file that is to be sent or fetched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ports import free_port
from selenium.webdriver.common.keys import Keys
from silent_proxy import threaded_proxy

from ..page_driver import PageDriver
from .conftest import ROOT, SHOP

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selenium.webdriver import Chrome

    from ..conftest import Headgate


def test_who_is_signed_out_signs_in_beside_what_was_typed(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    page.sign_in(SHOP)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=(3,)))
    page.upload("orders.xlsx", "partial")
    page.click("See the rejected rows")
    page.click("Next error", ".mend")
    page.press("5", Keys.ENTER)
    page.says("1 ready to be sent", ".mend")
    here = page.browser.current_window_handle
    page.browser.switch_to.new_window("tab")
    page.go()
    page.click("Sign out", "header")
    page.one("#token")
    page.browser.switch_to.window(here)
    page.click("Send 1 row", ".mend")
    page.says("You are signed out. What to do: sign in in another tab", ".mend")
    page.says("You are signed out", "#trouble")
    page.click("Sign in", "#trouble")
    page.browser.switch_to.window(page.browser.window_handles[-1])
    page.one("#token").send_keys(SHOP)
    page.link("Sign in").click()
    page.until("somebody is signed in", lambda: page.all("#home"))
    page.browser.switch_to.window(here)
    page.until("the notice is gone", lambda: not page.all("#trouble"))
    page.click("Send 1 row", ".mend")
    page.upload("corrected-1.xlsx", "loaded")
    page.click("Sign out", "header")
    page.one("#token")
    assert all("401" in one or "403" in one for one in page.complaints())


def test_another_person_goes_on_with_nothing_of_the_one_before(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    page.sign_in(SHOP)
    here = page.browser.current_window_handle
    # As with something to lose: else the tab goes to sign in by itself if it looks while nobody is signed in.
    page.browser.execute_script(
        "window.stay = new AbortController();"
        "addEventListener('beforeunload', (event) => event.preventDefault(), { signal: window.stay.signal })"
    )
    page.browser.switch_to.new_window("tab")
    page.go()
    page.click("Sign out", "header")
    page.one("#token").send_keys(ROOT)
    page.link("Sign in").click()
    page.until("somebody is signed in", lambda: page.all("#home"))
    page.browser.switch_to.window(here)
    page.hand_in(orders(gate.folder / "orders.xlsx", 3))
    page.says("load the page again", ".upload")
    assert gate.jobs() == []
    page.browser.execute_script("window.stay.abort()")
    assert all("401" in one or "403" in one for one in page.complaints())


def test_a_file_that_was_changed_since_it_was_chosen_is_told_as_such(page: PageDriver, tmp_path: Path) -> None:
    page.sign_in(SHOP)
    path = tmp_path / "unknown.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    page.hand_in(path)
    page.upload("unknown.csv", "refused")
    path.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    os.utime(path, (0, 0))
    page.click("Send it again")
    page.says("changed or moved since it was chosen. What to do: choose the file again", ".upload")
    assert not page.all(".upload button")
    page.complaints()


def test_a_sample_that_was_changed_since_it_was_chosen_is_told_as_such(page: PageDriver, tmp_path: Path) -> None:
    page.sign_in(ROOT)
    path = tmp_path / "parts.csv"
    path.write_text("part,price\nA1,2\n", encoding="utf-8")
    page.click("Make a dataset from a sample")
    page.hand_in(path, field="sample-file")
    page.says("of the sample can be loaded", "#draft-verdict")
    path.write_text("part,price\nA1,2\nA2,3\n", encoding="utf-8")
    os.utime(path, (0, 0))
    page.one("#draft-required-0").click()
    page.says("changed or moved since it was chosen", "#draft-verdict")
    page.complaints()


def test_what_is_shown_stays_while_the_daemon_is_away(
    gate: Headgate, browse: Callable[..., AbstractContextManager[Chrome]], orders: Callable[..., Path], tmp_path: Path
) -> None:
    with threaded_proxy(gate.settings["api"]["port"]) as way, browse() as browser:
        page = PageDriver(browser, f"http://127.0.0.1:{way.port}", tmp_path)
        page.sign_in(SHOP)
        page.hand_in(orders(gate.folder / "orders.xlsx", 3))
        page.upload("orders.xlsx", "loaded")
        page.until("it is listed", lambda: page.all("#jobs tr"))
        way.lead_to(free_port())
        page.says("not connected", "#live")
        page.says("The daemon does not answer", "#trouble")
        assert "orders.xlsx" in page.text("#jobs")
        way.lead_to(gate.settings["api"]["port"])
        page.says("live", "#live")
        page.until("the notice is gone", lambda: not page.all("#trouble"))
        assert "orders.xlsx" in page.text("#jobs")


def test_a_page_that_begins_while_the_daemon_is_away_begins_later(page: PageDriver) -> None:
    page.sign_in(SHOP)
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*/page/session"]})
    page.browser.refresh()
    page.says("The daemon does not answer", "#trouble")
    page.browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    page.says("live", "#live")
    page.until("the notice is gone", lambda: not page.all("#trouble"))
    page.says("No workbook has been handed in yet", "#home")
    page.complaints()


def test_rejected_rows_that_cannot_be_had_are_told_where_they_are_asked_for(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    page.sign_in(SHOP)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=(3,)))
    page.upload("orders.xlsx", "partial")
    for kept in (gate.folder / "var" / "spool").rglob("rejects.jsonl"):
        kept.unlink()
    for place in ("#uploads", "#job"):
        page.click("Download the annotated workbook", place)
        page.says("The file of job 1 is not kept here any more; submit it again.", f"{place} .notice")
        if place == "#uploads":
            page.click("See the rejected rows")
    assert not (page.folder / "downloads").exists()
    assert all("409" in one for one in page.complaints())
