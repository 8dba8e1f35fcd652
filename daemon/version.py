"""The version of what is installed. A module of its own: to look it up takes 20 ms, and fork servers do without."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

VERSION: Final = version("headgate")
