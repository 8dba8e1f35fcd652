"""Rows of the same key in one file: which are the same row again, and which contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Of each row: whether it only repeats another one that stays, or contradicts the others of its key."""

    duplicate: Mask
    conflicting: Mask


def find_repeats(keys: pa.LargeStringArray, lines: pa.LargeStringArray, *, last_wins: bool) -> Repeats:
    """Compare the rows that share a key; of equal rows the first stays.

    With `last_wins` the last row of a key stays and the ones before it count as duplicates of it; without, rows
    of one key with different content all contradict each other.
    """
    codes = keys.dictionary_encode().indices.to_numpy()
    counts = np.bincount(codes, minlength=1)
    duplicate, conflicting = np.zeros(len(codes), np.bool_), np.zeros(len(codes), np.bool_)
    repeated = np.flatnonzero(counts[codes] > 1)
    groups: dict[int, list[int]] = {}
    for row in repeated.tolist():
        groups.setdefault(int(codes[row]), []).append(row)
    for rows in groups.values():
        texts = [lines[row].as_py() for row in rows]
        _judge(rows, texts, duplicate, conflicting, last_wins=last_wins)
    return Repeats(duplicate=duplicate, conflicting=conflicting)


def _judge(rows: Sequence[int], texts: Sequence[str], duplicate: Mask, conflicting: Mask, *, last_wins: bool) -> None:
    if len(set(texts)) == 1:
        duplicate[list(rows[1:])] = True
    elif last_wins:
        duplicate[list(rows[:-1])] = True
    else:
        conflicting[list(rows)] = True
