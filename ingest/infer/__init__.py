"""A first draft of a dataset from a sample workbook: header, types from all rows, names, a key if one is certain."""

from .draft import draft_sample

__all__ = ["draft_sample"]
