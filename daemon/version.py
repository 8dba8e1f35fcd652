"""The version: the package's own is taken from here when it is built. To ask what is installed would take 20 ms."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
