"""Each section of `make bench` runs from end to end on tiny inputs; how fast anything was is not looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROWS = 2000
CHARTS = {"workbook": "bench", "shapes": "bench-shapes"}
BENCH = ROOT / "tests" / "bench"

pytestmark = [pytest.mark.timeout(600), pytest.mark.usefixtures("headgate_binary", "bench_packages")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the workbooks that several sections read."""
    return tmp_path_factory.mktemp("cache")


def run(section: str, out: Path, cache: Path, *options: str) -> tuple[dict[str, Any], str]:
    """Run a section where no producer of other people's is found; return its figures and what it printed."""
    sizes = ["--rows", str(ROWS), "--rounds", "1", "--out", str(out), "--cache", str(cache)]
    done = subprocess.run(
        [sys.executable, BENCH, "--only", section, *sizes, *options],
        env={**os.environ, "PATH": str(cache), "PYTHONPATH": str(ROOT / "tests" / "support"), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    kept = out / "bench.json"
    return json.loads(kept.read_text(encoding="utf-8"))[section] if kept.exists() else {}, done.stdout


@pytest.mark.parametrize("section", ["workbook", "wal", "executors", "ledger", "exposition"])
def test_a_section_runs_on_tiny_inputs(section: str, tmp_path: Path, cache: Path) -> None:
    figures, printed = run(section, tmp_path, cache, "--fast")
    assert figures["machine"]["cores"] == os.cpu_count()
    assert printed.strip()
    drawn = {path.stem for path in tmp_path.iterdir()} - {"bench"} | {path.stem for path in tmp_path.glob("bench.svg")}
    assert drawn == {CHARTS[section]} if section in CHARTS else not drawn


def test_shapes_whose_producer_is_missing_are_left_out_by_name(tmp_path: Path, cache: Path) -> None:
    figures, printed = run("shapes", tmp_path, cache, "--slow-rounds", "1")
    assert "left out: ods, LibreOffice: LibreOffice Calc (soffice) is not here" in printed
    assert "left out: SheetJS: Node" in printed
    own = ["inline", "shared", "gaps", "optional", "wide", "openpyxl"]
    assert {*figures["shapes"]} == {*(f"xlsx-{name}" for name in own), "csv-utf8", "csv-gb18030"}
    for shape in figures["shapes"].values():
        assert {len(shape[measure]) for measure in ("wall_seconds", "read_cpu_seconds")} == {3}
        assert {*shape["beside_polars"]} == {"wall", "cpu", "memory"}
        assert len({*shape["cells"].values()}) == 1
        assert min(shape["peak_megabytes"].values()) > 0
    assert all((tmp_path / f"{CHARTS['shapes']}.{form}").stat().st_size for form in ("png", "svg"))


def test_some_shapes_alone_are_told_and_not_kept(tmp_path: Path, cache: Path) -> None:
    figures, printed = run("shapes", tmp_path, cache, "--fast", "--shapes", "utf8")
    assert not figures
    assert "CSV, UTF-8" in printed
    assert "openpyxl" not in printed


def test_an_upsert_writes_what_has_changed_and_no_more(tmp_path: Path, cache: Path) -> None:
    figures, _ = run("upsert", tmp_path, cache)
    assert figures["table_rows"] == 10 * ROWS
    for file in figures["files"]:
        assert file["rows_updated"]["Headgate"] == file["dead_rows"]["Headgate"] == file["changed"]
        assert file["rows_updated"]["COPY + ON CONFLICT"] == file["rows"] - file["new"]
