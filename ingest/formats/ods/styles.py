"""The styles of an OpenDocument spreadsheet as far as they say what a cell is, and which sheets are hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ...cells.cells import Visibility

_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_NUMBER: Final = "{urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0}"


class OdsStyles:
    """What the styles of a document say; of two with the same name the later one counts."""

    def __init__(self) -> None:
        self._elapsed: set[str] = set()
        self._data_styles: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._hidden: set[str] = set()

    def add(self, styles: Any) -> None:
        """Add an element that holds styles."""
        for style in styles.iter(f"{_NUMBER}time-style"):
            if style.get(f"{_NUMBER}truncate-on-overflow") == "false":
                self._elapsed.add(style.get(f"{_STYLE}name", ""))
        for style in styles.iter(f"{_STYLE}style"):
            self._add(style)

    def _add(self, style: Any) -> None:
        name, family = style.get(f"{_STYLE}name", ""), style.get(f"{_STYLE}family")
        if family == "table-cell":
            self._parents[name] = style.get(f"{_STYLE}parent-style-name", "")
            if (shown := style.get(f"{_STYLE}data-style-name")) is not None:
                self._data_styles[name] = shown
        elif family == "table":
            properties = style.find(f"{_STYLE}table-properties")
            if properties is not None and properties.get(f"{_TABLE}display") == "false":
                self._hidden.add(name)

    def visibility(self, table: Any) -> Visibility:
        """Return whether a table's tab is shown."""
        return "hidden" if table.get(f"{_TABLE}style-name") in self._hidden else "visible"

    def shows_elapsed(self, cell: Any) -> bool:
        """Say whether a cell shows hours beyond 24 as such, rather than a time of day."""
        name = cell.get(f"{_TABLE}style-name", "")
        for _ in range(len(self._parents)):
            if name in self._data_styles or not name:
                break
            name = self._parents.get(name, "")
        return self._data_styles.get(name, "") in self._elapsed
