"""White space beside Chinese and Japanese letters is for the looks: in titles and in the words of totals it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.infer import draft_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

QTY = {"name": "n", "type": "integer"}


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        ("数量", "数 量"),
        ("数量", "数\u3000\u3000量"),
        ("数 量", "数量"),
        ("订单编号", "订单\n编号"),
        ("金额(元)", "金额\r\n（元）"),
        ("订单ID", "订单 id"),
        ("氏名", "氏　名"),
        ("フリガナ", "フリ ガナ"),
        ("单价", " 单 价 "),
    ],
)
def test_a_title_is_the_same_however_it_is_spaced(
    dataset: Make, workbook: Write, parsed: Parse, wanted: str, title: str
) -> None:
    path = workbook([[title, "b"], ["x", 1]])
    outcome = parsed(path, dataset({"name": "a", "type": "string", "header": [wanted]}, {**QTY, "header": ["b"]}))
    assert (outcome.accepted, outcome.faults) == ({2: ["x", "1"]}, [])


@pytest.mark.parametrize(
    ("wanted", "title", "refusal"),
    [
        ("주문번호", "주문 번호", "header.drift"),
        ("OrderNo", "Order No", "header.drift"),
        ("数量", "数-量", "header.drift"),
        ("数量", "数量2", None),
    ],
)
def test_words_that_need_their_space_keep_it(
    dataset: Make, workbook: Write, parsed: Parse, wanted: str, title: str, refusal: str | None
) -> None:
    fields = ({"name": "a", "type": "string", "header": [wanted]}, {**QTY, "header": ["b"]})
    outcome = parsed(workbook([[title, "b"], ["x", 1]]), dataset(*fields))
    assert (outcome.refusal, outcome.accepted) == (refusal, {} if refusal else {2: [None, "1"]})


def test_of_two_such_titles_each_is_its_own(dataset: Make, workbook: Write, parsed: Parse) -> None:
    path = workbook([["数量", "数 量", "b"], ["x", "y", 1]])
    fields = [{"name": name, "type": "string", "header": [title]} for name, title in (("a", "数 量"), ("c", "数量"))]
    assert parsed(path, dataset(*fields, {**QTY, "header": ["b"]})).accepted == {2: ["y", "x", "1"]}


@pytest.mark.parametrize("glob", ["合计*", "合计", "合 计"])
@pytest.mark.parametrize("label", ["合 计", "合\u3000计", "合计"])
def test_totals_are_known_however_they_are_spaced(
    dataset: Make, workbook: Write, parsed: Parse, glob: str, label: str
) -> None:
    spec = dataset({"name": "a", "type": "string"}, QTY, table_end={"footers": [glob]})
    outcome = parsed(workbook([["a", "n"], ["x", 1], ["y", 2], [label, 3]]), spec)
    assert (outcome.accepted, outcome.report.rows.footer) == ({2: ["x", "1"], 3: ["y", "2"]}, 1)


@pytest.mark.parametrize(("glob", "label"), [("合 计 *", "合计器"), ("計 *", "計算機"), ("* 计", "会计")])
def test_a_space_beside_a_wildcard_ends_a_word(
    dataset: Make, workbook: Write, parsed: Parse, glob: str, label: str
) -> None:
    spec = dataset({"name": "a", "type": "string"}, QTY, skip_rows=[glob])
    outcome = parsed(workbook([["a", "n"], ["x", 1], [label, None], ["y", 2]]), spec)
    assert outcome.accepted == {2: ["x", "1"], 3: [label, None], 4: ["y", "2"]}


@pytest.mark.parametrize(("first", "again"), [("数 量", "数量"), ("数\u3000量", "数量"), ("数量", "数\u3000 量")])
def test_a_page_header_is_the_same_however_it_is_spaced(
    dataset: Make, workbook: Write, parsed: Parse, first: str, again: str
) -> None:
    spec = dataset({"name": "a", "type": "string", "header": ["数量"]}, QTY)
    assert parsed(workbook([[first, "n"], ["x", 1], [again, "n"], ["y", 2]]), spec).accepted.keys() == {2, 4}


@pytest.mark.parametrize(("label", "glob"), [("合 计", "合 计"), ("合计 5月", "合计 *"), ("华东 汇总", "* 汇总")])
def test_a_draft_knows_such_totals(workbook: Write, label: str, glob: str) -> None:
    path = workbook([["品名", "数 量"], ["甲", 1], ["乙", 2], [label, 3]])
    assert f"table_end: {{footers: [{glob}], " in draft_sample(path).text.replace("'", "").replace('"', "")
