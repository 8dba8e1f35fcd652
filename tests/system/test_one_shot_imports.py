"""What `headgate ingest` imports for one small text: each library that creeps back is paid for by every call."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SPEC: Final = "{dataset: items, fields: [{name: sku, type: string}, {name: n, type: integer}], load: {table: items}}"
NOT_NEEDED: Final = frozenset(
    {
        *("alembic", "mako"),  # of a ledger that is upgraded
        *("asyncpg", "sqlalchemy.dialects.postgresql"),  # of the other database
        *("lxml", "xlrd", "fastexcel", "openpyxl", "msoffcrypto", "pandas.core"),  # of other formats
        *("aiohttp", "prometheus_client", "rich"),  # of the daemon, and of tables in a terminal
        "sqlalchemy.orm",
    }
)
_IMPORTED: Final = re.compile(r"^import time:[^|]+\|[^|]+\| +(\S+)$", re.MULTILINE)


@pytest.fixture
def imports_of(headgate_binary: Path, tmp_path: Path) -> Callable[[str], list[str]]:
    """Load a text into a new SQLite file and return what every process of that has imported, in order."""

    def load(text: str) -> list[str]:
        (tmp_path / "items.yml").write_text(SPEC, encoding="utf-8")
        (tmp_path / "items.csv").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [
                headgate_binary,
                *("ingest", "items.csv", "--dataset", "items.yml", "--database", "sqlite:///items.db"),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "PYTHONPROFILEIMPORTTIME": "1"},
        )
        assert done.returncode == 0, done.stderr
        return _IMPORTED.findall(done.stderr)

    return load


def of(imported: list[str], packages: frozenset[str]) -> set[str]:
    """Return those of the packages of which something was imported."""
    return {package for package in packages for name in imported if name == package or name.startswith(f"{package}.")}


def test_a_text_is_loaded_without_what_other_files_and_databases_need(
    imports_of: Callable[[str], list[str]],
) -> None:
    imported = imports_of("sku,n\na,1\nb,2\n")
    assert not of(imported, NOT_NEEDED)
    assert {"sqlalchemy", "pyarrow.lib", "ingest.formats.text.delimited"} <= set(imported)


def test_the_worker_is_handed_a_dataset_that_was_read_and_checked(imports_of: Callable[[str], list[str]]) -> None:
    """The first model that pydantic builds in a process imports its plugins."""
    imported = imports_of("sku,n\na,1\nb,2\n")
    assert [imported.count(name) for name in ("yaml", "pydantic.plugin._loader")] == [1, 1]


def test_a_reader_is_imported_with_its_first_file(imports_of: Callable[[str], list[str]]) -> None:
    imported = imports_of("<table><tr><td>sku</td><td>n</td></tr><tr><td>a</td><td>1</td></tr></table>")
    assert of(imported, NOT_NEEDED) == {"lxml"}
