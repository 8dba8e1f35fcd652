"""A zip of workbooks as it is spoken of: how much may come out of it, and a file in it; opens none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORKBOOKS: Final = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
"""How names of workbooks end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """How many files may be in an archive, how large all of them together, and by how much each may expand."""

    members: int
    total_bytes: int
    ratio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveMember:
    """A file in an archive: its number there, its cleaned path below it, and the size that it is said to have."""

    index: int
    name: str
    size_bytes: int
