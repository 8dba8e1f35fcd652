from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

from ingest.errors import ErrorRecord
from ingest.output.kept import KeptFile
from ingest.output.report import ACCEPTED_FILE, REJECTED_FILE, Report
from ingest.parse import parse
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


@dataclass(frozen=True)
class Parsed:
    """A report, and what lies in the two files: accepted rows by sheet row, error records, and those that only tell."""

    report: Report
    lines: list[tuple[int, list[str | None]]]
    records: list[ErrorRecord]
    notes: list[ErrorRecord]

    @property
    def accepted(self) -> dict[int, list[str | None]]:
        return dict(self.lines)

    @property
    def faults(self) -> list[tuple[str | None, str]]:
        """Cell (or row) and code of each record."""
        return [(record.cell or (f"row {record.row}" if record.row else None), record.code) for record in self.records]

    @property
    def refusal(self) -> str | None:
        return None if self.report.rejection is None else self.report.rejection.code

    def column(self, place: int = 0) -> list[str | None]:
        return [values[place] for _, values in self.lines]


def unescape(text: str) -> str | None:
    """Read one value of COPY's text form, without the code that writes it."""
    if text == "\\N":
        return None
    out, place = [], 0
    while place < len(text):
        width = 2 if text[place] == "\\" else 1
        piece = text[place : place + width]
        out.append(UNESCAPED[piece] if width == 2 else piece)
        place += width
    return "".join(out)


@pytest.fixture
def dataset() -> Callable[..., Dataset]:
    """Make a dataset of fields, each a mapping; further keys as they are in YAML."""

    def make(*fields: dict[str, Any], **keys: Any) -> Dataset:
        content = {"dataset": "d", "fields": list(fields), "load": {"table": "t"}, **keys}
        content.setdefault("quarantine", {"max_percent": 100})
        return parse_dataset(json.dumps(content), "d.yml")

    return make


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    """Write rows from A1 on; a cell is a value, or a function that writes it: (book, sheet, row, column)."""

    def write(
        rows: Iterable[Sequence[Any]],
        *,
        name: str = "w.xlsx",
        sheet: str = "Sheet1",
        options: dict[str, Any] | None = None,
    ) -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(path, options or {}) as book:
            page = book.add_worksheet(sheet)
            for row, values in enumerate(rows):
                for column, value in enumerate(values):
                    if callable(value):
                        value(book, page, row, column)
                    elif isinstance(value, str):
                        page.write_string(row, column, value)
                    elif value is not None:
                        page.write(row, column, value)
        return path

    return write


NS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Write a workbook of one sheet from the XML of its rows; `parts` replace or add whole parts."""

    def write(rows: str, *, strings: str = "", parts: dict[str, bytes | str] | None = None) -> Path:
        path = tmp_path / "package.xlsx"
        contents: dict[str, bytes | str] = {
            "[Content_Types].xml": "<Types/>",
            "_rels/.rels": f'<Relationships xmlns="{PACKAGE}">'
            f'<Relationship Id="r1" Type="{RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{NS}" xmlns:r="{RELATIONS}">'
            '<sheets><sheet name="Sheet1" sheetId="1" r:id="s1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}">'
            f'<Relationship Id="s1" Type="{RELATIONS}/worksheet" Target="worksheets/sheet1.xml"/>'
            f'<Relationship Id="s2" Type="{RELATIONS}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
            "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{NS}"><sheetData>{rows}</sheetData></worksheet>',
            "xl/sharedStrings.xml": f'<sst xmlns="{NS}">{strings}</sst>',
            **(parts or {}),
        }
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
        return path

    return write


@pytest.fixture
def parsed(tmp_path: Path) -> Callable[[Path, Dataset], Parsed]:
    """Parse, and hold every outcome to the conservation law and to its own files."""

    def run(path: Path, dataset: Dataset) -> Parsed:
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        rejected = out / REJECTED_FILE
        rejected.unlink(missing_ok=True)
        # With its number in the sheet in front of each row, and the job.
        lineage = dataset.load.model_copy(update={"lineage": True})
        report = parse(path, dataset.model_copy(update={"load": lineage}), out, job=7)
        rows = report.rows
        assert rows.read == rows.accepted + rows.duplicate + rows.rejected + rows.blank + rows.footer
        lines = (out / ACCEPTED_FILE).read_text(encoding="utf-8").split("\n")
        assert lines.pop() == ""
        accepted = []
        names = [field.name for field in dataset.fields if field.name not in report.absent]
        for line in lines:
            number, job, *values = line.split("\t")
            assert job == "7"
            present = dict(zip(names, values, strict=True))
            accepted.append((int(number), [unescape(present.get(field.name, "\\N")) for field in dataset.fields]))
        assert len(accepted) == (0 if report.rejection else rows.accepted)
        lines = rejected.read_text(encoding="utf-8").splitlines() if rejected.exists() else []
        records = [ErrorRecord.from_dict(json.loads(line)) for line in lines]
        assert tuple(records[:100]) == report.errors
        errors = [record for record in records if record.severity != "info"]
        return Parsed(report, accepted, errors, [record for record in records if record.severity == "info"])

    return run


@pytest.fixture
def kept(tmp_path: Path) -> Callable[[Path, Dataset], KeptFile]:
    """Name what `parsed` has left of a workbook."""

    def name(path: Path, dataset: Dataset) -> KeptFile:
        return KeptFile(path=path, dataset=dataset, records=tmp_path / "out" / REJECTED_FILE, source=path.name)

    return name
