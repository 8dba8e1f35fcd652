"""Every kind of storage, for the sources that lie there."""

from __future__ import annotations

from storage_fixtures import place, s3

__all__ = ["place", "s3"]
