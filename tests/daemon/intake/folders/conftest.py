"""The intake of watched folders, on one kind of database."""

from __future__ import annotations

from folder_intake import database_url, intake

__all__ = ["database_url", "intake"]
