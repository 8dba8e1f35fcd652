"""The packages of xlsx and xlsb workbooks: which part is the workbook, and what its parts refer to; reads no cells."""

from __future__ import annotations

import posixpath
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ...errors import rejected
from ...messages import say
from .container import Container
from .xml_text import parse_xml

if TYPE_CHECKING:
    from pathlib import Path

    from ...cells.cells import Visibility
    from ...spec.dataset import FileLimits

Relations = dict[str, tuple[str, str]]
"""Relation id to the last word of its type and the full name of its target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPart:
    """A worksheet and the name of the part that has its cells."""

    name: str
    visibility: Visibility
    part: str


class OpcBook(ABC):
    """An open workbook in such a package. A sheet is inflated and read when it is asked for."""

    def __init__(self, path: Path, limits: FileLimits) -> None:
        self._limits = limits
        self._container = Container(path, limits)
        try:
            self._sheets = self._opened()
        except BaseException:
            self._container.close()
            raise

    @abstractmethod
    def _opened(self) -> tuple[SheetPart, ...]:
        """Read the workbook's own part and return its worksheets."""

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    @property
    def sheets(self) -> tuple[tuple[str, Visibility], ...]:
        """The name and visibility of each worksheet, in the order of the tabs."""
        return tuple((sheet.name, sheet.visibility) for sheet in self._sheets)


def main_part(container: Container, usual: str) -> str:
    """Return the name of the workbook's own part; `usual` is where nearly every writer puts it.

    Raises:
        FileRejectedError: there is none.

    """
    if "_rels/.rels" in container:
        for kind, target in relations(container, "").values():
            if kind == "officeDocument" and target in container:
                return target
    if usual in container:
        return usual
    raise rejected("file.corrupt_container", say("the container has no workbook part"))


def relations(container: Container, part: str) -> Relations:
    """Return what a part refers to.

    Raises:
        FileRejectedError: the list is damaged.

    """
    folder, name = posixpath.split(part)
    source = posixpath.join(folder, "_rels", f"{name}.rels")
    if source not in container:
        return {}
    found: Relations = {}
    for element in parse_xml(container.read(source), source):
        kind = element.get("Type", "").rpartition("/")[2]
        found[element.get("Id", "")] = (kind, _full_name(container, folder, element.get("Target", "")))
    return found


def _full_name(container: Container, folder: str, target: str) -> str:
    """Return the part that a target means: relative to its source's folder, with or without escapes.

    Some writers name parts from the root on without saying so.
    """
    target = target.replace("\\", "/")
    relative = target if target.startswith("/") else posixpath.join("/", folder, target)
    full, rooted = (posixpath.normpath(name).lstrip("/") for name in (relative, f"/{target}"))
    return next((name for name in (full, unquote(full), rooted) if name in container), full)


def part_of(container: Container, targets: Relations, kind: str) -> str | None:
    """Return the part that a workbook refers to as of a kind, if it is there."""
    return next((part for known, part in targets.values() if known == kind and part in container), None)


def worksheets(listed: list[tuple[str, str, Visibility]], targets: Relations) -> tuple[SheetPart, ...]:
    """Return the sheets with cells of those that the workbook lists by name, relation and visibility.

    Raises:
        FileRejectedError: the workbook lists sheets, but says of none what it is.

    """
    if listed and not any(relation in targets for _, relation, _ in listed):
        raise rejected("file.corrupt_container", say("the workbook does not say where its sheets are"))
    return tuple(
        SheetPart(name=name, visibility=visibility, part=targets[relation][1])
        for name, relation, visibility in listed
        if targets.get(relation, ("", ""))[0] == "worksheet"
    )


def visibility_of(state: str) -> Visibility:
    """Return the visibility that a sheet's state means."""
    match state.lower():
        case "hidden" | "veryhidden" as hidden:
            return hidden
    return "visible"
