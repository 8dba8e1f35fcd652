"""docs/tables.md has the matrix that the tests of loads go through."""

from __future__ import annotations

from pathlib import Path

from table_matrix import rendered

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "tables.md").read_text(encoding="utf-8")


def test_the_matrix_is_that_of_the_tests() -> None:
    assert TEXT.partition("<!-- matrix -->\n")[2].partition("<!-- /matrix -->")[0] == rendered()
