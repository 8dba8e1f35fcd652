"""The bytes of a document that are seldom what they look like, and those that no XML has; knows no tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..zip.references import NAMED

if TYPE_CHECKING:
    from ..zip.xml_bytes import Mask, Places, XmlBytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd:
    """The bytes that are seldom what they look like: each ampersand and white space but a blank.

    `named` are the ampersands that begin one of the five references that every document knows, and all white space.
    """

    places: Places
    named: Mask


def find_odd(xml: XmlBytes) -> Odd | None:
    """Return the odd bytes; None if there is one that no XML may have."""
    ampersands = xml.places(b"&")
    controls = xml.controls()
    if not np.isin(xml.at[controls], np.frombuffer(b"\t\n\r", np.uint8)).all():
        return None
    named = np.zeros(len(ampersands), np.bool_)
    for reference in NAMED:
        named |= xml.stands(reference.encode(), ampersands)
    return Odd(places=np.append(ampersands, controls), named=np.append(named, np.ones(len(controls), np.bool_)))
