"""Every row of a sample loads by the draft of it, but for torn rows, of which the draft says how many there are."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import FileRejectedError
from ingest.infer import draft_sample
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

from ..test_properties import BOUNDED, ROWS, TEXTS

if TYPE_CHECKING:
    from ingest.output.report import Report

REFUSED_AS_SUCH = {
    "file.cell_limit",
    "file.corrupt_container",
    "file.encrypted",
    "file.format_unknown",
    "file.truncated",
}
TIDY_LEAST = 150
TORN = ("row.extra_cells", "row.open_quote")
TORN_TOLD = re.compile(r"^# Mend the file first: (\d+) rows load by no dataset", re.MULTILINE)


def test_every_row_of_every_tidy_workbook_loads_by_its_draft(corpus: Path, tmp_path: Path) -> None:
    """Tidy is what can be read and has a table: at least one row of data below its titles, or without any."""
    tidy, failed, refused, torn = 0, {}, set(), set()
    for path in sorted(path for path in corpus.glob("*/*") if path.is_file()):
        text, refusal = drafted(path)
        if text is None:
            refused.add(refusal)
            continue
        assert "Mend this first" not in text, path
        report = parse(path, parse_dataset(text, path.name), tmp_path)
        if report.rejection is not None and report.rejection.code == "table.no_rows":
            continue
        tidy += 1
        if torn_told(text):
            torn.add(path.name)
        if not all_loaded(report, text):
            failed[path.name] = (report.rejection, report.rows)
    assert not failed
    assert tidy > TIDY_LEAST
    assert refused <= {*REFUSED_AS_SUCH, "table.no_rows"}
    assert torn == {"malformed_format.xls", "optional_records.xls"}, "rows of both go on behind the last title"


def torn_told(text: str) -> int:
    """Return of how many torn rows a draft tells."""
    told = TORN_TOLD.search(text)
    return int(told[1]) if told else 0


def all_loaded(report: Report, text: str) -> bool:
    """Say whether every row but the torn ones is loaded, and of all of these, and no others, the draft tells."""
    torn = sum(report.codes.get(code, 0) for code in TORN)
    refused = report.rejection is not None and (report.rejection.code != "table.too_many_bad_rows" or not torn)
    return not refused and report.rows.rejected == torn == torn_told(text) and not report.rows.duplicate


def assert_loads(path: Path, folder: Path) -> None:
    """Hold a sample, if it has a table, to loading every row by its draft."""
    text, refusal = drafted(path)
    assert refusal in {None, "table.no_rows", "header.not_found"}
    if text is None:
        return
    report = parse(path, parse_dataset(text, "draft.yml"), folder)
    if report.rejection is not None and report.rejection.code == "table.no_rows":
        assert not report.rows.rejected + report.rows.duplicate, text
    else:
        assert all_loaded(report, text), text


def drafted(path: Path) -> tuple[str | None, str | None]:
    """Return the draft, or the code by which the sample is refused."""
    try:
        return draft_sample(path).text, None
    except FileRejectedError as error:
        return None, error.record.code


TITLES = st.one_of(
    st.sampled_from(
        ["null", "true", "on", "no", "~", "1", "0x1", "1e3", "a: b", "'", '"', "#", "&a", "Total", "Sum", "ID"]
    ),
    TEXTS,
)


@pytest.mark.slow
@BOUNDED
@given(st.lists(TITLES, min_size=1, max_size=5), ROWS)
def test_every_row_of_any_workbook_loads_by_its_draft(titles: list[str], rows: list[list[Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.xlsx"
        with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False}) as book:
            sheet = book.add_worksheet()
            for number, row in enumerate([titles, *rows]):
                sheet.write_row(number, 0, row)
        assert_loads(path, Path(name))


WRITTEN = st.one_of(
    st.sampled_from(
        ["", "-", "ja", "nein", "yes", "no", "01.02.2026", "13.02.2026", "2026-05-01", "3/4/2026", "08:15"]
    ),
    st.sampled_from(
        ["1,5", "1.5", "1.234,5", "1,234.5", "1,234", "12 %", "€ 5", "$3", "007", "12345678901234", "Total"]
    ),
    st.integers(-999, 99999).map(str),
)


@pytest.mark.slow
@BOUNDED
@given(st.lists(st.lists(WRITTEN, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from(";\t|"))
def test_every_row_of_any_csv_loads_by_its_draft(rows: list[list[str]], delimiter: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.csv"
        lines = [["Ref", "When", "Much"], *rows]
        path.write_text("".join(f"{delimiter.join(row)}\n" for row in lines), encoding="utf-8")
        assert_loads(path, Path(name))
