"""The page in a real browser against a real daemon: hand in, be refused, download, correct."""

from __future__ import annotations

import subprocess
import time
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

import openpyxl
import xlsxwriter
from api_caller import Api
from daemon_processes import WORKER, frozen, named
from postgres_server import psql_program
from selenium.webdriver.common.keys import Keys

from ..page_driver import PageDriver
from .conftest import ROOT, SHOP, VIEWER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver import Chrome

    from ..conftest import Headgate

MARKUP = '<img src=x onerror="document.title=1">'


def test_a_wrong_token_then_the_right_one(page: PageDriver) -> None:
    page.go("/jobs/1")
    assert page.browser.title == "Sign in · Headgate"
    page.has_focus("#token")
    page.press("not the token", Keys.ENTER)
    page.says("That token is not known here", '[role="alert"]')
    page.has_focus("#token")
    assert "401" in page.complaints()[0], "the browser notes the status, and nothing else"
    page.press(ROOT, Keys.ENTER)
    page.says("There is no job 1", "#trouble")
    assert "404" in page.complaints()[0]
    page.go("/")
    page.says("No workbook has been handed in yet")
    page.complaints()  # the job may have been asked for once more before its view was left
    assert page.text("#who") == "root"
    assert page.script("return document.cookie") == "", "no script sees the cookie"
    page.click("Sign out", ".bar")
    page.one("#token")
    page.go("/")
    page.one("#token")


def test_hand_in_and_see_it_loaded(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.until("events come", lambda: page.text("#live-text") == "live")
    page.hand_in(orders(gate.folder / "orders may.xlsx", 40), orders(gate.folder / "orders june.xlsx", 25, start=100))
    assert "All 40 rows are in the table" in page.upload("orders may.xlsx", "loaded").text
    assert "All 25 rows are in the table" in page.upload("orders june.xlsx", "loaded").text
    page.until("both are in the list", lambda: [row[3] for row in page.cells("#jobs")] == ["loaded"] * 2)
    row = next(row for row in page.cells("#jobs") if "orders may.xlsx" in row)
    assert row[2:7] == ["orders", "loaded", "40", "40", "–"]
    assert "loaded" in page.script('return document.getElementById("announcer").textContent'), "it is read out"
    assert gate.scalar("SELECT count(*) FROM orders") == "65"
    page.says("loaded just now", "#datasets li")

    july = orders(gate.folder / "orders july.xlsx", 5, start=200)
    page.hand_in(july)
    page.upload(july.name, "loaded")
    page.hand_in(july)
    assert "handed in before" in page.upload(july.name, "duplicate").text


def test_rejected_rows_there_and_back(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=(3, 7)))
    card = page.upload("orders.xlsx", "partial")
    assert "38 rows loaded, 2 rejected" in card.text
    page.click("See the rejected rows", ".upload")
    page.says("orders.xlsx", "h1")
    assert page.browser.current_url.endswith("/jobs/1")
    first, second = page.cells(".errors tbody")
    assert (first[0].splitlines(), first[1], first[2]) == (["C5", "订单"], "数量", "many")
    assert "cell.type" in first[3]
    assert first[4], "what to do is said"
    assert second[0].splitlines()[0] == "C9"
    values = page.text(".tally")
    assert "38" in values
    assert "rejected" in values

    page.click("Download the annotated workbook", "#job")
    back = page.downloaded("rejects-1.xlsx")
    book = openpyxl.load_workbook(back)
    for row in book["订单"].iter_rows(min_row=2):
        row[2].value = 7
    book.save(back)
    page.hand_in(back, field="fix-file")
    assert "All 2 rows are in the table" in page.upload("rejects-1.xlsx", "loaded").text
    assert gate.scalar("SELECT count(*) FROM orders") == "40"
    page.browser.back()
    page.until("the list is back", lambda: len(page.all("#jobs tr")) == 2)


def test_check_first_and_load_then(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.tab_to("#check")
    page.press(Keys.SPACE)
    page.hand_in(orders(gate.folder / "orders.xlsx", 40, bad=(3,)))
    card = page.upload("orders.xlsx", "checked")
    assert "39 rows can be loaded, 1 would be rejected" in card.text
    page.until("the list says so", lambda: [row[3:7] for row in page.cells("#jobs")] == [["checked", "40", "–", "1"]])
    page.click("See it before it loads", ".upload")
    page.says("40 rows read, 39 can be loaded", "#job")
    first, *others = page.cells(".preview tbody")
    assert first == ["100000000000000000", "buyer 0", "1", "9.99"]
    assert len(others) == 19
    assert page.cells(".errors tbody")[0][2] == "many"
    page.click("Load it now", "#job")
    page.says("Checked, and loaded then", ".job-head")
    assert not page.all('[data-do="load"]')
    page.click("Job 2", ".job-head")
    page.says("39 rows loaded, 1 rejected", ".job-head")
    assert gate.scalar("SELECT count(*) FROM orders") == "39"
    page.browser.back()
    page.says("Checked, and loaded then", ".job-head")


def test_a_file_that_is_not_taken(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.hand_in(orders(gate.folder / "what is it.xlsx", 5))
    card = page.upload("what is it.xlsx", "refused")
    assert "file.no_spec" in card.text
    assert any("422" in complaint for complaint in page.complaints())
    page.click("Send it again", ".upload")
    page.upload("what is it.xlsx", "loaded")
    empty = gate.folder / "orders broken.xlsx"
    empty.write_bytes(b"this is no workbook at all \0\1\2")
    page.hand_in(empty)
    assert "Nothing was loaded" in page.upload("orders broken.xlsx", "rejected").text
    page.click("Job 2", ".upload")
    page.says("the file", ".errors .place")


def test_the_list_is_filtered_and_goes_on(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    for number in range(30):
        orders(gate.inbox / f"orders {number:02}.xlsx", 2, start=number * 10, bad=(0,) if number == 4 else ())
    gate.until(lambda: gate.all_finished(30), "all files have ended")
    page.sign_in(ROOT)
    page.until("a page of jobs", lambda: len(page.all("#jobs tr")) == 25)
    page.click("Show older jobs")
    page.until("all jobs", lambda: len(page.all("#jobs tr")) == 30)
    assert not page.all("#older")
    page.one("#filter-text").send_keys("ORDERS 1")
    page.until("ten jobs", lambda: len(page.all("#jobs tr")) == 10)
    page.one("#filter-text").clear()
    page.one("#filter-text").send_keys(" ")
    page.one("#filter-state").send_keys("partial")
    page.until("one job", lambda: [row[1] for row in page.cells("#jobs")] == ["orders 04.xlsx"])
    assert "state=partial" in page.browser.current_url
    page.browser.refresh()
    page.until("the filter is kept", lambda: [row[1] for row in page.cells("#jobs")] == ["orders 04.xlsx"])
    page.click("orders 04.xlsx", "#jobs")
    page.click("All jobs")
    page.until("the filter is kept", lambda: [row[1] for row in page.cells("#jobs")] == ["orders 04.xlsx"])
    assert "state=partial" in page.browser.current_url
    page.one("#filter-state").send_keys("dead")
    page.says("No job passes these filters")


def test_more_jobs_than_a_page_has_come_while_nobody_looks(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    boss = Api(gate.api_url, ROOT)
    book = orders(gate.folder / "orders.xlsx", 2).read_bytes()
    ids = [boss.submit(book, "name=orders.xlsx").json["id"] for _ in range(3)]
    page.sign_in(ROOT)
    page.until("the list", lambda: len(page.all("#jobs tr")) == 3)
    network = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", network)
    page.script("document.dispatchEvent(new Event('visibilitychange'))")  # the stream of events is begun anew
    ids += [boss.submit(book, "name=orders.xlsx").json["id"] for _ in range(40)]
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", {**network, "offline": False})
    page.until("the newest", lambda: [row[0] for row in page.cells("#jobs")][:1] == [str(ids[-1])])
    page.click("Show older jobs")
    page.until("all jobs", lambda: [int(row[0]) for row in page.cells("#jobs")] == ids[::-1])
    page.complaints()  # of what was asked for meanwhile


def test_what_happens_elsewhere_appears_by_itself(
    page: PageDriver, gate: Headgate, orders: Callable[..., Path]
) -> None:
    page.sign_in(ROOT)
    page.until("events come", lambda: page.text("#live-text") == "live")
    orders(gate.inbox / "orders-by-folder.xlsx", 12)
    page.until(
        "the job is shown",
        lambda: [row[1:4] for row in page.cells("#jobs")] == [["orders-by-folder.xlsx", "orders", "loaded"]],
    )
    assert gate.stop(gate.processes[-1]) == 0
    page.until("the page knows", lambda: page.text("#live-text") == "not connected")
    gate.start_ready()
    page.until("a restart has ended the session", lambda: page.browser.current_url.endswith("/login?next=%2F"))
    page.complaints()  # refused connections and the 401 are noted by the browser
    page.one("#token").send_keys(ROOT)
    page.click("Sign in")
    page.until("the list is back", lambda: page.all("#jobs tr"))


def test_cancel_and_try_again(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.hand_in(orders(gate.folder / "orders 1.xlsx", 2))
    page.upload("orders 1.xlsx", "loaded")
    with frozen(named(WORKER, gate.processes[-1].pid)):
        page.hand_in(orders(gate.folder / "orders 2.xlsx", 30, start=100))
        page.upload("orders 2.xlsx", "running")
        page.click("orders 2.xlsx", "#jobs")
        page.click("Cancel this job", "#job")
        page.click("No, leave it", "dialog")
        assert page.text("#job .state") == "running"
        page.click("Cancel this job", "#job")
        page.click("Yes, cancel it", "dialog")
        page.says("Cancelled", "#job")
        page.has_focus("#job h1")
    page.click("Try again", "#job")
    page.says("All 30 rows are in the table", "#job")
    page.has_focus("#job h1")
    assert "retried" in page.text("#job .history")
    assert gate.scalar("SELECT count(*) FROM orders") == "32"


def test_a_dead_job_is_put_to_rest(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    gate.execute("CREATE TABLE orders (order_no text PRIMARY KEY, quantity integer)")
    page.sign_in(ROOT)
    page.hand_in(orders(gate.folder / "orders 1.xlsx", 2))
    page.upload("orders 1.xlsx", "dead")
    page.click("orders 1.xlsx", "#jobs")
    page.click("Dismiss", "#job")
    page.says("Given up and put to rest", "#job")
    assert page.text("#job .state") == "dismissed"
    assert not page.all("#job [data-do=dismiss]")
    assert "dismissed" in page.text("#job .history")
    assert [job["state"] for job in gate.jobs()] == ["dismissed"]


def test_a_workbook_is_dropped(page: PageDriver, gate: Headgate) -> None:
    page.sign_in(SHOP)
    page.one("#drop")
    page.script(
        "const data = new DataTransfer();"
        "data.items.add(new File([arguments[0]], 'orders.csv', {type: 'text/csv'}));"
        "const event = (name) => new DragEvent(name, {dataTransfer: data, bubbles: true, cancelable: true});"
        "const zone = document.getElementById('drop');"
        "zone.dispatchEvent(event('dragover')); window.over = zone.classList.contains('over');"
        "zone.dispatchEvent(event('drop'))",
        f"订单号,买家,数量,单价\n{10**17},anna,1,2.50\n",
    )
    assert page.script("return window.over") is True, "the zone shows that it takes the file"
    assert "1 row is in the table" in page.upload("orders.csv", "loaded").text
    assert gate.scalar("SELECT count(*) FROM orders") == "1"


@contextmanager
def locked(table: str, url: str) -> Iterator[None]:
    """Hold a table of PostgreSQL, so that nothing is loaded into it."""
    command = [psql_program(), url.replace("+asyncpg", ""), "-Xq"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write(f"BEGIN; LOCK TABLE {table} IN EXCLUSIVE MODE;\n\\echo locked\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "locked\n"
        yield
        psql.stdin.close()


def test_a_job_goes_through_its_stages(
    headgate_at: Callable[[Path, str], Headgate],
    postgres_database: str,
    browse: Callable[..., AbstractContextManager[Chrome]],
    orders: Callable[..., Path],
    tmp_path: Path,
) -> None:
    """The worker, then the table is held up, so that each stage is there to be seen."""
    gate = headgate_at(tmp_path / "gate", postgres_database)
    process = gate.start_ready()
    orders(gate.inbox / "orders-first.xlsx", 2)
    gate.until(lambda: gate.all_finished(1), "there is a table")
    with browse() as browser:
        page = PageDriver(browser, gate.api_url.removesuffix("/api/v1"), tmp_path)
        page.sign_in(gate.token)

        def now() -> str:
            return " ".join(one.text for one in page.all('.upload .stages [aria-current="step"]'))

        second = orders(gate.folder / "orders-second.xlsx", 150_000, start=10)
        with locked("orders", postgres_database):
            with frozen(named(WORKER, process.pid)):
                page.hand_in(second)
                page.until("it is read", lambda: now() == "Reading")
            page.until("it is loaded", lambda: now() == "Loading")
        page.upload("orders-second.xlsx", "loaded")
        assert now() == ""
        page.click("Job 2", ".upload")
        page.says("loading", "#job .history")
    assert gate.stop(process) == 0


def test_what_is_stale(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    datasets = gate.folder / "datasets"
    spec = (datasets / "orders.yml").read_text(encoding="utf-8")
    for name, seconds in (("calm", 86_400), ("hasty", 1), ("waiting", 3600)):
        renamed = spec.replace("dataset: orders", f"dataset: {name}").replace('"orders*"', f'"{name}*"')
        text = renamed.replace("{table: orders,", f"{{table: {name},") + f"freshness_seconds: {seconds}\n"
        (datasets / f"{name}.yml").write_text(text, encoding="utf-8")
    assert gate.stop(gate.processes[-1]) == 0
    gate.start_ready()
    for name in ("calm", "hasty"):
        orders(gate.inbox / f"{name}.xlsx", 2)
    gate.until(lambda: gate.all_finished(2), "both have ended")
    time.sleep(1.5)  # as long as hasty may be old, and more
    page.sign_in(VIEWER)
    page.says("1 of 3 watched datasets is stale", "#freshness-summary")
    shown = [one.text.splitlines() for one in page.all("#datasets li")]
    assert [(lines[0], lines[-1]) for lines in shown] == [
        ("hasty", "stale"),
        ("orders", "never loaded"),
        ("waiting", "never loaded"),
        ("calm", "fresh"),
    ]
    assert "expected every 1 day" in shown[-1][1]


def test_names_and_values_are_text(page: PageDriver, gate: Headgate) -> None:
    name = f"orders {MARKUP.replace('/', '')}.xlsx"
    with xlsxwriter.Workbook(gate.folder / name) as book:
        sheet = book.add_worksheet("订单")
        sheet.write_row(0, 0, ["订单号", "买家", "数量", "单价"])
        sheet.write_row(1, 0, [f"{10**17}", MARKUP, 1, 1])
        sheet.write_row(2, 0, [f"{10**17 + 1}", "b", MARKUP, 1])
    page.sign_in(ROOT)
    page.hand_in(gate.folder / name)
    page.upload(name, "partial")
    page.click("See the rejected rows")
    page.says(MARKUP, ".errors .raw code")
    page.says(name, "h1")
    assert page.script('return document.querySelectorAll("#content img").length') == 0
    assert page.browser.title.startswith("orders <img")


def test_who_is_quicker_than_the_list_stays_where_they_went(page: PageDriver) -> None:
    """The list of jobs that comes late must not take the view away that was asked for since."""
    page.sign_in(ROOT)
    slow = {"offline": False, "latency": 500, "downloadThroughput": -1, "uploadThroughput": -1}
    page.browser.execute_cdp_cmd("Network.enable", {})
    page.browser.execute_cdp_cmd("Network.emulateNetworkConditions", slow)
    page.go("/")
    page.one("#new-dataset a").click()
    page.one("#draft h1")
    page.until("the list has come", lambda: page.script("return !document.getElementById('jobs-empty').hidden"))
    page.until(
        "the stream is open", lambda: page.script("return document.getElementById('live').dataset.state") == "on"
    )
    assert page.all("#draft h1"), "the draft is still there"
