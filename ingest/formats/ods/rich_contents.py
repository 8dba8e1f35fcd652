"""What cells hold that is more than one plain paragraph: read by a parser, each different content once."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import pyarrow as pa
from lxml import etree

from .text import cell_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask, Places, XmlBytes
    from .names import Namespaces

_IDENTIFIED: Final = b"xml:id"
"""Two of these must differ in the whole document, which is not seen here."""


class RichContents(NamedTuple):
    """The different texts, which of them each cell shows, and which cells have any element."""

    texts: pa.LargeStringArray
    which: NDArray[np.int64]
    elements: Mask


def read_rich(xml: XmlBytes, starts: Places, ends: Places, namespaces: Namespaces) -> RichContents | None:
    """Return what is shown of cells whose contents lie between the places; None if one of them is not well-formed."""
    contents = xml.pieces(starts, ends).dictionary_encode()
    different: list[bytes] = contents.dictionary.to_pylist()
    # No content knows the name, so none can end its cell.
    name = f"cell-{secrets.token_hex(8)}".encode()
    cells = b"".join(b"<%b>%b</%b>" % (name, content, name) for content in different)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        begin = etree.tostring(etree.Element("cells", nsmap=dict(namespaces))).removesuffix(b"/>") + b">"
        root = etree.fromstring(begin + cells + b"</cells>", parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if any(_IDENTIFIED in content for content in different):
        return None
    which = contents.indices.to_numpy().astype(np.int64)
    return RichContents(
        texts=pa.array([cell_text(cell) for cell in root], pa.large_string()),
        which=which,
        elements=np.array([len(cell) > 0 for cell in root], np.bool_)[which],
    )
