"""SQLAlchemy's asyncio engine without its sessions, which bring the ORM: 50 ms of each start and 7 MB of a daemon."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

__all__ = ["AsyncConnection", "AsyncEngine", "create_async_engine"]

_PACKAGE: Final = "sqlalchemy.ext.asyncio"


def _engine_alone() -> ModuleType:
    """Import the package's module of engines and leave the package unimported: who imports it later gets the same."""
    found = importlib.util.find_spec(_PACKAGE)
    if _PACKAGE in sys.modules or found is None or found.submodule_search_locations is None:
        return importlib.import_module(_PACKAGE)
    package = ModuleType(_PACKAGE)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[_PACKAGE] = package
    try:
        return importlib.import_module(f"{_PACKAGE}.engine")
    except ImportError:  # another SQLAlchemy than those that were known: all of it is as good, and slower
        del sys.modules[_PACKAGE]
        return importlib.import_module(_PACKAGE)
    finally:
        if sys.modules.get(_PACKAGE) is package:
            del sys.modules[_PACKAGE]


if not TYPE_CHECKING:
    _engine = _engine_alone()
    AsyncConnection, AsyncEngine = _engine.AsyncConnection, _engine.AsyncEngine
    create_async_engine = _engine.create_async_engine
