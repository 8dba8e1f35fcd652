"""Rows of the same key in one file: which are the same row again, and which contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Lines = Callable[[NDArray[np.int64]], pa.LargeStringArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Of each row: whether another one of its key stays in its place, or all of its key contradict each other.

    `superseded` are the `duplicate` rows that have another content than the one that stays.
    """

    duplicate: Mask
    superseded: Mask
    conflicting: Mask


def find_repeats(keys: pa.LargeStringArray, lines: Lines, *, last_wins: bool) -> Repeats:
    """Compare the rows that share a key, `lines` giving the whole content of rows; of equal rows the first stays.

    With `last_wins` the last row of a key stays and the ones before it count as duplicates of it; without, rows
    of one key with different content all contradict each other.
    """
    none = np.zeros(len(keys), np.bool_)
    repeats = Repeats(duplicate=none, superseded=none.copy(), conflicting=none.copy())
    if len(pc.unique(keys)) < len(keys):
        codes = keys.dictionary_encode().indices.to_numpy()
        repeated = np.flatnonzero(np.bincount(codes)[codes] > 1)
        texts = dict(zip(repeated.tolist(), lines(repeated).to_pylist(), strict=True))
        groups: dict[int, list[int]] = {}
        for row in repeated.tolist():
            groups.setdefault(int(codes[row]), []).append(row)
        for rows in groups.values():
            _judge(rows, [texts[row] for row in rows], repeats, last_wins=last_wins)
    return repeats


def _judge(rows: Sequence[int], texts: Sequence[str], repeats: Repeats, *, last_wins: bool) -> None:
    if len(set(texts)) == 1:
        repeats.duplicate[list(rows[1:])] = True
    elif last_wins:
        repeats.duplicate[list(rows[:-1])] = True
        repeats.superseded[[row for row, text in zip(rows, texts, strict=True) if text != texts[-1]]] = True
    else:
        repeats.conflicting[list(rows)] = True


def key_range(keys: pa.LargeStringArray, kind: str) -> tuple[str, str] | None:
    """Return the smallest and the largest of keys in COPY text form, if any database finds the same ones.

    That is so for whole numbers, for dates, and in every collation for texts of as many digits each.
    """
    if not len(keys):
        return None
    if kind == "integer":
        numbers = pc.min_max(keys.cast(pa.int64()))
        return str(numbers["min"].as_py()), str(numbers["max"].as_py())
    if kind == "string":
        lengths = pc.min_max(pc.binary_length(keys))
        if lengths["min"] != lengths["max"] or not pc.all(pc.ascii_is_decimal(keys)).as_py():
            return None
    elif kind not in {"date", "datetime"}:
        return None
    found = pc.min_max(keys)
    return found["min"].as_py(), found["max"].as_py()
