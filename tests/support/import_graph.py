"""The rooms of the code and who imports whom: owns how that is read from the source tree; judges nothing."""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parents[2]
HOUSES: Final = ("daemon", "ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One module imports another, both of this project, in a line of its file."""

    importer: str
    imported: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """The rooms of the houses with their modules, and the arrows between them."""

    modules: dict[str, tuple[str, ...]]
    arrows: dict[str, frozenset[str]]

    @property
    def arrow_count(self) -> int:
        """How many pairs of rooms there are of which one imports the other."""
        return sum(map(len, self.arrows.values()))

    def reached(self, room: str) -> set[str]:
        """Return what a room imports, by any number of steps."""
        seen: set[str] = set()
        waiting = [*self.arrows[room]]
        while waiting:
            if (one := waiting.pop()) not in seen:
                seen.add(one)
                waiting += self.arrows[one]
        return seen

    @property
    def circles(self) -> list[tuple[str, ...]]:
        """The sets of rooms that import each other in a circle."""
        reached = {room: self.reached(room) for room in self.arrows}
        found = {
            tuple(sorted(other for other in reached if other in reached[room] and room in reached[other]))
            for room in reached
            if room in reached[room]
        }
        return sorted(found)

    def levels(self) -> list[list[str]]:
        """Return the rooms from the cellar up: each one above the highest it imports; a circle is on one level."""
        below = {room: self.reached(room) for room in self.arrows}
        together = {room: {room, *(one for one in below[room] if room in below[one])} for room in below}
        lower = {room: below[room] - together[room] for room in below}
        heights: dict[str, int] = {}
        for room in sorted(lower, key=lambda room: len(lower[room])):
            heights[room] = 1 + max((heights[one] for one in lower[room]), default=-1)
        top = max(heights.values(), default=-1)
        return [[room for room in sorted(heights) if heights[room] == level] for level in range(top + 1)]

    def direct(self) -> dict[str, frozenset[str]]:
        """Return the arrows without those that follow from others: of a way by steps, the short cut is left out."""
        return {
            room: frozenset(others - set().union(*(self.reached(other) for other in others)))
            for room, others in self.arrows.items()
        }


def sources() -> dict[str, Path]:
    """Return the file of each module of the houses."""
    found = {}
    for house in HOUSES:
        for path in sorted((ROOT / house).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def room_of(module: str) -> str:
    """Return the room of a module: a package of a house, or a module that stands beside the packages."""
    return ".".join(module.split(".")[:2])


def imports() -> Iterator[Import]:
    """Yield every import of the houses, also those in functions and those that are only for types."""
    files = sources()
    for module, path in files.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                names = [full if (full := f"{base}.{alias.name}") in files else base for alias in node.names]
            else:
                continue
            for name in sorted({*names} & {*files} - {module}):
                yield Import(importer=module, imported=name, line=node.lineno)


def rooms() -> Rooms:
    """Read the rooms and their arrows from the source tree."""
    modules: dict[str, list[str]] = defaultdict(list)
    for module in sources():
        if module.partition(".")[2] not in {"", "__main__"}:
            modules[room_of(module)].append(module)
    arrows: dict[str, set[str]] = {room: set() for room in modules}
    for one in imports():
        ends = room_of(one.importer), room_of(one.imported)
        if ends[0] != ends[1] and arrows.keys() >= {*ends}:
            arrows[ends[0]].add(ends[1])
    return Rooms(
        modules={room: tuple(names) for room, names in modules.items()},
        arrows={room: frozenset(others) for room, others in arrows.items()},
    )
