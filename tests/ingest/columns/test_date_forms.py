"""Dates and times in texts: what a form says counts, and whatever it does not say is never made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest.spec.yaml_document import DocumentError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingest.spec.dataset import Dataset

    from ..conftest import Parsed

    Make = Callable[..., Dataset]
    Write = Callable[..., Path]
    Parse = Callable[[Path, Dataset], Parsed]

BAD = "cell.type"


@pytest.fixture
def read(dataset: Make, workbook: Write, parsed: Parse) -> Callable[..., str | None]:
    """Return what a text is loaded as, or the code of its fault."""

    def read(text: str, kind: str, **keys: Any) -> str | None:
        outcome = parsed(workbook([["v"], [text]]), dataset({"name": "v", "type": kind, **keys}))
        return outcome.column()[0] if outcome.lines else outcome.faults[-1][1]

    return read


@pytest.mark.parametrize(
    ("kind", "form", "reason"),
    [
        ("date", "%d.%m.", "has no year"),
        ("datetime", "%H:%M", "has no year"),
        ("date", "%%Y-%m-%d", "has no year"),
        ("date", "%Y-W%W", "a week without a weekday"),
        ("datetime", "%d/%m/%Y %I:%M", "without %p"),
        ("time", "%I:%M", "without %p"),
        ("time", "%d.%m.%Y %H:%M", "has a date"),
        ("time", "%a %H:%M", "has a date"),
    ],
)
def test_a_form_that_would_have_something_made_up_or_dropped_is_refused(
    dataset: Make, kind: str, form: str, reason: str
) -> None:
    with pytest.raises(DocumentError) as refused:
        dataset({"name": "v", "type": kind, "format": form})
    assert reason in str(refused.value.problems)


@pytest.mark.parametrize(
    ("kind", "form", "text", "value"),
    [
        ("date", "%G-W%V-%u", "2026-W18-5", "2026-05-01"),
        ("date", "%Y-W%W-%u", "2026-W17-5", "2026-05-01"),
        ("date", "%x", "05/01/26", "2026-05-01"),
        ("date", "%Y-%j", "2026-121", "2026-05-01"),
        ("date", "%m/%Y", "05/2026", "2026-05-01"),
        ("datetime", "%c", "Fri May  1 10:00:00 2026", "2026-05-01 10:00:00"),
        ("time", "%H.%M", "10.15", "10:15:00"),
        ("time", "%I:%M %p", "12:30 AM", "00:30:00"),
    ],
)
def test_all_that_a_form_says_counts(
    read: Callable[..., str | None], kind: str, form: str, text: str, value: str
) -> None:
    assert read(text, kind, format=form) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10:30 AM", "10:30:00"),
        ("12:30 PM", "12:30:00"),
        ("22:30 PM", "22:30:00"),
        ("00:30 AM", "00:30:00"),
        ("10:30 PM", BAD),
        ("12:30 AM", BAD),
    ],
)
def test_a_half_of_the_day_that_contradicts_an_hour_of_24_is_not_passed_over(
    read: Callable[..., str | None], text: str, value: str
) -> None:
    assert read(text, "time", format="%H:%M %p") == value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("datetime", "2026-05-01 10:00:00.0000000", "2026-05-01 10:00:00"),
        ("datetime", "2026-05-01T10:00:00.123456000Z", "2026-05-01 10:00:00.123456"),
        ("datetime", "2026-05-01T10:00:00,123", "2026-05-01 10:00:00.123000"),
        ("datetime", "2026-05-01T10:00:00.1234567", BAD),
        ("date", "2026-05-01 00:00:00.0000000", "2026-05-01"),
        ("time", "10:00:00.5000000", "10:00:00.500000"),
        ("duration", "10:00:00.5000000", "36000.5 seconds"),
        ("duration", "10:00:00.0000001", BAD),
    ],
)
def test_zeros_finer_than_microseconds_are_nothing_and_digits_are_not_dropped(
    read: Callable[..., str | None], kind: str, text: str, value: str
) -> None:
    assert read(text, kind) == value


def test_they_are_nothing_in_a_declared_form_either(read: Callable[..., str | None]) -> None:
    form = "%Y-%m-%d %H:%M:%S.%f %z"
    assert read("2026-05-01 10:00:00.1200000 +02:00", "datetime", format=form) == "2026-05-01 08:00:00.120000"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("46143", "2026-05-01"),
        ("46143.0", "2026-05-01"),
        ("15.05.26", "2026-05-15"),
        ("1.5", BAD),
        ("2026", BAD),
        ("2026-05-01", BAD),
        ("46143.5", BAD),
        ("00046143", BAD),
        ("60", BAD),
        ("2958466", BAD),
        ("46,143", BAD),
    ],
)
def test_a_serial_in_a_text_is_the_date_that_it_is_in_a_number(
    read: Callable[..., str | None], text: str, value: str
) -> None:
    assert read(text, "date", format=["%d.%m.%y", "excel_serial"]) == value
    assert read(text, "date", format="%d.%m.%y") == (value if text == "15.05.26" else BAD)


@pytest.mark.parametrize("text", ["60501", "1052026", "46143"])
def test_beside_a_form_of_digits_alone_no_text_is_a_serial(read: Callable[..., str | None], text: str) -> None:
    """`60501` has lost the zero of 6 May 2001; it is no day of 2065."""
    assert read(text, "date", format=["%y%m%d", "excel_serial"]) == BAD


def test_serials_of_a_csv_are_read_all_at_once(dataset: Make, tmp_path: Path, parsed: Parse) -> None:
    path = tmp_path / "f.csv"
    path.write_text("v,at\n" + "".join(f"{46143 + day},{46143 + day}.25\n" for day in range(100)))
    serial = {"format": "excel_serial"}
    outcome = parsed(
        path, dataset({"name": "v", "type": "date", **serial}, {"name": "at", "type": "datetime", **serial})
    )
    assert outcome.accepted[3] == ["2026-05-02", "2026-05-02 06:00:00"]
    assert (len(outcome.lines), outcome.faults) == (100, [])


@pytest.mark.parametrize(
    ("kind", "form", "number", "value"),
    [
        ("date", "%Y%m%d", 20260501, "2026-05-01"),
        ("date", ["%d.%m.%Y", "%Y%m%d"], 20260501, "2026-05-01"),
        ("date", "%Y%m", 202605, "2026-05-01"),
        ("date", "%d%m%Y", 12052026, "2026-05-12"),
        ("datetime", "%Y%m%d%H%M%S", 20260501101500, "2026-05-01 10:15:00"),
        ("time", "%H%M", 1015, "10:15:00"),
        ("date", ["%d%m%Y", "%m%d%Y"], 11122026, "cell.date_ambiguous"),
        # A zero in front is lost.
        ("date", "%d%m%Y", 1052026, BAD),
        ("time", "%H%M", 830, BAD),
        ("date", "%Y%m%d", 20260501.5, BAD),
        ("date", "%Y%m%d", -20260501, BAD),
        ("date", "%Y%m%d", 20260230, BAD),
        ("date", "%Y%m%d", 46143, BAD),
        ("date", "%Y-%m-%d", 20260501, BAD),
        ("date", ["%Y%m%d", "excel_serial"], 46143, "2026-05-01"),
        ("date", ["%Y%m%d", "excel_serial"], 20260501, "cell.date_out_of_range"),
    ],
)
def test_a_number_is_read_in_a_form_of_digits_alone(
    read: Callable[..., str | None], kind: str, form: str | list[str], number: float, value: str
) -> None:
    assert read(number, kind, format=form) == value


@pytest.mark.parametrize("written", ["20260501", "20260501.0", "2.0260501E7"])
def test_however_a_file_writes_the_number(
    dataset: Make, package: Callable[..., Path], parsed: Parse, written: str
) -> None:
    path = package(f'<row r="1"><c r="A1" t="str"><v>v</v></c></row><row r="2"><c r="A2"><v>{written}</v></c></row>')
    assert parsed(path, dataset({"name": "v", "type": "date", "format": "%Y%m%d"})).column() == ["2026-05-01"]
