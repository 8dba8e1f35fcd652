"""What of a sample a draft takes for no data: totals, headers that are repeated, the feet of pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from drafts import draft, types

from ingest.infer import draft_sample
from ingest.parse import parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]


def test_totals_are_drafted_by_their_labels_and_swallow_no_order(workbook: Write, tmp_path: Path) -> None:
    orders = [
        ["Customer", "Count"],
        ["Acme", 1],
        ["Bolt", 2],
        ["Total:", 3],
        ["Cole", 4],
        ["Total:", 4],
        ["Grand Total", 7],
    ]
    drafted = draft(workbook(orders))
    assert drafted.table_end.footers == ("Total:", "Grand Total")
    later = workbook([["Customer", "Count"], ["Acme", 1], ["Summit Ltd", 5], ["Total:", 6]], name="later.xlsx")
    assert parse(later, drafted, tmp_path).rows.accepted == 2


@pytest.mark.parametrize(
    ("labels", "footers"),
    [
        (("Total May 2026", "Total June 2026"), ("Total *",)),
        (("合计（3笔）", "合计（12笔）"), ("合计（*",)),
        (("Gesamtergebnis", "Gesamtergebnis"), ("Gesamtergebnis",)),
    ],
)
def test_a_total_of_another_month_is_no_data(
    workbook: Write, tmp_path: Path, labels: tuple[str, str], footers: tuple[str, ...]
) -> None:
    may, june = ([["Customer", "Count"], ["Acme", n], ["Bolt", 2], [label, n + 2]] for n, label in enumerate(labels))
    drafted = draft(workbook(may))
    assert drafted.table_end.footers == footers
    assert parse(workbook(june, name="later.xlsx"), drafted, tmp_path).rows.accepted == 2


def test_averages_beside_totals_are_no_data(workbook: Write, tmp_path: Path) -> None:
    may = [["Shop", "Count"], ["North", 3], ["South", 6], ["East", 4], ["Average", 4.33], ["Total", 13]]
    drafted = draft(workbook(may))
    assert types(drafted)["count"] == "integer"
    june = [["Shop", "Count"], ["North", 7], ["South", 2], ["Total", 9], ["Average", 4.5]]
    assert parse(workbook(june, name="later.xlsx"), drafted, tmp_path).rows.accepted == 2


def test_a_mark_is_no_average(workbook: Write) -> None:
    text = draft_sample(workbook([["Mark", "Count"], ["average", 3], ["good", 6], ["average", 4], ["poor", 9]])).text
    assert "footers" not in text
    assert "begins as totals do" not in text


def test_totals_of_groups_are_no_data(workbook: Write, tmp_path: Path) -> None:
    def grouped(first: str, second: str) -> list[list[Any]]:
        groups = [[[name, 1], [name, 2], [f"{name} Total", 3]] for name in (first, second)]
        return [["Region", "Count"], *groups[0], *groups[1], ["Grand Total", 6]]

    drafted = draft(workbook(grouped("North", "South")))
    assert drafted.table_end.footers == ("* total", "Grand Total")
    assert parse(workbook(grouped("East", "West"), name="later.xlsx"), drafted, tmp_path).rows.accepted == 4


def test_an_order_of_total_is_an_order(workbook: Write, tmp_path: Path) -> None:
    path = workbook([["Stock of May"], ["Customer", "Count"], ["Acme", 1], ["Bolt", 2], ["Total", 7]])
    assert "# Row 5 begins as totals do, but its numbers are not the sums" in draft_sample(path).text
    drafted = draft(path)
    assert drafted.table_end.footers == ()
    assert parse(path, drafted, tmp_path).rows.accepted == 3


def test_a_name_that_goes_on_with_the_sign_of_a_vowel_is_no_total(workbook: Write, tmp_path: Path) -> None:
    path = workbook([["ग्राहक", "मात्रा"], ["राम", 1], ["श्याम", 2], ["योगिता", 3]])
    assert draft(path).table_end.footers == ()
    assert parse(path, draft(path), tmp_path).rows.accepted == 3


def test_a_header_that_is_repeated_is_no_data(workbook: Write, tmp_path: Path) -> None:
    titles = ["Customer", "Count", "Place"]
    path = workbook([titles, ["Acme", 1, "x"], titles, ["Bolt", 2, "y"]])
    drafted = draft(path)
    assert types(drafted) == {"customer": "string", "count": "integer", "place": "string"}
    assert parse(path, drafted, tmp_path).rows.accepted == 2


def test_page_footers_are_skipped(workbook: Write, tmp_path: Path) -> None:
    path = workbook([["Customer", "Count"], ["Acme", 1], ["Page 1 of 2"], ["Bolt", 2], ["Page 2 of 2"]])
    drafted = draft(path)
    assert types(drafted) == {"customer": "string", "count": "integer"}
    assert parse(path, drafted, tmp_path).rows.accepted == 2
