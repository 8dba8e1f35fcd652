"""How the charts of the benchmarks look, and how they are written: the same file for the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

OURS: Final = "#1f6f54"
OTHERS: Final = "#9aa5a0"
MISSED: Final = "#b3462f"
NOTHING: Final = {"png": ("Software",), "svg": ("Creator", "Date", "Format", "Type")}
"""Fields that a picture would otherwise have beside the picture itself: a date, the name of a program."""


def canvas(rows: int, columns: int = 1, *, width: float = 8) -> tuple[Any, Any]:
    """Return an empty figure for so many lines of bars, and its axes."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "bench"
    from matplotlib import pyplot

    chart, axes = pyplot.subplots(1, columns, figsize=(width, 0.5 * rows + 1.2), sharey=True)
    for each in axes if columns > 1 else [axes]:
        each.spines[["top", "right"]].set_visible(False)
    return chart, axes


def save(chart: Any, folder: Path, name: str, *, top: float = 1.0) -> None:
    """Write a figure in both of its forms; its axes end at this share of the height."""
    chart.tight_layout(rect=(0, 0, 1, top))
    for form, fields in NOTHING.items():
        chart.savefig(folder / f"{name}.{form}", dpi=150, metadata=dict.fromkeys(fields))
