"""Every kind of storage, for the spool that daemons share."""

from __future__ import annotations

from storage_fixtures import place

__all__ = ["place"]
