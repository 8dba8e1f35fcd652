"""The picture of the rooms in docs/architecture.md and their count: owns how they are drawn. Run by `make docs`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from import_graph import Rooms, imports, room_of, rooms

WAY: Final = ("daemon.intake", "daemon.spool", "daemon.pipeline", "ingest.parse", "ingest.load", "daemon.ledger")
"""The rooms that a workbook itself goes through."""
WIDTH, LEVEL, BOX_WIDTH, BOX_HEIGHT, MARGIN = 1040, 66, 92, 30, 16
COLUMNS: Final = {"daemon": (MARGIN, 560), "ingest": (600, WIDTH - MARGIN)}
STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #1f2933; text-anchor: middle }
  .house { font-size: 14px; font-weight: 600 }
  rect { fill: #eef2f6; stroke: #8795a6 }
  .way rect { fill: #fdebc8; stroke: #b7791f }
  .paper { fill: #ffffff; stroke: none }
  path { fill: none; stroke: #8795a6; stroke-width: 1.1 }
  .across { stroke: #b7791f }
"""

Place = tuple[float, float]


def places(found: Rooms) -> dict[str, Place]:
    """Return the middle of each room's box: its level is its height, its house its side; near those that it imports."""
    arrows = found.direct()
    placed: dict[str, Place] = {}
    levels = found.levels()
    for level, names in enumerate(levels):
        for house, (left, right) in COLUMNS.items():
            here = [name for name in names if name.startswith(f"{house}.")]
            below = {name: [placed[other][0] for other in arrows[name] if other in placed] for name in here}
            here.sort(key=lambda name: (sum(below[name]) / len(below[name]) if below[name] else left, name))
            step = (right - left) / max(1, len(here))
            y = 60 + (len(levels) - 1 - level) * LEVEL
            placed |= {name: (left + step * (number + 0.5), y) for number, name in enumerate(here)}
    return placed


def drawing(found: Rooms) -> Iterator[str]:
    """Yield the lines of the picture: rooms, and arrows but for those that follow from others."""
    placed = places(found)
    height = max(y for _, y in placed.values()) + BOX_HEIGHT + MARGIN
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img">'
    yield "<title>Who imports whom: a line leads from a package down to what it imports</title>"
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="paper" width="{WIDTH}" height="{height:.0f}"/>'
    for house, (left, right) in COLUMNS.items():
        yield f'<text class="house" x="{(left + right) / 2:.0f}" y="24">{house}/</text>'
    for room, others in sorted(found.direct().items()):
        for other in sorted(others):
            kind = ' class="across"' if room.partition(".")[0] != other.partition(".")[0] else ""
            yield f'<path{kind} d="{_line(placed[room], placed[other])}"/>'
    for room, place in sorted(placed.items()):
        yield _box(room, *place)
    yield "</svg>"


def _line(above: Place, below: Place) -> str:
    top, bottom = above[1] + BOX_HEIGHT / 2, below[1] - BOX_HEIGHT / 2
    middle = (top + bottom) / 2
    corners = ((above[0], top), (above[0], middle), (below[0], middle), (below[0], bottom))
    start, *curve = (f"{x:.0f} {y:.0f}" for x, y in corners)
    return f"M{start}C{' '.join(curve)}"


def _box(room: str, x: float, y: float) -> str:
    kind = ' class="way"' if room in WAY else ""
    left, top = x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2
    rectangle = f'<rect x="{left:.0f}" y="{top:.0f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5"/>'
    return f'<g{kind}>{rectangle}<text x="{x:.0f}" y="{y + 4:.0f}">{escape(room.partition(".")[2])}</text></g>'


def summary(found: Rooms) -> Iterator[str]:
    """Yield what can be counted, and each circle with the lines that make it."""
    levels = found.levels()
    modules = sum(map(len, found.modules.values()))
    yield f"{len(found.modules)} rooms of {modules} modules on {len(levels)} levels"
    yield f"{found.arrow_count} arrows, {len(found.circles)} circles"
    for number, names in reversed([*enumerate(levels)]):
        yield f"{number:>3}  {'  '.join(names)}"
    for circle in found.circles:
        for one in imports():
            ends = room_of(one.importer), room_of(one.imported)
            if ends[0] != ends[1] and {*ends} <= {*circle}:
                yield f"circle: {one.importer}, line {one.line}, imports {one.imported}"


def main() -> None:
    """Print the picture, or what can be counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", action="store_true", help="print rooms, levels, arrows and circles instead")
    lines = summary(rooms()) if parser.parse_args().count else drawing(rooms())
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
