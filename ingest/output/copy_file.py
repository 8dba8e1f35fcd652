"""Accepted rows in COPY text form and error records as JSON lines: owns the two files that a parse leaves behind."""

from __future__ import annotations

import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..cells.arrow_masks import bytes_of, has_byte
from ..cells.batches import alike
from ..parallel import ahead, each
from ..spec.dataset import LINEAGE_JOB, LINEAGE_ROW
from .copy_text import ESCAPES, NULL, unescaped
from .report import ACCEPTED_FILE, ORIGINALS_FILE, REJECTED_FILE, REJECTED_KEYS_FILE, ROWS_FILE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..errors import ErrorRecord

ROWS_AT_ONCE: Final = 10_000
_EMPTY: Final = pa.scalar("", pa.large_string())
_LINE_END: Final = pa.scalar("\n", pa.large_string())
_TAB: Final = pa.scalar("\t", pa.large_string())
_EXACT_TEXT_SCALE: Final = 6
"""Arrow writes decimals of more digits after the point in scientific notation when they are small."""


def copy_columns(columns: Sequence[pa.Array], rows: int) -> list[pa.LargeStringArray]:
    r"""Return columns of so many rows as the texts that COPY reads, with `\\N` for null."""
    groups = alike((column.type for column in columns), rows)

    def copied(places: list[int]) -> pa.LargeStringArray:
        found = [columns[place] for place in places]
        return _text(found[0] if len(found) == 1 else pa.concat_arrays(found)).fill_null(NULL)

    texts: list[pa.LargeStringArray] = [None] * len(columns)
    for places, found in zip(groups, each(copied, groups, rows * len(columns)), strict=True):
        for number, place in enumerate(places):
            texts[place] = found[number * rows : (number + 1) * rows]
    return texts


def copy_lines(columns: Sequence[pa.LargeStringArray]) -> pa.LargeStringArray:
    """Return the rows of columns in COPY text form, each without its line end."""
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _TAB)


def lineage_columns(rows: NDArray[np.int64], job: int, names: Collection[str]) -> list[pa.LargeStringArray]:
    """Return the columns among `names` that are no fields: the sheet's row numbers and the job, as COPY texts."""
    found = []
    if LINEAGE_ROW in names:
        found.append(pa.array(rows).cast(pa.large_string()))
    if LINEAGE_JOB in names:
        found.append(pa.repeat(pa.scalar(str(job), pa.large_string()), len(rows)))
    return found


def write_accepted(folder: Path, columns: Sequence[pa.LargeStringArray]) -> None:
    """Write the accepted rows in COPY text form; no columns, no rows."""
    rows = len(columns[0]) if columns else 0

    def lines(start: int) -> pa.LargeStringArray:
        some = slice(start, start + ROWS_AT_ONCE)
        ended = pc.binary_join_element_wise(columns[-1][some], _EMPTY, _LINE_END)
        return copy_lines([*(column[some] for column in columns[:-1]), ended])

    with (folder / ACCEPTED_FILE).open("wb") as file:
        for part in ahead(lines, range(0, rows, ROWS_AT_ONCE)):
            # The lines lie one after the other in the array's own buffer: that buffer is the file.
            file.write(bytes_of(part).data)


def write_rows(folder: Path, rows: NDArray[np.int64]) -> None:
    """Write the sheet rows of the accepted rows, in their order."""
    with (folder / ROWS_FILE).open("wb") as file:
        file.write(rows.astype(np.int64).data)  # ndarray.tofile says nothing of why a disk took no more


def write_originals(folder: Path, originals: pa.LargeStringArray | None, rows: NDArray[np.int64]) -> None:
    """Write what each of some rows is called in the original, one a line; nothing of those that do not say it.

    A name that is no single line stands nowhere either: it is none that a row was handed back with.
    """
    names = pa.nulls(len(rows), pa.large_string()) if originals is None else originals.take(pa.array(rows))
    with (folder / ORIGINALS_FILE).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{_of_one_line(name)}\n" for name in names.to_pylist())


def _of_one_line(name: str | None) -> str:
    return "" if name is None or not name.isprintable() else name


def write_rejected_keys(folder: Path, keys: pa.LargeStringArray) -> None:
    """Write keys in COPY text form, one a line."""
    with (folder / REJECTED_KEYS_FILE).open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{key}\n" for key in keys.to_pylist())


def read_accepted(folder: Path, rows: int) -> list[tuple[str | None, ...]]:
    """Return the first so many accepted rows as the texts that the table gets, None for null."""
    with (folder / ACCEPTED_FILE).open(encoding="utf-8", newline="\n") as lines:
        texts = (line.removesuffix("\n").split("\t") for line in islice(lines, rows))
        return [tuple(None if text == NULL else unescaped(text) for text in row) for row in texts]


def write_rejected(folder: Path, records: Iterable[ErrorRecord]) -> None:
    """Write error records, one JSON object a line; none, no file."""
    some = iter(records)
    first = next(some, None)
    if first is None:
        return
    with (folder / REJECTED_FILE).open("w", encoding="utf-8") as file:
        for record in chain((first,), some):
            file.write(json.dumps(record.as_dict(), ensure_ascii=False, separators=(",", ":")))
            file.write("\n")


def _text(values: pa.Array) -> pa.LargeStringArray:
    kind = values.type
    if pa.types.is_large_string(kind):
        return _escaped(values)
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "t", "f").cast(pa.large_string())
    if pa.types.is_duration(kind):
        return _seconds(values)
    if pa.types.is_decimal(kind) and kind.scale > _EXACT_TEXT_SCALE:
        texts = [None if value is None else f"{value:f}" for value in values.to_pylist()]
        return pa.array(texts, pa.large_string())
    if not (pa.types.is_timestamp(kind) or pa.types.is_time(kind)):
        return values.cast(pa.large_string())
    timed = _in_seconds(values)
    texts = timed.cast(pa.large_string())
    if timed.type.unit != "s":
        texts = pc.replace_substring_regex(texts, r"\.000000(Z?)$", r"\1")
    zoned = pa.types.is_timestamp(kind) and kind.tz is not None
    return pc.replace_substring_regex(texts, "Z$", "+00:00") if zoned else texts


def _in_seconds(values: pa.Array) -> pa.Array:
    """Return moments or times of day in seconds, whose texts have no fraction, if none of them has one."""
    kind = values.type
    micros = values.cast(pa.int64()).fill_null(0).to_numpy()
    if kind.unit != "us" or (micros % 1_000_000).any():
        return values
    return values.cast(pa.timestamp("s", kind.tz) if pa.types.is_timestamp(kind) else pa.time32("s"))


def _escaped(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    if not has_byte(texts, b"\\\t\n\r"):
        return texts
    for character, escape in ESCAPES:
        texts = pc.replace_substring(texts, character, escape)
    return texts


def _seconds(values: pa.Array) -> pa.LargeStringArray:
    """Return durations as PostgreSQL intervals in seconds."""
    texts = [None if micros is None else _interval(micros) for micros in values.cast(pa.int64()).to_pylist()]
    return pa.array(texts, pa.large_string())


def _interval(micros: int) -> str:
    sign = "-" if micros < 0 else ""
    seconds, rest = divmod(abs(micros), 1_000_000)
    fraction = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{sign}{seconds}{fraction} seconds"
