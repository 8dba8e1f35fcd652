"""How `headgate read` takes real delimited files that nobody describes: the simple score of the Pollock benchmark.

`python tests/bench/pollock.py FOLDER` where FOLDER has `csv/` and `clean/`, as `survey_sample` and `polluted_files` of
the benchmark's repository do (Vitagliano et al., "Pollock: A Data Loading Benchmark", PVLDB 16(8), 2023). Of each file
it counts whether it could be read, and precision, recall and F1 of its header, its records and its cells, as multisets;
the score is the sum of the ten means, 10 at most. Values are compared as text, numbers by their value.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ingest.errors import FileRejectedError
from ingest.output.grid import read_grid

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MEASURES = ("success", *(f"{part} {name}" for part in ("header", "record", "cell") for name in ("P", "R", "F1")))


def told(cell: str) -> str:
    """Return what a value comes to: a number by its value, a text without regard to case."""
    text = cell.strip()
    return repr(float(text)) if NUMBER.fullmatch(text) else text.casefold()


def agreement(right: Iterable[str], found: Iterable[str]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of two bags of texts; nothing to find is found."""
    wanted, got = Counter(right), Counter(found)
    if not wanted:
        return 1.0, 1.0, 1.0
    both = (wanted & got).total()
    if not both:
        return 0.0, 0.0, 0.0
    precision, recall = both / wanted.total(), both / got.total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def measured(source: Path, clean: Path) -> tuple[list[float], str]:
    """Return the ten measures of one file, and the code by which it was refused, if it was."""
    with clean.open(encoding="utf-8-sig", newline="") as lines:
        right = list(csv.reader(lines))
    out = io.StringIO(newline="")
    try:
        read_grid(source, 0, out, "csv")
    except FileRejectedError as error:
        if error.record.code != "file.empty" or right:
            return [0.0] * len(MEASURES), error.record.code
    # Rows of nothing are rows of the sheet; the benchmark's clean files have none.
    rows = [row for row in csv.reader(io.StringIO(out.getvalue(), newline="")) if any(row)]
    header = agreement(map(told, right[0] if right else []), map(told, rows[0] if rows else []))
    records = agreement(*(("".join(map(told, row)) for row in table[1:]) for table in (right, rows)))
    cells = agreement(*((told(cell) for row in table for cell in row) for table in (right, rows)))
    return [1.0, *header, *records, *cells], ""


def main() -> None:
    """Print the score, its parts, and the files that fall short of their best."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--worst", type=int, default=20, help="files to name")
    given = parser.parse_args()
    found: list[tuple[float, str, str, list[float]]] = []
    for source in sorted((given.folder / "csv").iterdir()):
        measures, code = measured(source, given.folder / "clean" / source.name)
        found.append((sum(measures), source.name, code, measures))
    for total, name, code, measures in sorted(found)[: given.worst]:
        parts = " ".join(f"{part:.2f}" for part in measures[3::3])
        print(f"{total:6.2f}  {name}  {parts}  {code}")
    means = [sum(measures[place] for *_, measures in found) / len(found) for place in range(len(MEASURES))]
    print(", ".join(f"{name} {mean:.3f}" for name, mean in zip(MEASURES, means, strict=True)))
    print(f"{len(found)} files, score {sum(means):.3f}")


if __name__ == "__main__":
    main()
