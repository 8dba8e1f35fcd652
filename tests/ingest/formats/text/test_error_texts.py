"""What a spreadsheet shows where a formula has no value means the same in its CSV as in its workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ...conftest import Parsed

FIELDS: tuple[dict[str, Any], ...] = ({"name": "sku", "type": "string", "id": True}, {"name": "qty", "type": "integer"})


@pytest.fixture
def outcome(
    dataset: Callable[..., Dataset], parsed: Callable[[Path, Dataset], Parsed], tmp_path: Path
) -> Callable[..., Parsed]:
    def outcome(text: str, fields: tuple[dict[str, Any], ...] = FIELDS, **keys: Any) -> Parsed:
        path = tmp_path / "f.csv"
        path.write_text(text)
        return parsed(path, dataset(*fields, **keys))

    return outcome


TEXT = 'sku,qty\n#N/A,1\nA2,#DIV/0!\n"#REF!",3\n#4,4\na #N/A,5\n'


def test_they_are_errors_of_their_cells(outcome: Callable[..., Parsed]) -> None:
    found = outcome(TEXT)
    assert found.accepted == {5: ["#4", "4"], 6: ["a #N/A", "5"]}
    assert found.faults == [(cell, "cell.excel_error") for cell in ("A2", "B3", "A4")]


OTHERS = ("#NV", "#WERT!", "#VALEUR!", "#¡REF!", "#N/D", "#VERW!", "#Н/Д", "#SPILL!", "Err:502")


@pytest.mark.parametrize("word", OTHERS)
def test_they_are_so_in_every_language(outcome: Callable[..., Parsed], word: str) -> None:
    found = outcome(f"sku,qty\n {word},1\nA2,{word}\na {word},3\n{word}?,4\n{word.lower()},5\n")
    assert found.faults == [("A2", "cell.excel_error"), ("B3", "cell.excel_error")]
    assert [row[0] for row in found.accepted.values()] == [f"a {word}", f"{word}?", word.lower()]


@pytest.mark.parametrize("text", ["Err:404", "Err:5021", "#1", "#SALE!", "#nv", "NV", "12:30"])
def test_other_texts_are_texts(outcome: Callable[..., Parsed], text: str) -> None:
    assert outcome(f"sku,qty\n{text},1\n").accepted == {2: [text, "1"]}


def test_they_are_so_in_web_pages(
    dataset: Callable[..., Dataset], parsed: Callable[[Path, Dataset], Parsed], tmp_path: Path
) -> None:
    rows = ("sku", "qty"), ("#N/A", "1"), ("A2", "#WERT!"), ("A3", "3")
    cells = "".join("<tr>" + "".join(f"<td> {cell}</td>" for cell in row) + "</tr>" for row in rows)
    (tmp_path / "f.html").write_text(f"<html><body><table>{cells}</table></body></html>")
    found = parsed(tmp_path / "f.html", dataset(*FIELDS))
    assert found.faults == [("A2", "cell.excel_error"), ("B3", "cell.excel_error")]
    assert found.accepted == {4: ["A3", "3"]}


def test_or_nothing_where_the_dataset_says_so(outcome: Callable[..., Parsed]) -> None:
    found = outcome(TEXT, errorCells="null")
    assert found.faults == []
    assert found.accepted[2] == [None, "1"]
    assert found.accepted[3] == ["A2", None]


def test_or_nothing_where_it_names_their_text(outcome: Callable[..., Parsed]) -> None:
    found = outcome("sku,qty\n#N/A,1\nA2, #N/A\nA3,#REF!\n", missingValues=["", "#N/A"])
    assert found.accepted == {2: [None, "1"], 3: ["A2", None]}
    assert found.faults == [("B4", "cell.excel_error")]


@pytest.mark.parametrize("sign", ["########", "###", " ##### "])
def test_values_that_a_column_was_too_narrow_for_are_lost(outcome: Callable[..., Parsed], sign: str) -> None:
    found = outcome(f"sku,qty\n{sign},1\n102,{sign}\n103,3\n{sign},4\n", errorCells="null")
    assert found.faults == [(cell, "cell.type") for cell in ("A2", "B3", "A5")]
    assert all("wrote # for a value too wide" in record.message for record in found.records)
    assert found.accepted == {4: ["103", "3"]}


def test_signs_of_different_widths_are_a_text(outcome: Callable[..., Parsed]) -> None:
    rated = outcome("sku,qty\n###,1\n#####,2\n#,3\n")
    assert rated.accepted == {2: ["###", "1"], 3: ["#####", "2"], 4: ["#", "3"]}
    assert outcome("sku,qty\n##,1\n##,2\n").faults == []


def test_signs_among_words_are_a_text(outcome: Callable[..., Parsed]) -> None:
    found = outcome("sku,qty\nmask,1\n####,2\nplain,3\nred,4\n")
    assert found.accepted[3] == ["####", "2"]


def test_a_title_of_one_sign_is_no_value(outcome: Callable[..., Parsed]) -> None:
    fields = ({"name": "sku", "type": "string", "header": ["#"]}, {"name": "qty", "type": "integer"})
    assert outcome("#,qty\n1001,1\n########,2\n", fields=fields).faults == [("A3", "cell.type")]
