"""What a fast way of reading a workbook says when something in it is not surely what it takes it for."""

from __future__ import annotations


class UnsureError(Exception):
    """The workbook is rare or damaged: another reader has to read it, from its beginning."""
