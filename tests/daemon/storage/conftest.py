"""Every kind of storage."""

from __future__ import annotations

from storage_fixtures import place, s3

__all__ = ["place", "s3"]
