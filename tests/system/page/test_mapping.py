"""A workbook that the dataset does not know, at the page: seen as it is read, mapped, tried, kept and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api_caller import Api
from browser import DESK, PHONE, emulate
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from .conftest import ROOT, SHOP, VIEWER

if TYPE_CHECKING:
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver

KEPT = "Kept for every file with these titles"


def export(path: Path, start: int = 0, rows: int = 6) -> Path:
    """Write orders under titles of another program, below a line of its own."""
    lines = [f"{10**17 + start + n};Kunde {n};{n + 1};{n},50;x" for n in range(rows)]
    path.write_text("\n".join(["Export", "Auftrag;Buyer name;Stück;Einzel;Notiz", *lines, ""]), encoding="utf-8")
    return path


def choose(page: PageDriver, number: int, field: str) -> None:
    Select(page.one(f"#map-column-{number}")).select_by_value(field)


def with_comma(gate: Headgate) -> None:
    spec = gate.folder / "datasets" / "orders.yml"
    text = spec.read_text("utf-8")
    spec.write_text(text.replace('"decimal(12,2)"', '"decimal(12,2)", decimalChar: ","'), encoding="utf-8")


def test_an_unknown_workbook_is_mapped_and_loaded(page: PageDriver, gate: Headgate, tmp_path: Path) -> None:
    with_comma(gate)
    assert Api(gate.api_url.removesuffix("/api/v1"), ROOT)("/-/reload", method="POST").status == 200
    page.sign_in(SHOP)
    page.hand_in(export(tmp_path / "orders-1.csv"))
    page.upload("orders-1.csv", "rejected").find_element("css selector", "a[data-route]").click()
    page.says("The first rows as they were read", "#job")
    assert page.one("#map-row").get_attribute("value") == "2"
    assert Select(page.one("#map-column-1")).first_selected_option.get_attribute("value") == "buyer"
    for number, field in enumerate(("order_no", "buyer", "quantity", "price", "-")):
        choose(page, number, field)
    page.says("All 6 rows can be loaded", "#map-verdict")
    page.says("The first rows as they can be loaded", "#job")
    for size in (DESK, PHONE, (320, 568)):
        for dark in (False, True):
            emulate(page.browser, size=size, dark=dark)
            assert page.axe() == []
            assert page.too_wide() <= 0
    emulate(page.browser, size=DESK, dark=False)
    page.click("Keep this and load the file", "#job")
    page.says(KEPT, "#map-verdict")
    gate.until(lambda: gate.loaded_jobs() == 1, "the file is loaded")
    assert gate.scalar("SELECT count(*) FROM orders") == "6"
    page.go()
    page.one("#hand-in")
    page.hand_in(export(tmp_path / "orders-2.csv", 6))
    page.upload("orders-2.csv", "loaded")
    assert gate.scalar("SELECT count(*) FROM orders") == "12"


def test_by_keys_alone(page: PageDriver, gate: Headgate, tmp_path: Path) -> None:
    with_comma(gate)
    assert Api(gate.api_url.removesuffix("/api/v1"), ROOT)("/-/reload", method="POST").status == 200
    page.sign_in(SHOP)
    page.hand_in(export(tmp_path / "orders-1.csv"))
    page.upload("orders-1.csv", "rejected")
    page.tab_to("#uploads a[data-route]")
    page.press(Keys.ENTER)
    page.one("#map-column-0")
    for number, letter in enumerate(("o", "b", "q", "p", "l")):
        page.tab_to(f"#map-column-{number}")
        page.press(letter)
    page.says("All 6 rows can be loaded", "#map-verdict")
    page.tab_to("#map-keep")
    page.press(Keys.ENTER)
    page.says(KEPT, "#map-verdict")
    gate.until(lambda: gate.loaded_jobs() == 1, "the file is loaded")
    assert gate.scalar("SELECT count(*) FROM orders") == "6"


def test_values_that_are_not_allowed_are_mapped_and_the_rejected_rows_come_in(
    page: PageDriver, gate: Headgate, tmp_path: Path
) -> None:
    spec = gate.folder / "datasets" / "orders.yml"
    status = "  - {name: status, type: string, header: [状态], constraints: {enum: [pending, done]}}\n"
    spec.write_text(spec.read_text("utf-8").replace("primaryKey", f"{status}primaryKey"), encoding="utf-8")
    assert Api(gate.api_url.removesuffix("/api/v1"), ROOT)("/-/reload", method="POST").status == 200
    lines = [f"{10**17 + n},b,1,1.50,{'待发货' if n < 2 else 'done'}" for n in range(6)]
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["订单号,买家,数量,单价,状态", *lines]), encoding="utf-8")
    page.sign_in(SHOP)
    page.hand_in(path)
    page.upload("orders.csv", "partial")
    page.click("See the rejected rows")
    Select(page.one("#map-value-0")).select_by_visible_text("pending")
    page.says("All 6 rows can be loaded", "#map-verdict")
    page.click("Keep this and send the rejected rows again", "#job")
    page.until("all rows are there", lambda: gate.scalar("SELECT count(*) FROM orders") == "6")
    assert gate.rows("SELECT status, count(*) FROM orders GROUP BY 1 ORDER BY 1") == [("done", 4), ("pending", 2)]


def test_titles_and_values_may_be_called_as_what_every_object_of_a_script_has(
    page: PageDriver, gate: Headgate, tmp_path: Path
) -> None:
    spec = gate.folder / "datasets" / "orders.yml"
    status = "  - {name: status, type: string, header: [constructor], constraints: {enum: [pending, done]}}\n"
    spec.write_text(spec.read_text("utf-8").replace("primaryKey", f"{status}primaryKey"), encoding="utf-8")
    assert Api(gate.api_url.removesuffix("/api/v1"), ROOT)("/-/reload", method="POST").status == 200
    lines = [f"{10**17 + n},1,1.50,{'toString' if n < 2 else 'done'},b" for n in range(6)]
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(["toString,数量,单价,constructor,__proto__", *lines]), encoding="utf-8")
    page.sign_in(SHOP)
    page.hand_in(path)
    page.upload("orders.csv", "rejected").find_element("css selector", "a[data-route]").click()
    assert Select(page.one("#map-column-3")).first_selected_option.text.startswith("status")
    choose(page, 0, "order_no")
    choose(page, 4, "buyer")
    page.says("4 of 6 rows can be loaded", "#map-verdict")
    Select(page.one("#map-value-0")).select_by_visible_text("pending")
    page.says("All 6 rows can be loaded", "#map-verdict")
    page.click("Keep this and load the file", "#job")
    gate.until(lambda: gate.loaded_jobs() == 1, "the file is loaded")
    assert gate.rows("SELECT status, count(*) FROM orders WHERE buyer = 'b' GROUP BY 1 ORDER BY 1") == [
        ("done", 4),
        ("pending", 2),
    ]


def test_who_may_only_read_sees_the_file_and_maps_nothing(page: PageDriver, tmp_path: Path) -> None:
    page.sign_in(SHOP)
    page.hand_in(export(tmp_path / "orders-1.csv"))
    page.upload("orders-1.csv", "rejected")
    page.click("Sign out", "header")
    page.one("#token")  # is shown when it is done: what is asked for before that is led nowhere
    page.sign_in(VIEWER, "/jobs/1")
    page.says("The first rows as they were read", "#job")
    assert page.script("return document.querySelectorAll('#map-keep, #map-column-0').length") == 0


def test_an_admin_takes_a_mapping_away(page: PageDriver, gate: Headgate, tmp_path: Path) -> None:
    with_comma(gate)
    assert Api(gate.api_url.removesuffix("/api/v1"), ROOT)("/-/reload", method="POST").status == 200
    page.sign_in(ROOT)
    page.hand_in(export(tmp_path / "orders-1.csv"))
    page.upload("orders-1.csv", "rejected").find_element("css selector", "a[data-route]").click()
    for number, field in enumerate(("order_no", "buyer", "quantity", "price", "-")):
        choose(page, number, field)
    page.says("All 6 rows can be loaded", "#map-verdict")
    page.click("Keep this and load the file", "#job")
    page.says(KEPT, "#map-verdict")
    page.go("/datasets/orders")
    page.says("Auftrag → order_no", "#draft-mappings")
    page.says("mappings:", "#draft-mappings pre")
    page.click("Take it away", "#draft-mappings")
    page.says("No mapping is kept", "#draft-mappings")
