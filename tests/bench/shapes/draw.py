"""The chart of the shapes: seconds of Headgate, polars and pandas on one line each, and what Headgate's ratio is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from parties.contenders import PANDAS, POLARS
from pictures import MISSED, OTHERS, OURS, canvas, save
from shapes.measure import OURSELVES, has_all, part_read

LOOKS: Final = {
    OURSELVES: {"color": OURS, "marker": "o", "s": 60, "zorder": 3},
    POLARS: {"color": "#3b6ea5", "marker": "D", "s": 36, "zorder": 2},
    PANDAS: {"color": OTHERS, "marker": "s", "s": 36, "zorder": 2},
}
LEGEND_BELOW: Final = 0.96
"""The share of the height that the panels have."""
TICKS: Final = (1, 2, 5)
PANELS: Final = (
    ("wall_seconds", "wall", "into PostgreSQL, seconds (wall)"),
    ("read_cpu_seconds", "cpu", "reading alone, seconds of CPU"),
)


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Draw both panels; further to the left is faster."""
    shapes = [*figures["shapes"].values()][::-1]
    from matplotlib.ticker import LogLocator, NullLocator

    chart, both = canvas(len(shapes), len(PANELS), width=12)
    for axes, (measure, ratio, label) in zip(both, PANELS, strict=True):
        for name, looks in LOOKS.items():
            found = [
                (shape[measure][name], place) for place, shape in enumerate(shapes) if has_all(shape["cells"], name)
            ]
            if found:
                axes.scatter(*zip(*found, strict=True), label=name, **looks)
        for place, shape in enumerate(shapes):
            seconds = [taken for name, taken in shape[measure].items() if has_all(shape["cells"], name)]
            beside = shape["beside_polars"].get(ratio)
            axes.plot([min(seconds), max(seconds)], [place, place], color="#d9dedb", linewidth=2, zorder=1)
            axes.annotate(
                f"{beside['found']:.2f} x" if beside else part_read(shape),
                (1.0, place),
                xycoords=("axes fraction", "data"),
                va="center",
                color=OTHERS if not beside else OURS if beside["met"] else MISSED,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(label)
    both[0].set_yticks(range(len(shapes)), [shape["title"] for shape in shapes])
    chart.legend(*both[0].get_legend_handles_labels(), loc="upper center", ncols=len(LOOKS), frameon=False)
    chart.supxlabel(
        f"{figures['rows']:,} rows x 20 columns, the wide sheet a tenth of the rows; left is faster; "
        "x: polars' seconds divided by Headgate's, red where a goal is missed",
        fontsize=9,
    )
    save(chart, folder, "bench-shapes", top=LEGEND_BELOW)
