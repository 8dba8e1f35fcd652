"""CPU work on a Dask cluster: its workers own Headgate's worker processes, files go by the shared spool."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import StartupError


@contextmanager
def library_wanted(why: str = "") -> Iterator[None]:
    """Import what needs the cluster's library, which is an extra; `why` begins the sentence if it is missing.

    Raises:
        StartupError: it is not installed.

    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise StartupError(f"{why}{error.name} is missing; install headgate[dask]") from error
