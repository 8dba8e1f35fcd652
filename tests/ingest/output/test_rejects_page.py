"""Pages of rejected rows, and what a new text of a cell would be: the same as a parse says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from ingest.errors import FileRejectedError, UnknownPlaceError
from ingest.output import rejects_page as module
from ingest.output.rejects_page import check_texts, rejected_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.output.kept import KeptFile
    from ingest.spec.dataset import Dataset

NO = {"name": "no", "type": "string", "header": ["No."], "id": True, "constraints": {"required": True}}
COUNT = {"name": "count", "type": "integer", "constraints": {"minimum": 1}}
PRICE = {"name": "price", "type": "decimal(8,2)", "decimalChar": ",", "groupChar": "."}
KIND = {"name": "kind", "type": "string", "constraints": {"enum": ["new", "used"]}}
TITLES = ["No.", "count", "price", "kind", "remark"]
ROWS: list[list[Any]] = [
    TITLES,
    ["0071", "many", 9.5, "new", "<b>"],
    ["0072", 2, 3, "used", None],
    ["0073", 0, 2.25, "old", None],
    ["0074", 4, 1, "new", None],
    ["0074", 5, 1, "new", None],
]


@pytest.fixture
def spec(dataset: Callable[..., Dataset]) -> Dataset:
    return dataset(NO, COUNT, PRICE, KIND, primaryKey=["no"])


@pytest.fixture
def goods(
    workbook: Callable[..., Path], spec: Dataset, parsed: Callable[..., Any], kept: Callable[..., KeptFile]
) -> KeptFile:
    path = workbook(ROWS, sheet="goods")
    parsed(path, spec)
    return kept(path, spec)


def page(kept: KeptFile, sheet: str | None = None, after: int = 0, limit: int = 500) -> Any:
    return json.loads(rejected_page(kept, sheet, after, limit, "en"))


def test_a_page_has_the_rows_with_their_cells_and_what_is_wrong_with_which(goods: KeptFile) -> None:
    found = page(goods)
    assert (found["sheet"], found["sheets"]) == ("goods", [{"name": "goods", "rows": 4}])
    assert [column["header"] for column in found["columns"]] == TITLES
    assert found["columns"][3] == {
        "column": 4,
        "letters": "D",
        "header": "kind",
        "field": "kind",
        "type": "string",
        "values": ["new", "used"],
    }
    assert found["columns"][4]["field"] is None
    assert [row["row"] for row in found["rows"]] == [2, 4, 5, 6]
    # As they would be typed: the number has the field's decimal comma.
    assert found["rows"][0]["cells"] == ["0071", "many", "9,5", "new", "<b>"]
    assert [[(error["column"], error["code"]) for error in row["errors"]] for row in found["rows"]] == [
        [(2, "cell.type")],
        [(2, "cell.range"), (4, "cell.enum")],
        [(1, "row.key_duplicate")],
        [(1, "row.key_duplicate")],
    ]
    assert "many" in found["rows"][0]["errors"][0]["message"]
    assert found["next_cursor"] is None


def test_pages_follow_each_other_without_gap_or_overlap(goods: KeptFile) -> None:
    first = page(goods, limit=3)
    assert ([row["row"] for row in first["rows"]], first["next_cursor"]) == ([2, 4, 5], "5")
    second = page(goods, "goods", after=int(first["next_cursor"]), limit=3)
    assert ([row["row"] for row in second["rows"]], second["next_cursor"]) == ([6], None)
    with pytest.raises(UnknownPlaceError, match="'other' has no rejected rows"):
        page(goods, "other")


def test_a_page_is_bounded_in_bytes(goods: KeptFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BYTES_MAX", 500)
    first = page(goods)
    assert 0 < len(first["rows"]) < 4
    assert first["rows"][0]["cells"] is not None
    monkeypatch.setattr(module, "BYTES_MAX", 100)
    [row] = page(goods)["rows"]
    assert (row["row"], row["cells"]) == (2, None)


def test_rows_of_a_sheet_that_the_dataset_reads_no_more_are_not_there(goods: KeptFile) -> None:
    goods.records.write_text(goods.records.read_text().replace('"sheet":"goods"', '"sheet":"old"'), encoding="utf-8")
    with pytest.raises(FileRejectedError, match="the dataset has changed"):
        page(goods)


def test_columns_that_we_have_added_are_not_shown(
    goods: KeptFile, spec: Dataset, parsed: Callable[..., Any], kept: Callable[..., KeptFile], tmp_path: Path
) -> None:
    """A workbook that was handed back and comes with the same mistakes again."""
    from ingest.output.rejects_workbook import write_rejects  # noqa: PLC0415  # for this one

    back = tmp_path / "back.xlsx"
    write_rejects(goods, back, "xlsx")
    parsed(back, spec)
    assert [column["header"] for column in page(kept(back, spec))["columns"]] == TITLES


def test_what_a_text_would_be_is_told_with_what_is_wrong(spec: Dataset) -> None:
    texts = [
        *(("count", "12"), ("count", "0"), ("count", "twelve"), ("count", "")),
        *(("price", "1.234,50"), ("no", "007"), ("no", ""), ("kind", "newt")),
    ]
    found = json.loads(check_texts(spec, texts, "en"))["cells"]
    assert [(one["ok"], one["value"], one["code"]) for one in found] == [
        (True, "12", None),
        (False, None, "cell.range"),
        (False, None, "cell.type"),
        (True, None, None),
        (True, "1234.50", None),
        (True, "007", None),
        (False, None, "cell.required"),
        (False, None, "cell.enum"),
    ]
    assert "twelve" in found[2]["message"]
    assert found[7]["hint"] == "did you mean new?"
    with pytest.raises(UnknownPlaceError, match="no field 'colour'"):
        check_texts(spec, [("colour", "red")], "en")


def test_rows_are_not_compared_with_each_other_and_what_becomes_null_is_no_hindrance(
    dataset: Callable[..., Dataset],
) -> None:
    code = {"name": "code", "type": "string", "constraints": {"unique": True}}
    spec = dataset(code, {**COUNT, "onError": "null_value"}, {"name": "on", "type": "boolean"})
    found = json.loads(check_texts(spec, [("code", "a"), ("code", "a"), ("count", "many"), ("on", "1")], "en"))["cells"]
    assert [(one["ok"], one["value"]) for one in found] == [(True, "a"), (True, "a"), (True, None), (True, "true")]
    assert found[2]["code"] == "cell.type"


TEXTS = ["", " ", "0", "1", "-1", "1.5", "1,5", "1.234,5", "007", "n/a", "many", "new", "New", "2024-02-29", "\x01"]


def test_a_check_says_what_a_parse_says(
    dataset: Callable[..., Dataset], workbook: Callable[..., Path], parsed: Callable[..., Any]
) -> None:
    """Each text in each field: judged alone, and as a cell of a workbook that is parsed."""
    fields: list[dict[str, Any]] = [
        *(NO, COUNT, PRICE, KIND),
        *({"name": "x", "type": kind} for kind in ("date", "boolean")),
    ]
    for field in fields:
        spec = dataset(field, {"name": "line", "type": "integer"})
        path = workbook([[*field.get("header", [field["name"]]), "line"]])
        book = openpyxl.load_workbook(path)
        for row, text in enumerate(TEXTS, start=2):
            if text and text.isprintable():
                book.active.cell(row, 1, text).data_type = "s"
            book.active.cell(row, 2, row)
        book.save(path)
        outcome = parsed(path, spec)
        wrong = {row for row in range(2, len(TEXTS) + 2) if row not in outcome.accepted}
        answers = json.loads(check_texts(spec, [(field["name"], text) for text in TEXTS], "en"))["cells"]
        for row, (text, answer) in enumerate(zip(TEXTS, answers, strict=True), start=2):
            if text.isprintable():
                assert answer["ok"] == (row not in wrong), (field["name"], text)
                if answer["ok"] and field["type"] != "boolean":
                    assert answer["value"] == outcome.accepted[row][0], (field["name"], text)
    assert json.loads(check_texts(dataset(KIND), [("kind", "\x01")], "en"))["cells"][0]["code"] == "cell.control_char"
