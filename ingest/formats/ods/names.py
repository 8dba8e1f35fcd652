"""How the elements and attributes of a spreadsheet are written in one document, whose prefixes it chose; reads none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    Namespaces = Mapping[str | None, str]

_OPEN_DOCUMENT: Final = "urn:oasis:names:tc:opendocument:xmlns:{}:1.0"
TABLE: Final = _OPEN_DOCUMENT.format("table")
OFFICE: Final = _OPEN_DOCUMENT.format("office")
TEXT: Final = _OPEN_DOCUMENT.format("text")
STYLE: Final = _OPEN_DOCUMENT.format("style")
DATA_STYLE: Final = _OPEN_DOCUMENT.format("datastyle")
CALC: Final = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"

_ATTRIBUTE: Final = re.compile(rb' (?:([A-Za-z_][\w.-]*):)?([A-Za-z_][\w.-]*)="')


def qualified(namespace: str, *names: str) -> tuple[str, ...]:
    """Return names of a namespace as lxml writes them."""
    return tuple(f"{{{namespace}}}{name}" for name in names)


class Tag(IntEnum):
    """The tags that common rows consist of; an end is so many behind its beginning as `END` says."""

    OTHER = 0
    ROW = 1
    CELL = 2
    COVERED = 3
    ROW_END = 4
    CELL_END = 5
    COVERED_END = 6
    TEXT = 7
    TEXT_END = 8
    NO_TEXT = 9


END: Final = Tag.ROW_END - Tag.ROW


class Attribute(IntEnum):
    """The attributes of rows and cells that mean anything here."""

    VALUE_TYPE = 0
    CALC_TYPE = 1
    STYLE = 2
    VALUE = 3
    DATE = 4
    TIME = 5
    BOOLEAN = 6
    STRING = 7
    FORMULA = 8
    COLUMNS_REPEATED = 9
    ROWS_REPEATED = 10
    COLUMNS_SPANNED = 11
    ROWS_SPANNED = 12
    DEFAULT_STYLE = 13


_ATTRIBUTES: Final = {
    Attribute.VALUE_TYPE: (OFFICE, "value-type"),
    Attribute.CALC_TYPE: (CALC, "value-type"),
    Attribute.STYLE: (TABLE, "style-name"),
    Attribute.VALUE: (OFFICE, "value"),
    Attribute.DATE: (OFFICE, "date-value"),
    Attribute.TIME: (OFFICE, "time-value"),
    Attribute.BOOLEAN: (OFFICE, "boolean-value"),
    Attribute.STRING: (OFFICE, "string-value"),
    Attribute.FORMULA: (TABLE, "formula"),
    Attribute.COLUMNS_REPEATED: (TABLE, "number-columns-repeated"),
    Attribute.ROWS_REPEATED: (TABLE, "number-rows-repeated"),
    Attribute.COLUMNS_SPANNED: (TABLE, "number-columns-spanned"),
    Attribute.ROWS_SPANNED: (TABLE, "number-rows-spanned"),
    Attribute.DEFAULT_STYLE: (TABLE, "default-cell-style-name"),
}
QUALIFIED: Final = {attribute: qualified(*name)[0] for attribute, name in _ATTRIBUTES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What stands in the XML: each tag up to its attributes, an end whole; each attribute with the space before it."""

    namespaces: Namespaces
    prefix: bytes
    tags: Mapping[Tag, bytes]
    attributes: Mapping[Attribute, bytes]

    def means_nothing(self, name: bytes) -> tuple[str, bytes] | None:
        """Return namespace and name of an attribute (written as those above) that does; None if it is no such."""
        found = _ATTRIBUTE.fullmatch(name)
        if found is None or found[1] == b"xmlns" or found[2] == b"xmlns":
            return None
        namespace = "" if found[1] is None else self.namespaces.get(found[1].decode())
        if namespace is None or (namespace, found[2].decode()) in _ATTRIBUTES.values():
            return None
        return namespace, found[2]


def names_of(namespaces: Namespaces) -> Names | None:
    """Return how things are written where these prefixes are; None where a spreadsheet cannot be."""
    elements = {namespace: b"" if prefix is None else f"{prefix}:".encode() for prefix, namespace in namespaces.items()}
    if TABLE not in elements or TEXT not in elements:
        return None
    prefixes = {namespace: prefix for prefix, namespace in namespaces.items() if prefix is not None}
    table, text = elements[TABLE], elements[TEXT]
    cell, covered = table + b"table-cell", table + b"covered-table-cell"
    return Names(
        namespaces=dict(namespaces),
        prefix=table,
        tags={
            Tag.TEXT: b"<" + text + b"p>",
            Tag.TEXT_END: b"</" + text + b"p>",
            Tag.CELL_END: b"</" + cell + b">",
            Tag.CELL: b"<" + cell,
            Tag.NO_TEXT: b"<" + text + b"p/>",
            Tag.ROW: b"<" + table + b"table-row",
            Tag.ROW_END: b"</" + table + b"table-row>",
            Tag.COVERED: b"<" + covered,
            Tag.COVERED_END: b"</" + covered + b">",
        },
        attributes={
            attribute: f' {prefixes[namespace]}:{name}="'.encode()
            for attribute, (namespace, name) in _ATTRIBUTES.items()
            if namespace in prefixes
        },
    )
