"""The kinds and texts of many cells at once, by their declared types: what `parsed_cell` says of each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...cells.arrow_masks import truth
from ...cells.cells import Kind, distinct
from ...cells.date_serials import iso_cells
from ...cells.error_values import error_texts
from ...cells.styles import CellStyles
from .cell_attributes import TYPES
from .parsed_cell import NO_DAY, time_cell
from .text import paragraph_texts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..zip.xml_bytes import Mask
    from .cell_contents import Contents
    from .row_scan import FoundCells
    from .styles import OdsStyles

    Typed = tuple[NDArray[np.uint8], pa.LargeStringArray]


def typed(cells: FoundCells, styles: OdsStyles) -> Typed:
    """Return the kind and the text of every cell; of one that holds nothing, `EMPTY` and any text."""
    said, held = cells.attributes, cells.contents
    # A cell without type and text holds nothing, whatever else it says.
    given = said.given & (held.paragraphs | (said.types > 0))
    starts, ends = np.where(given, said.starts, held.starts), np.where(given, said.ends, held.ends)
    texts = _texts(cells.xml.pieces(starts, ends), held, ~given)
    filled = pc.binary_length(texts).to_numpy() != 0
    kinds = np.full(len(texts), Kind.TEXT, np.uint8)
    for code in distinct(said.types):
        here = said.types == code
        if TYPES[code] == "":
            kinds[here & ~held.paragraphs] = Kind.UNCACHED
        elif TYPES[code] == "float":
            formats = [styles.format_of(name) for name in said.style_names]
            texts = CellStyles(formats).apply(said.styles, here, kinds, texts)
        elif TYPES[code] in ("percentage", "currency"):
            kinds[here] = Kind.NUMBER
        elif TYPES[code] == "boolean":
            kinds[here] = Kind.BOOLEAN
        elif TYPES[code] == "date":
            texts = _replaced(kinds, texts, here, _dates(texts.filter(pa.array(here))))
        elif TYPES[code] == "time":
            forms = [styles.format_of(name).kind for name in said.style_names]
            for form in set(forms):
                some = here & np.array([other == form for other in forms])[said.styles]
                texts = _replaced(kinds, texts, some, _times(texts.filter(pa.array(some)), form))
    kinds[~filled & ~said.formulas] = Kind.EMPTY
    return _errors(cells, kinds, texts)


def _texts(pieces: pa.LargeBinaryArray, held: Contents, shown: Mask) -> pa.LargeStringArray:
    """Return the texts that are cut out of the XML, as they are shown where they are not to be taken as they are."""
    rich = shown & (held.rich >= 0)
    texts = paragraph_texts(pieces.view(pa.large_string()), shown & ~rich)
    if not rich.any():
        return texts
    return pc.replace_with_mask(texts, pa.array(rich), held.texts.take(pa.array(held.rich[rich])))


def _replaced(kinds: NDArray[np.uint8], texts: pa.LargeStringArray, where: Mask, found: Typed) -> pa.LargeStringArray:
    """Set the kinds in place, and return the texts with those that were found."""
    kinds[where] = found[0]
    return pc.replace_with_mask(texts, pa.array(where), found[1])


def _dates(texts: pa.LargeStringArray) -> Typed:
    clocks = pc.starts_with(texts, NO_DAY)
    if pc.any(clocks).as_py():
        texts = pc.if_else(clocks, pc.utf8_slice_codeunits(texts, len(NO_DAY)), texts)
    return iso_cells(texts, date1904=False)


def _times(texts: pa.LargeStringArray, shown: Kind | None) -> Typed:
    different = texts.dictionary_encode()
    read = [time_cell(text, shown) for text in different.dictionary.to_pylist()]
    kinds = np.array([kind for kind, _ in read], np.uint8)[different.indices.to_numpy()]
    return kinds, pa.array([text for _, text in read], pa.large_string()).take(different.indices)


def _errors(cells: FoundCells, kinds: NDArray[np.uint8], texts: pa.LargeStringArray) -> Typed:
    """Return the cells with the errors of formulas, which are only shown, in the place of values."""
    said, held = cells.attributes, cells.contents
    places = np.flatnonzero((said.formulas | said.calc_errors) & held.paragraphs)
    if not len(places):
        return kinds, texts
    pieces = cells.xml.pieces(held.starts[places], held.ends[places])
    shown = _texts(pieces, held.at(places), np.ones(len(places), np.bool_))
    # One that the file itself calls an error is one, whatever words the writer's language has for it.
    called = said.calc_errors[places] & truth(pc.not_equal(shown, ""))
    failed = np.flatnonzero(called | error_texts(shown))
    if not len(failed):
        return kinds, texts
    where = np.zeros(len(kinds), np.bool_)
    where[places[failed]] = True
    kinds[where] = Kind.ERROR
    return kinds, pc.replace_with_mask(texts, pa.array(where), shown.take(pa.array(failed)))
