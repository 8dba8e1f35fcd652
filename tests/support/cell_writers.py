"""The same cells in every format: a column of values, by the field's own writers and by hand where there are none."""

from __future__ import annotations

import csv
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal
from xml.sax.saxutils import escape, quoteattr

import openpyxl
import xlsxwriter
import xlwt
from xlsb_records import record, wide
from xlsb_records import row as row_record

if TYPE_CHECKING:
    from pathlib import Path

TITLE: Final = "v"
SS: Final = "urn:schemas-microsoft-com:office:spreadsheet"
MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns"
ZEROS: Final = {"00000": 5, "000-000": 6}
"""Formats of identifiers, and how many digits they have."""


@dataclass(frozen=True)
class Cell:
    """A value as a file may have it: `raw` is its text there, `form` the format of a number, `shown` what is seen."""

    kind: Literal["text", "number", "boolean", "iso", "empty"]
    raw: str = ""
    form: str = "General"
    shown: str | None = None

    @property
    def text(self) -> str:
        return self.raw if self.shown is None else self.shown

    @property
    def is_plain(self) -> bool:
        """Whether a library that takes Python's values can write it."""
        try:
            return self.kind != "number" or (abs(float(self.raw)) < 1e300 and set(self.raw) <= set("0123456789.-"))
        except ValueError:
            return False

    @property
    def is_dated(self) -> bool:
        return any(letter in self.form for letter in "ymdh") and self.kind == "number"


def write_xlsx_by_hand(path: Path, cells: list[Cell]) -> None:
    forms = sorted({cell.form for cell in cells} | {"General"})
    rows = [f'<row r="1"><c r="A1" t="inlineStr"><is><t>{TITLE}</t></is></c></row>']
    for row, cell in enumerate(cells, 2):
        raw, style = escape(cell.raw), forms.index(cell.form)
        match cell.kind:
            case "text":
                inside = f' t="inlineStr"><is><t xml:space="preserve">{raw}</t></is></c>'
            case "number":
                inside = f' s="{style}"><v>{raw}</v></c>'
            case "empty":
                inside = "/>"
            case kind:
                inside = f' t="{kind[0] if kind == "boolean" else "d"}"><v>{raw}</v></c>'
        rows.append(f'<row r="{row}"><c r="A{row}"{inside}</row>')
    numbers = "".join(f'<numFmt numFmtId="{164 + n}" formatCode={quoteattr(f)}/>' for n, f in enumerate(forms))
    xfs = "".join(f'<xf numFmtId="{164 + n}"/>' for n in range(len(forms)))
    parts = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}"><sheets>'
        '<sheet name="S" sheetId="1" r:id="s"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="s" Type="{RELATIONS}/worksheet" '
        f'Target="s.xml"/><Relationship Id="f" Type="{RELATIONS}/styles" Target="f.xml"/></Relationships>',
        "xl/s.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>',
        "xl/f.xml": f'<styleSheet xmlns="{MAIN}"><numFmts>{numbers}</numFmts><cellXfs>{xfs}</cellXfs></styleSheet>',
    }
    _zip(path, parts)


def write_xlsx(path: Path, cells: list[Cell]) -> None:
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet()
        page.write_string(0, 0, TITLE)
        for row, cell in enumerate(cells, 1):
            if cell.kind == "number":
                page.write_number(row, 0, float(cell.raw), book.add_format({"num_format": cell.form}))
            elif cell.kind == "boolean":
                page.write_boolean(row, 0, cell.raw == "1")
            elif cell.kind == "text":
                page.write_string(row, 0, cell.raw)


def write_xlsm(path: Path, cells: list[Cell]) -> None:
    book = openpyxl.Workbook()
    page = book.active
    page.append([TITLE])
    for row, cell in enumerate(cells, 2):
        place = page.cell(row, 1)
        if cell.kind == "number":
            place.value, place.number_format = float(cell.raw), cell.form
        elif cell.kind == "boolean":
            place.value = cell.raw == "1"
        elif cell.kind == "text":
            place.value, place.data_type = cell.raw, "s"
    book.save(path)


def write_xls(path: Path, cells: list[Cell]) -> None:
    book = xlwt.Workbook()
    page = book.add_sheet("S")
    page.write(0, 0, TITLE)
    for row, cell in enumerate(cells, 1):
        if cell.kind == "number":
            page.write(row, 0, float(cell.raw), xlwt.easyxf(num_format_str=cell.form))
        elif cell.kind == "boolean":
            page.write(row, 0, cell.raw == "1")
        elif cell.kind == "text":
            page.write(row, 0, cell.raw)
    book.save(path)


def write_xlsb(path: Path, cells: list[Cell]) -> None:
    forms = sorted({cell.form for cell in cells} | {"General"})
    sheet = row_record(0) + record(6, bytes(8) + wide(TITLE))
    for place, cell in enumerate(cells, 1):
        head = struct.pack("<II", 0, forms.index(cell.form))
        sheet += row_record(place)
        if cell.kind == "number":
            sheet += record(5, head + struct.pack("<d", float(cell.raw)))
        elif cell.kind == "boolean":
            sheet += record(4, head + bytes([int(cell.raw)]))
        elif cell.kind == "text":
            sheet += record(6, head + wide(cell.raw))
    styles = b"".join(record(44, struct.pack("<H", 164 + n) + wide(form)) for n, form in enumerate(forms))
    used = (record(47, struct.pack("<HH", 0, 164 + n) + bytes(12)) for n in range(len(forms)))
    styles += record(617) + b"".join(used)
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.bin": record(156, struct.pack("<II", 0, 1) + wide("s") + wide("S")),
        "xl/_rels/workbook.bin.rels": f'<Relationships><Relationship Id="s" Type="{RELATIONS}/worksheet" '
        f'Target="s.bin"/><Relationship Id="f" Type="{RELATIONS}/styles" Target="f.bin"/></Relationships>',
        "xl/s.bin": sheet,
        "xl/f.bin": styles + record(618),
    }
    _zip(path, parts)


def write_ods(path: Path, cells: list[Cell]) -> None:
    names = {name: f"{OASIS}:{name if name != 'number' else 'datastyle'}:1.0" for name in _ODS_NAMES}
    styles = "".join(
        f'<number:number-style style:name="N{digits}"><number:number number:decimal-places="0" '
        f'number:min-integer-digits="{digits}">{_embedded(form)}</number:number></number:number-style>'
        f'<style:style style:name="{form}" style:family="table-cell" style:data-style-name="N{digits}"/>'
        for form, digits in ZEROS.items()
    )
    rows = "".join(f"<table:table-row>{_ods_cell(cell)}</table:table-row>" for cell in [Cell("text", TITLE), *cells])
    spaces = " ".join(f'xmlns:{name}="{space}"' for name, space in names.items())
    content = (
        f"<office:document-content {spaces}><office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f'<office:spreadsheet><table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    _zip(path, {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content})


_ODS_NAMES: Final = ("office", "table", "text", "style", "number")


def _embedded(form: str) -> str:
    return '<number:embedded-text number:position="3">-</number:embedded-text>' if "-" in form else ""


def _ods_cell(cell: Cell) -> str:
    shown, raw = f"<text:p>{escape(cell.text)}</text:p>", quoteattr(cell.raw)
    match cell.kind:
        case "number" if cell.is_dated:
            moment = datetime(1899, 12, 30) + timedelta(days=float(cell.raw))  # noqa: DTZ001  # as sheets have it
            value = f'office:value-type="date" office:date-value="{moment.isoformat().removesuffix("T00:00:00")}"'
            if float(cell.raw) < 1:
                value = f'office:value-type="time" office:time-value="{moment:PT%HH%MM%SS}"'
        case "number":
            value = f'office:value-type="float" office:value={raw}'
        case "boolean":
            value = f'office:value-type="boolean" office:boolean-value={raw}'
        case "iso":
            value = f'office:value-type="date" office:date-value={raw}'
        case "empty":
            return "<table:table-cell/>"
        case _:
            value = 'office:value-type="string"'
    style = f' table:style-name="{cell.form}"' if cell.form in ZEROS else ""
    return f"<table:table-cell{style} {value}>{shown}</table:table-cell>"


def write_xml2003(path: Path, cells: list[Cell]) -> None:
    forms = sorted({cell.form for cell in cells})
    styles = "".join(
        f'<Style ss:ID="s{n}"><NumberFormat ss:Format={quoteattr(form)}/></Style>' for n, form in enumerate(forms)
    )
    types = {"text": "String", "number": "Number", "boolean": "Boolean", "iso": "DateTime"}
    rows = "".join(
        "<Row><Cell/></Row>"
        if cell.kind == "empty"
        else f'<Row><Cell ss:StyleID="s{forms.index(cell.form)}"><Data ss:Type="{types[cell.kind]}">'
        f"{escape(cell.raw)}</Data></Cell></Row>"
        for cell in cells
    )
    path.write_text(
        f'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="{SS}" xmlns:ss="{SS}">'
        f'<Styles>{styles}</Styles><Worksheet ss:Name="S"><Table><Row><Cell><Data ss:Type="String">'
        f"{TITLE}</Data></Cell></Row>{rows}</Table></Worksheet></Workbook>",
        encoding="utf-8",
    )


def write_html(path: Path, cells: list[Cell]) -> None:
    rows = "".join(f"<tr><td>{escape(cell.text)}</td><td>.</td></tr>" for cell in [Cell("text", TITLE), *cells])
    path.write_text(f'<html><meta charset="utf-8"><body><table>{rows}</table></body></html>', encoding="utf-8")


def write_csv(path: Path, cells: list[Cell]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([[cell.text, "."] for cell in [Cell("text", TITLE), *cells]])


def _zip(path: Path, parts: Mapping[str, str | bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


Writer = Callable[["Path", list[Cell]], None]

WRITERS: Final[dict[str, Writer]] = {
    "by hand.xlsx": write_xlsx_by_hand,
    "xlsxwriter.xlsx": write_xlsx,
    "openpyxl.xlsm": write_xlsm,
    "records.xlsb": write_xlsb,
    "xlwt.xls": write_xls,
    "document.ods": write_ods,
    "2003.xml": write_xml2003,
    "page.html": write_html,
    "text.csv": write_csv,
}
OF_TEXTS: Final = frozenset({"page.html", "text.csv"})
"""What has nothing but texts: a number or a date is what somebody sees."""
OF_ANY_TEXT: Final = frozenset({"by hand.xlsx", "document.ods", "2003.xml"}) | OF_TEXTS
"""What can hold any text as a number or a boolean; binary formats and libraries hold real ones only."""
