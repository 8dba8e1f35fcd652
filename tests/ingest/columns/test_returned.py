"""What a dataset's own function may return for a field: what is held exactly, and what is refused with its row."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ingest.columns.returned import NotHeldError, held
from ingest.spec.field import Field

MONEY: Final = {"type": "decimal(12,2)"}
ZONED: Final = {"type": "datetime", "timezone": "Asia/Shanghai"}
KINDS: Final = {
    "decimal(12,2)": pa.decimal128(12, 2),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "datetime": pa.timestamp("us"),
    "time": pa.time64("us"),
    "duration": pa.duration("us"),
    "string": pa.large_string(),
}
TEN: Final = datetime(2026, 5, 1, 10)  # noqa: DTZ001  # a time without a zone is what is tried
DAY: Final = date(2026, 5, 1)


def hold(values: Any, **keys: str) -> list[Any]:
    kind = pa.timestamp("us", "UTC") if "timezone" in keys else KINDS[keys["type"]]
    found: pa.Array = held(pd.Series(values), Field.model_validate({"name": "f", **keys}), kind)
    assert found.type == kind
    values = found.to_pylist()
    assert isinstance(values, list)
    return values


@pytest.mark.parametrize(
    ("keys", "values", "right"),
    [
        (MONEY, [0.1 + 0.2, np.nan], [Decimal("0.30"), None]),
        (MONEY, [1, 2], [Decimal(1), Decimal(2)]),
        (MONEY, [Decimal("1.5"), 2, None], [Decimal("1.5"), Decimal(2), None]),
        ({"type": "integer"}, [1.0, np.nan], [1, None]),
        ({"type": "integer"}, ["5"], [5]),
        ({"type": "number"}, [0.1 + 0.2, 1], [0.1 + 0.2, 1.0]),
        ({"type": "boolean"}, [1, 0], [True, False]),
        ({"type": "boolean"}, [True, None], [True, None]),
        ({"type": "boolean"}, [np.nan], [None]),
        ({"type": "date"}, [pd.Timestamp(2026, 5, 1), pd.NaT], [DAY, None]),
        ({"type": "date"}, [DAY, None], [DAY, None]),
        ({"type": "date"}, [np.nan, np.nan], [None, None]),
        ({"type": "datetime"}, [TEN], [TEN]),
        (ZONED, [pd.Timestamp(2026, 5, 1, 12, tz="Europe/Berlin")], [TEN.replace(tzinfo=UTC)]),
        ({"type": "time"}, [time(10)], [time(10)]),
        ({"type": "duration"}, [timedelta(hours=1)], [timedelta(hours=1)]),
        ({"type": "string"}, ["a", None], ["a", None]),
        ({"type": "string"}, [1, 2], ["1", "2"]),
    ],
)
def test_what_is_held_exactly(keys: dict[str, str], values: Any, right: list[Any]) -> None:
    assert hold(values, **keys) == right


def test_what_pandas_keeps_in_other_ways_is_held_too() -> None:
    assert hold(pd.array([0.5, float("nan")], dtype=pd.ArrowDtype(pa.float64())), **MONEY) == [Decimal("0.5"), None]
    assert hold(pd.Categorical([1.5, 2.25]), **MONEY) == [Decimal("1.5"), Decimal("2.25")]
    assert hold(pd.Categorical(["a", None]), type="string") == ["a", None]


@pytest.mark.parametrize(
    ("keys", "values", "index", "words"),
    [
        (MONEY, [1.5, 10.10 * 1.19], 1, "2 digits after the point"),
        (MONEY, [1.005], 0, "2 digits after the point"),
        (MONEY, [1.5, np.inf], 1, "too large"),
        (MONEY, [Decimal("1.005")], None, "data loss"),
        (MONEY, [1e16], 0, "16 digits"),
        (MONEY, [10**20], None, ""),
        ({"type": "integer"}, [1.0, 1.5], 1, "not a whole number"),
        ({"type": "integer"}, [2**70], None, "too large"),
        ({"type": "number"}, ["1.5", "inf"], 1, "too large"),
        ({"type": "boolean"}, [1, 2], 1, "boolean"),
        ({"type": "boolean"}, [1.0], 0, "boolean"),
        ({"type": "date"}, [DAY, TEN], 1, "time of day"),
        ({"type": "date"}, [pd.Timestamp(TEN)], 0, "time of day"),
        ({"type": "date"}, [20454], 0, "date"),
        ({"type": "datetime"}, [5], 0, "datetime"),
        (ZONED, [pd.Timestamp(TEN)], None, "without a zone"),
        (ZONED, [DAY], None, "without a zone"),
        ({"type": "time"}, [pd.Timestamp(TEN)], None, "time of day alone"),
        ({"type": "time"}, [1], 0, "time"),
        ({"type": "duration"}, [5], 0, "duration"),
        ({"type": "string"}, [1.5], 0, "string"),
        ({"type": "string"}, ["a", "a\0b"], 1, "NUL"),
        ({"type": "string"}, [[1]], None, ""),
    ],
)
def test_what_would_be_another_value_is_refused(
    keys: dict[str, str], values: Any, index: int | None, words: str
) -> None:
    with pytest.raises(NotHeldError) as refused:
        hold(values, **keys)
    assert refused.value.index == index
    assert words in str(refused.value)
