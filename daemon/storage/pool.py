"""Connections to one storage for as many threads as ask: each has one of its own while it works."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .filesystem import Storage


class StoragePool:
    """Lends storages of one location, and makes another where all are lent. For any thread."""

    def __init__(self, make: Callable[[], Storage]) -> None:
        """Make the first one, which connects to nothing yet; raises what `make` raises."""
        self._make = make
        self._lock = threading.Lock()
        self._free = [make()]

    @contextmanager
    def lent(self) -> Iterator[Storage]:
        """Give a storage that nobody else uses meanwhile."""
        with self._lock:
            storage = self._free.pop() if self._free else None
        storage = storage or self._make()
        try:
            yield storage
        finally:
            with self._lock:
                self._free.append(storage)

    def close(self) -> None:
        """Give up the connections of those that are not lent."""
        with self._lock:
            free, self._free = self._free, []
        for storage in free:
            storage.close()
