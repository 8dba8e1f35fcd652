"""A header that is not found names what is like it, and looks at so many texts and no more."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import pytest

from ingest.table import header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MOST = 2_000


@pytest.fixture
def refused(tmp_path: Path, dataset: Callable[..., Any], parsed: Callable[..., Any]) -> Callable[[str], str]:
    """Return what is said of a file that has no title of the dataset."""
    fields = ({"name": "sku", "type": "string"}, {"name": "quantity", "type": "string"})

    def run(content: str) -> str:
        path = tmp_path / "x.csv"
        path.write_text(content)
        rejection = parsed(path, dataset(*fields)).report.rejection
        assert rejection.code == "header.not_found"
        return str(rejection.message)

    return run


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("skus,Quantities\n1,2\n", "the nearest found: 'Quantities', 'skus'"),
        (" quantitiy ,x\n1,2\n", "the nearest found: 'quantitiy'"),
        ("a,b\n1,2\n", "nothing like them is there"),
        (f"{'quantity' * 30},b\n1,2\n", "nothing like them is there"),
    ],
)
def test_the_nearest_titles_are_named(refused: Callable[[str], str], content: str, said: str) -> None:
    assert refused(content).endswith(said)


def test_a_wide_sheet_is_not_compared_as_a_whole(
    refused: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def counted(word: str, possibilities: dict[str, str], n: int) -> list[str]:
        compared.append(len(possibilities))
        return difflib.get_close_matches(word, possibilities, n)

    monkeypatch.setattr(header, "difflib", type("Counted", (), {"get_close_matches": staticmethod(counted)}))
    rows = [",".join(f"{row}-{column}" for column in range(3_000)) for row in range(5)]
    assert refused("\n".join(["Quantity!," + rows[0], *rows[1:]])).endswith("the nearest found: 'Quantity!'")
    assert {*compared} == {MOST}
