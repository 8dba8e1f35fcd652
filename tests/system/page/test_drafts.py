"""A dataset made from a sample at the page: drafted, tried, mended, saved, and a file loaded by it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selenium.webdriver.common.keys import Keys

from .conftest import ROOT, SHOP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..conftest import Headgate
    from ..page_driver import PageDriver


MAY_LEAVE = "return window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"

SAVED_AT_ONCE = """
const area = document.getElementById("draft-text");
area.value += "# and again\\n";
area.dispatchEvent(new Event("input", { bubbles: true }));
document.querySelector("#draft-save button").click();
"""
"""Nobody's fingers are so quick; a slow machine makes everybody's so."""


def parts(folder: Path) -> Path:
    """Write a small file of another kind than any dataset's; one of its amounts is none."""
    rows = [f"T-{number:03},{2 * number},{number}.50,{number % 28 + 1:02}.03.2024" for number in range(1, 40)]
    path = folder / "parts-2024.csv"
    path.write_text(
        "\n".join(["Part No,Pieces,Price,Since", *rows, "T-040,80,unknown,01.03.2024"]) + "\n", encoding="utf-8"
    )
    return path


def text_of(page: PageDriver) -> str:
    return str(page.one("#draft-text").get_attribute("value"))


def write(page: PageDriver, selector: str, words: str) -> None:
    """Write over what stands in a field, as a person does, and go on to the next one."""
    page.one(selector).send_keys(Keys.CONTROL + "a")
    page.one(selector).send_keys(words, Keys.TAB)


def test_from_a_sample_to_loaded_rows(page: PageDriver, gate: Headgate, tmp_path: Path) -> None:
    page.sign_in(ROOT)
    page.click("Make a dataset from a sample")
    page.one("#sample-file + label")
    page.hand_in(parts(tmp_path), field="sample-file")
    page.says("of the sample can be loaded", "#draft-verdict")
    assert page.one("#draft-name").get_attribute("value") == "parts_2024"
    assert page.script(MAY_LEAVE), "the sample gives the same draft again"
    seen = page.script("return [...document.querySelectorAll('.grid tr')].slice(0, 2).map((row) => row.innerText)")
    assert "Part No" in seen[0]
    assert "T-001" in seen[1]
    write(page, "#draft-type-2", "decimal(10,2)")
    page.says("39 of 40 rows of the sample can be loaded, 1 would be rejected", "#draft-verdict")
    page.says("C41", ".findings")
    write(page, "#draft-format-3", "%Y-%m-%d")
    page.says("The sample would be refused: every row fails alike in field since", "#draft-verdict")
    write(page, "#draft-format-3", "%Y-%m-%d | %d.%m.%Y")
    page.says("39 of 40 rows of the sample can be loaded", "#draft-verdict")
    assert "format: ['%Y-%m-%d', '%d.%m.%Y']" in text_of(page)
    page.one("#draft-key-0").click()
    page.until("the key is in the text", lambda: "primaryKey: [part_no]" in text_of(page))
    assert "mode: upsert" in text_of(page), "rows that can be told apart are updated"
    write(page, "#draft-table", "parts")
    page.says("there is no table parts; the first load makes it", ".findings")
    assert not page.script(MAY_LEAVE), "the page asks before what was changed is lost"
    page.click("Save and take over")
    page.says("Dataset parts_2024 is in force", "#draft-save")
    assert page.script(MAY_LEAVE)
    assert "+primaryKey: [part_no]" in page.text(".diff")
    page.click("Home", "#draft")
    page.hand_in(parts(tmp_path))
    assert "1 rejected" in page.upload("parts-2024.csv", "partial").text
    assert gate.rows("SELECT count(*), sum(pieces) FROM parts") == [(39, 1560)]


def test_a_dataset_is_changed_beside_a_sample(page: PageDriver, gate: Headgate, orders: Callable[..., Path]) -> None:
    page.sign_in(ROOT)
    page.click("orders", "#datasets")
    page.until("its text is there", lambda: "dataset: orders" in text_of(page))
    page.hand_in(orders(gate.folder / "orders-1.xlsx", 5), field="sample-file")
    page.says("All 5 rows of the sample can be loaded", "#draft-verdict")
    area = page.one("#draft-text")
    area.click()
    area.send_keys(Keys.CONTROL + Keys.END)
    assert page.script(MAY_LEAVE)
    area.send_keys("\nprimarykey: [x]\n")
    assert not page.script(MAY_LEAVE)
    page.says("did you mean primaryKey?", ".findings")
    assert not page.one("#draft-save button").is_enabled()
    area.send_keys(*[Keys.BACKSPACE] * len("\nprimarykey: [x]\n"), "\n# looked at\n")
    page.says("All 5 rows of the sample can be loaded", "#draft-verdict")
    page.until("it can be saved", lambda: page.one("#draft-save button").is_enabled())
    page.click("Save and take over")
    page.says("Dataset orders is in force", "#draft-save")
    file = gate.folder / "datasets" / "orders.yml"
    assert file.read_text(encoding="utf-8").endswith("# looked at\n")
    page.script(SAVED_AT_ONCE)
    page.until("what was typed last is saved", lambda: file.read_text(encoding="utf-8").endswith("# and again\n"))


def test_only_an_admin_makes_datasets(page: PageDriver) -> None:
    page.sign_in(SHOP)
    page.one("#freshness")
    assert not page.all("#new-dataset")
    page.go("/draft")
    page.says("role admin", "#trouble")
