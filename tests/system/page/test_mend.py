"""Rejected rows corrected in the browser: by keys alone, by pasting, and handed in so that each is loaded once."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter
from browser import DESK, PHONE, emulate
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from .conftest import SHOP, VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver

BAD = (3, 7, 11, 12, 13)
"""0-based rows of data; in the sheet they are 2 further down, for a header and for counting from 1."""


def partial(page: PageDriver, gate: Headgate, orders: Callable[..., Path], bad: tuple[int, ...] = BAD) -> None:
    """Hand a workbook with bad rows in and look at its job."""
    page.sign_in(SHOP)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=bad))
    page.upload("orders.xlsx", "partial")
    page.click("See the rejected rows")
    page.until("the rows are shown", lambda: page.all(".mend-cell"))


def change_dataset(gate: Headgate, old: str, new: str) -> None:
    """Have the daemon take another form of its dataset."""
    spec = gate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    gate.processes[-1].send_signal(signal.SIGHUP)
    gate.tells("configuration taken")


def write_bad(path: Path, sheets: dict[str, tuple[int, int]]) -> Path:
    """Write sheets of orders: so many rows each, of which so many at the top are bad."""
    start = 10**17
    with xlsxwriter.Workbook(path) as book:
        for name, (rows, bad) in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["订单号", "买家", "数量", "单价"])
            for row in range(rows):
                sheet.write_row(row + 1, 0, [f"{start + row}", "b", "many" if row < bad else 1, 1])
            start += rows
    return path


def cell(page: PageDriver, row: int, column: str) -> str:
    """Return what the grid says at a cell: its text, and the message below it."""
    place = page.script(
        "const [row] = [...document.querySelectorAll('.mend-rows .mend-row')].filter((one) =>"
        " one.querySelector('label').textContent === `Row ${arguments[0]}`);"
        "const titles = [...document.querySelectorAll('.mend-titles .mend-row > *')].map((one) => one.innerText);"
        "return row?.children[titles.findIndex((one) => one.includes(arguments[1]))].innerText ?? ''",
        row,
        column,
    )
    return str(place)


def paste(page: PageDriver, text: str) -> None:
    """Put a text on the clipboard and press Ctrl+V."""
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    page.browser.execute_cdp_cmd("Browser.grantPermissions", grant)
    page.browser.execute_async_script("navigator.clipboard.writeText(arguments[0]).then(arguments[1])", text)
    held(page, Keys.CONTROL, "v")


def held(page: PageDriver, holding: str, key: str) -> None:
    """Press a key while another is held."""
    ActionChains(page.browser).key_down(holding).send_keys(key).key_up(holding).perform()


def test_the_whole_way_by_keys_and_by_pasting(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    partial(page, gate, orders)
    assert cell(page, 5, "数量").splitlines() == ["many", "many is no whole number: wanted e.g. 1250"]
    assert cell(page, 5, "买家") == "buyer 3", "the good cells of the row are beside it"
    assert "5 rows to correct" in page.text("#mend-counts")
    page.browser.refresh()
    page.until("the rows are shown", lambda: page.all(".mend-cell"))
    page.tab_to("#mend-next")
    page.press(Keys.ENTER)
    page.until("the first error has the focus", lambda: page.focused.get_attribute("aria-invalid"))
    assert page.focused.text.splitlines()[0] == "many"
    assert page.focused.get_attribute("aria-describedby") == page.focused.find_element(
        By.TAG_NAME, "small"
    ).get_attribute("id")

    # Right at once: what was typed is checked, the next cell below has the focus.
    page.press("7", Keys.ENTER)
    page.until("it is taken", lambda: "✓ taken as 7" in cell(page, 5, "数量"))
    page.until("it is read out", lambda: page.script("return announcer.textContent") == "Taken as 7")
    # Wrong at first, by the dataset's own words; then right.
    page.press("0", Keys.ENTER)
    page.until("it is too small", lambda: "0 is too small: at least 1" in cell(page, 9, "数量"))
    assert "1 ready to be sent" in page.text("#mend-counts")
    held(page, Keys.SHIFT, Keys.F8)
    page.until("it has the focus", lambda: page.focused.text.startswith("0"))
    assert "It was: many" in page.text(".mend-details")
    page.press(Keys.F2, Keys.BACKSPACE, "12", Keys.ESCAPE)
    assert cell(page, 9, "数量").startswith("0"), "Escape leaves the text as it was"
    page.press("2", Keys.TAB)
    page.until("it is taken", lambda: "✓ taken as 2" in cell(page, 9, "数量"))

    # From a spreadsheet: two rows of two cells, beginning at the next error.
    page.press(Keys.F8)
    page.until("the third row has the focus", lambda: page.focused.get_attribute("data-cell") == "2 2")
    paste(page, '3\t1.50\r\n"4"\t"2.5"\r\n')
    page.until("both are taken", lambda: "✓ taken as 2.50" in cell(page, 14, "单价"))
    assert cell(page, 13, "数量") == "3\n✓ taken as 3"
    assert "4 ready to be sent" in page.text("#mend-counts")

    page.click("Send 4 rows", ".mend")
    assert "All 4 rows are in the table" in page.upload("corrected-1.xlsx", "loaded").text
    assert "sent, job 2" in cell(page, 5, "Send")
    assert "1 row to correct, 4 sent" in page.text("#mend-counts")
    found = gate.rows(
        "SELECT order_no, quantity, price FROM orders WHERE order_no IN "
        + str(tuple(f"{10**17 + number}" for number in BAD))
        + " ORDER BY order_no"
    )
    assert found == [
        (f"{10**17 + number}", quantity, price)
        for number, quantity, price in ((3, 7, 9.99), (7, 2, 9.99), (11, 3, 1.5), (12, 4, 2.5))
    ]
    assert gate.scalar("SELECT count(*) FROM orders") == "39"


def test_what_was_typed_outlives_a_look_elsewhere_and_is_sent_once(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    partial(page, gate, orders, bad=(3,))
    page.click("Next error", ".mend")
    page.press("5", Keys.ENTER)
    page.until("it is taken", lambda: "✓ taken as 5" in cell(page, 5, "数量"))
    page.click("All jobs")
    page.until("the list is shown", lambda: page.all("#jobs tr"))
    page.click("orders.xlsx", "#jobs")
    page.until("the rows are shown", lambda: page.all(".mend-cell"))
    assert "✓ taken as 5" in cell(page, 5, "数量")
    page.click("Send 1 row", ".mend")
    page.upload("corrected-1.xlsx", "loaded")
    # The page forgets, the ledger does not: the same correction is the same content.
    page.browser.refresh()
    page.until("the rows are shown", lambda: page.all(".mend-cell"))
    page.click("Next error", ".mend")
    page.press("5", Keys.ENTER)
    page.click("Send 1 row", ".mend")
    page.upload("corrected-1.xlsx", "duplicate")
    assert gate.scalar("SELECT count(*) FROM orders") == "40"


def test_many_rows_are_drawn_as_they_come_into_view(page: PageDriver, gate: Headgate) -> None:
    change_dataset(gate, "max_rows: 10,", "max_rows: 2000,")
    path = write_bad(gate.folder / "orders many.xlsx", {"订单": (1300, 620)})
    page.sign_in(SHOP)
    page.hand_in(path)
    page.upload(path.name, "partial")
    page.click("See the rejected rows")
    page.until("the rows are shown", lambda: page.all(".mend-cell"))
    assert page.script("return document.querySelector('.mend-grid').ariaRowCount") == "621"
    assert page.script("return document.querySelectorAll('.mend-rows .mend-row').length") < 60
    page.click("Next error", ".mend")
    held(page, Keys.CONTROL, Keys.END)
    page.until(
        "the rest is loaded", lambda: page.script("return document.querySelector('.mend-rows').offsetHeight") > 600 * 70
    )
    held(page, Keys.CONTROL, Keys.END)
    page.until("the last row is there", lambda: page.focused.get_attribute("data-cell") == "619 3")
    assert page.script("return document.querySelectorAll('.mend-rows .mend-row').length") < 60


def test_a_spreadsheets_clipboard_is_read_as_it_is_written(page: PageDriver) -> None:
    page.sign_in(SHOP)
    found: dict[str, Any] = page.browser.execute_async_script(
        "import('/static/spreadsheet.js').then(({ cellsOf, textOf }) => arguments[1]("
        "Object.fromEntries(arguments[0].map((text) => [text, [cellsOf(text), cellsOf(textOf(cellsOf(text)))]]))))",
        ["", "a", "a\tb\r\nc\t\r\n", '"two\nlines"\t"a ""quote"""\n', '5" pipe\t"open', "\t\n\tx"],
    )
    assert {text: read for text, (read, _) in found.items()} == {
        "": [[""]],
        "a": [["a"]],
        "a\tb\r\nc\t\r\n": [["a", "b"], ["c", ""]],
        '"two\nlines"\t"a ""quote"""\n': [["two\nlines", 'a "quote"']],
        '5" pipe\t"open': [['5" pipe', '"open']],
        "\t\n\tx": [["", ""], ["", "x"]],
    }
    assert all(read == again for read, again in found.values())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE, (320, 568)], ids=["desk", "phone", "smallest"])
def test_the_grid_stands_in_nobodys_way(
    page: PageDriver,
    gate: Headgate,
    orders: Callable[..., Path],
    size: tuple[int, int],
    dark: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    """In each state of its cells: wrong, corrected, still wrong, being edited, sent."""
    emulate(page.browser, size=size, dark=dark)
    partial(page, gate, orders)
    problems = page.axe()
    page.click("Next error", ".mend")
    page.press("7", Keys.ENTER, "0", Keys.ENTER)
    page.until("one is taken", lambda: "✓ taken as 7" in cell(page, 5, "数量"))
    page.until("one is not", lambda: "too small" in cell(page, 9, "数量"))
    page.press(Keys.F2)
    problems += page.axe()
    assert page.too_wide() <= 0
    place = page.script(
        "const [inner, outer] = ['.mend-editor', '.mend-place']"
        ".map((one) => document.querySelector(one).getBoundingClientRect());"
        "return [outer.left <= inner.left, inner.right <= outer.right,"
        " outer.top <= inner.top, inner.bottom <= outer.bottom]"
    )
    assert place == [True] * 4, "what is edited is in view"
    page.press(Keys.ESCAPE)
    page.click("Send 1 row", ".mend")
    page.upload("corrected-1.xlsx", "loaded")
    problems += page.axe()
    assert problems == [], json.dumps(problems, ensure_ascii=False, indent=1)


def test_sheets_are_corrected_one_by_one(page: PageDriver, gate: Headgate) -> None:
    change_dataset(gate, "primaryKey:", "workbook: {sheets: {index: all}}\nprimaryKey:")
    page.sign_in(SHOP)
    page.hand_in(write_bad(gate.folder / "orders.xlsx", {"May": (4, 1), "June": (4, 1)}))
    page.upload("orders.xlsx", "partial")
    page.click("See the rejected rows")
    page.until("the first sheet is shown", lambda: cell(page, 2, "订单号").startswith(f"{10**17}"))
    for name, text in (("May", "1"), ("June", "2"), ("May", "1")):
        Select(page.one("#mend-sheet")).select_by_value(name)
        page.one(f'.mend-grid[aria-label$="{name}"]')
        if "many" in cell(page, 2, "数量"):
            page.click("Next error", ".mend")
            page.press(text, Keys.ENTER)
        taken = f"✓ taken as {text}"
        page.until("it is taken", lambda: taken in cell(page, 2, "数量"))  # noqa: B023  # called at once
    page.click("Send 1 row", ".mend")
    page.upload("corrected-1.xlsx", "loaded")
    assert gate.scalar("SELECT count(*) FROM orders") == "7"


def test_a_cell_with_a_list_of_allowed_values_offers_them(page: PageDriver, gate: Headgate) -> None:
    change_dataset(gate, "header: [买家]", 'header: [买家], constraints: {enum: [a, b, "c, d"]}')
    page.sign_in(SHOP)
    page.hand_in(write_bad(gate.folder / "orders.xlsx", {"订单": (4, 1)}))
    page.upload("orders.xlsx", "partial")
    page.click("See the rejected rows")
    page.one(".mend-cell")
    page.click("Next error", ".mend")
    page.press("3", Keys.ENTER, Keys.ARROW_LEFT, Keys.ENTER)
    page.until("the list has the focus", lambda: page.focused.tag_name == "select")
    assert page.focused.accessible_name == "买家, row 2"
    assert [option.text for option in Select(page.focused).options] == ["a", "b", "c, d"]
    page.press("c", Keys.ENTER)
    page.until("it is taken", lambda: "✓ taken as c, d" in cell(page, 2, "买家"))
    page.until("the row is ready", lambda: "1 ready to be sent" in page.text("#mend-counts"))


def test_of_a_refused_workbook_it_is_said_what_stays_out(page: PageDriver, gate: Headgate) -> None:
    page.sign_in(SHOP)
    page.hand_in(write_bad(gate.folder / "orders.xlsx", {"订单": (4, 3)}))
    page.upload("orders.xlsx", "rejected")
    page.click("See the rejected rows")
    page.says("1 other row stays out", ".mend .notice")
    assert cell(page, 4, "数量").startswith("many")


def test_of_very_many_bad_rows_that_are_refused_it_is_not_said_that_all_are_there(
    page: PageDriver, gate: Headgate
) -> None:
    """A parse keeps 10,000 records of a refused file."""
    page.sign_in(SHOP)
    page.hand_in(write_bad(gate.folder / "orders.xlsx", {"订单": (11_000, 11_000)}))
    page.upload("orders.xlsx", "rejected")
    page.click("See the rejected rows")
    page.says("10,000 rows to correct", ".mend")
    page.says("1,000 other rows stay out", ".mend .notice")
    page.says("100 of 11,001; the annotated workbook has more of them.", '[data-part="errors"]')


def test_a_large_workbook_is_read_when_it_is_asked_for_and_a_lost_one_is_told(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    partial(page, gate, orders, bad=(3,))
    gate.execute("UPDATE headgate_job SET size_bytes = 5000000")
    page.browser.refresh()
    page.link("Show the rejected rows", ".mend")
    assert not page.all(".mend-cell")
    page.click("Show the rejected rows", ".mend")
    page.one(".mend-cell")
    page.click("Next error", ".mend")
    for records in (gate.folder / "var").rglob("rejects.jsonl"):
        records.unlink()
    page.press("5", Keys.ENTER)
    page.until("it is said", lambda: "not checked: the file of job 1 is not kept" in cell(page, 5, "数量"))
    page.click("Send 1 row", ".mend")
    page.says("submit it again", '.mend [role="alert"]')
    assert all("409" in one for one in page.complaints()), "the browser notes the status, and nothing else"
    assert "1 ready to be sent" in page.text("#mend-counts"), "what was typed is not lost"


def test_who_may_only_look_corrects_nothing(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    orders(gate.inbox / "orders.xlsx", 10, bad=(1,))
    gate.until(lambda: gate.all_finished(1), "the file has ended")
    page.sign_in(VIEWER, "/jobs/1")
    page.says("cell.type", ".errors")
    assert not page.all(".mend, #fix-file")
