"""Numbers and dates in texts that are read all at once are read as each of them alone."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.cells.cells import Column, Kind
from ingest.columns.moment_layouts import read_fixed
from ingest.columns.moment_text import Moment, read_moment
from ingest.columns.numeric import convert_decimal, convert_integer
from ingest.columns.temporal import convert_date, convert_datetime
from ingest.spec.dataset_file import parse_dataset

if TYPE_CHECKING:
    from ingest.spec.field import Field

SOON = 0.5
"""Seconds of this process that one text may take at most, many times what it does."""
MANY = 64
"""From so many different texts on they are read at once."""
FORMATS = [
    [],
    ["%Y-%m-%d"],
    ["%d.%m.%Y"],
    ["%m/%d/%Y %H:%M:%S"],
    ["%Y%m%d"],
    ["%Y年%m月%d日"],
    ["%d.%m.%Y", "%m.%d.%Y"],
    ["%d %b %Y"],
    ["excel_serial", "%d-%m-%Y"],
    ["%Y-%m-%d %H:%M", "excel_serial"],
    ["%y-%m-%d"],
    ["%d%m%Y"],
    ["100%% %d.%m.%Y"],
]


def field(kind: str, **more: Any) -> Field:
    document = {"dataset": "d", "fields": [{"name": "a", "type": kind, **more}], "load": {"table": "t"}}
    return parse_dataset(json.dumps(document), "d.yml").fields[0]


def numbers(low: int, high: int, width: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(lambda number: f"{number:0{width}}")


@st.composite
def moments(draw: st.DrawFn) -> str:
    year, month, day = draw(numbers(0, 9999, 4)), draw(numbers(0, 13, 2)), draw(numbers(0, 32, 2))
    hour, minute, second = (draw(numbers(0, most, 2)) for most in (25, 61, 61))
    form = draw(
        st.sampled_from(
            (
                "{y}-{m}-{d}",
                "{y}-{m}-{d} {h}:{n}:{s}",
                "{y}-{m}-{d}T{h}:{n}:{s}",
                "{y}-{m}-{d} {h}:{n}",
                "{y}-{m}-{d}T{h}:{n}{o}",
                "{y}-{m}-{d} {h}:{n}:{s}.{f}",
                "{y}-{m}-{d}T{h}:{n}:{s}{o}",
                "{y}-{m}-{d}T{h}:{n}:{s}.{f}{o}",
                "{y}-{m}-{d}  {h}:{n}",
                "{d}.{m}.{y}",
                "{m}/{d}/{y} {h}:{n}:{s}",
                "{y}{m}{d}",
                "{d}{m}{y}",
                "{y}年{m}月{d}日",
                "{d}-{m}-{y}",
                " {y}-{m}-{d}",
                "100% {d}.{m}.{y}",
            )
        )
    )
    fraction = draw(st.text("0123456789", max_size=7))
    sign, hours, minutes = draw(st.sampled_from("+--")), draw(numbers(0, 25, 2)), draw(numbers(0, 61, 2))
    offset = sign + draw(st.sampled_from((f"{hours}:{minutes}", f"{hours}{minutes}", hours, f"{hours}:00:30")))
    offset = draw(st.sampled_from(("Z", offset, offset, "z")))
    text = form.format(y=year, m=month, d=day, h=hour, n=minute, s=second, f=fraction, o=offset)
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(text) - 1))
        text = text[:place] + draw(st.sampled_from("0x٣1 -:１\n+")) + text[place + 1 :]
    return text


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(moments(), min_size=1, max_size=60),
    form=st.sampled_from(FORMATS),
    kind=st.sampled_from(("date", "datetime")),
    iso=st.booleans(),
)
@example(texts=["2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "0000-01-01"], form=[], kind="date", iso=False)
def test_dates_in_fixed_places_mean_what_each_means_alone(
    texts: list[str],
    form: list[str],
    kind: str,
    iso: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    declared = field(kind, format=form) if form else field(kind)
    every = [*texts, *(f"19{number:02}-01-{1 + number % 28:02}" for number in range(MANY))]
    where = np.full(len(every), iso)
    read = read_fixed(pa.array(every, pa.large_string()), declared, where)
    for text, micros, known, absolute in zip(every, *(part.tolist() for part in read), strict=True):
        if known:
            assert read_moment(text, declared, iso=iso) == Moment(micros, absolute), text


@pytest.mark.parametrize("apart", [" +0800", " -05:00", " UTC", " GMT", ".5 +0800", " Z"])
def test_an_offset_may_have_a_blank_before_it(apart: str) -> None:
    """As Ruby writes it, and the exports of shops."""
    together = apart.replace(" ", "").replace("UTC", "Z").replace("GMT", "Z")
    read = read_moment(f"2026-05-01 10:00:00{apart}", field("datetime"))
    assert isinstance(read, Moment)
    assert read == read_moment(f"2026-05-01 10:00:00{together}", field("datetime"))


@pytest.mark.parametrize("text", ["2026-05-01 10:00:00 CET", "2026-05-01 +0800", "2026-05-01 10:00:00  +0800"])
def test_what_is_no_offset_is_not_dropped(text: str) -> None:
    assert read_moment(text, field("datetime")) is None


@pytest.mark.parametrize("separator", [" ", "T"])
@pytest.mark.parametrize("end", ["", ".5", ".123", ".123456", "Z", "+08:00", "-0330", "+05", ".001Z", ".123456+08:00"])
def test_common_dates_are_read_at_once(separator: str, end: str) -> None:
    every = [f"20{year:02}-{month:02}-28{separator}23:59:59{end}" for year in range(99) for month in range(1, 13)]
    every += [text.removesuffix(end) for text in every]
    _, read, absolute = read_fixed(
        pa.array(every, pa.large_string()), field("datetime"), np.zeros(len(every), np.bool_)
    )
    assert read.all()
    assert absolute.sum() == (len(every) // 2 if {*end} & {*"Z+-"} else 0)


@pytest.mark.parametrize(
    ("form", "kind", "texts", "meant"),
    [
        ("%d%m%Y", "date", ["1052026", "1112026", "11112026", "01052026"], [None, None, "2026-11-11", "2026-05-01"]),
        ("%Y%m%d", "date", ["202651", "2026051", "20260501"], [None, None, "2026-05-01"]),
        ("%y%m%d", "date", ["26511", "260511"], [None, "2026-05-11"]),
        ("%d.%m%Y", "date", ["1.12026", "1.012026"], [None, "2026-01-01"]),
        ("%d.%m.%Y", "date", ["1.5.2026", "01.05.2026"], ["2026-05-01", "2026-05-01"]),
        ("%d%b%Y", "date", ["1May2026", "01may2026"], ["2026-05-01", "2026-05-01"]),
        ("%d.%m.%Y %H%M", "datetime", ["1.5.2026 915", "1.5.2026 0915"], [None, "2026-05-01 09:15"]),
        ("%Y%m%d%H%M%S%f", "datetime", ["2026050110150", "20260501101500123"], [None, "2026-05-01 10:15:00.123"]),
        ("%Y%m%dT%H%M%S%z", "datetime", ["20260501T101500+0200", "20260501T10150+0200"], ["2026-05-01 08:15", None]),
        (
            "%Y%m%dT%H:%M:%S%z",
            "datetime",
            ["20260501T1:15:00+02:00", "20260501T01:15:00Z+"],
            ["2026-04-30 23:15", None],
        ),
        (
            "%a %d. %b %Y%%%H%M",
            "datetime",
            ["Fri  1. MAY 2026%0915", "5th 1. MAY 2026%0915"],
            ["2026-05-01 09:15", None],
        ),
        ("%A, %j %Y%H:%M:%S.%f", "datetime", ["Friday, 121 202609:15:00.5"], ["2026-05-01 09:15:00.5"]),
        (
            "%I%M %p, %d.%m.%Y",
            "datetime",
            ["0915 pm, 1.5.2026", "0915 pm, 1.5.2026" + "0" * 200],
            ["2026-05-01 21:15", None],
        ),
    ],
)
@pytest.mark.parametrize("beside", [0, MANY])
def test_directives_that_touch_have_their_full_width(
    form: str, kind: str, texts: list[str], meant: list[str | None], beside: int
) -> None:
    first = datetime(1970, 1, 1, tzinfo=UTC)
    every = [*texts, *((first + timedelta(days=number)).strftime(form) for number in range(beside))]
    column = Column(kinds=np.full(len(every), Kind.TEXT, np.uint8), texts=pa.array(every, pa.large_string()))
    convert = convert_date if kind == "date" else convert_datetime
    found = convert(column, np.ones(len(every), np.bool_), field(kind, format=form), date1904=False)
    values = found.values.cast(pa.timestamp("us")).to_pylist()[: len(texts)]
    assert values == [None if one is None else datetime.fromisoformat(one) for one in meant]
    assert {fault.code for fault in found.faults} == ({"cell.type"} if None in meant else set())


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y%m%dT%H:%M:%SZ", "20240101T" + ":" * 3000),
        ("%Y%m%dT%H:%M:%SZ", "20240101T" + ":" * 90),
        ("%Y%m%d %A %B %p", "20240101 " + "a " * 50),
        ("%H%M%x", "1015" + "/:" * 50),
    ],
)
def test_no_text_takes_long_to_be_no_date(form: str, text: str) -> None:
    began = process_time()
    assert read_moment(text, field("datetime", format=form)) is None
    assert process_time() - began < SOON


EXACT = Context(prec=200)
NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)", re.ASCII)


@st.composite
def decimals(draw: st.DrawFn) -> str:
    sign, end = draw(st.sampled_from(("", "", "-", "+"))), draw(st.sampled_from(("", "", "", " ", "x", "-")))
    whole, fraction = draw(st.text("0123456789", max_size=18)), draw(st.text("0123456789", max_size=6))
    point = draw(st.sampled_from((".", ".", "")))
    return f"{sign}{whole}{point}{fraction}{end}" or "0"


@settings(max_examples=100, deadline=None)
@given(
    texts=st.lists(decimals(), min_size=1, max_size=30),
    precision=st.integers(1, 30),
    scale=st.integers(0, 20),
)
@example(texts=["999999999999.995", "99999999999999.9", "-0.00", "0.1", "1e5", "007"], precision=15, scale=2)
@example(texts=[".0", "-.0", "+.50", "5."], precision=3, scale=0)
@example(texts=["999999999999999", "1000000000000000", "123456789012345678"], precision=18, scale=0)
def test_decimals_in_texts_are_exact(texts: list[str], precision: int, scale: int) -> None:
    scale = min(scale, precision)
    column = Column(kinds=np.full(len(texts), Kind.TEXT, np.uint8), texts=pa.array(texts, pa.large_string()))
    live = np.ones(len(texts), np.bool_)
    found = convert_decimal(column, live, field(f"decimal({precision},{scale})")).values.to_pylist()
    whole = convert_integer(column, live, field("integer")).values.to_pylist()
    for text, decimal, integer in zip(texts, found, whole, strict=True):
        value = Decimal(text.strip()) if NUMBER.fullmatch(text.strip()) else None
        narrow = value is not None and EXACT.remainder(value.scaleb(scale, EXACT), Decimal(1)) == 0
        fits = value is not None and narrow and abs(value) < 10 ** (precision - scale)
        assert decimal == (value if fits else None), text
        counts = value is not None and value == int(value) and -(2**63) <= int(value) < 2**63
        assert integer == (int(value) if counts and value is not None else None), text


@pytest.mark.parametrize(
    ("declared", "text", "meant"),
    [
        ({"decimalChar": ","}, "1.5", None),
        ({"decimalChar": ",", "groupChar": "."}, "1.500", Decimal(1500)),
        ({"negative": ["trailing"]}, "-5", None),
        ({"groupChar": ","}, "1,500", Decimal(1500)),
        ({}, "-5", Decimal(-5)),
    ],
)
def test_declared_characters_decide(declared: dict[str, Any], text: str, meant: Decimal | None) -> None:
    column = Column(kinds=np.array([Kind.TEXT], np.uint8), texts=pa.array([text], pa.large_string()))
    read = convert_decimal(column, np.ones(1, np.bool_), field("decimal(12,3)", **declared))
    assert read.values.to_pylist() == [meant]
