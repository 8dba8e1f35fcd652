"""Blocks of an upload on their way to the disk: one is written while the next one comes; knows no requests."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..executors.executors import Executors
    from ..spool.upload import Received, Upload


class WriteBehind:
    """An upload of which a thread writes one block while the next one comes."""

    def __init__(self, executors: Executors, upload: Upload) -> None:
        self._executors, self._upload = executors, upload
        self._under_way: asyncio.Task[None] | None = None

    async def write(self, block: bytes) -> None:
        """Have a block written; what went wrong with the one before is raised here."""
        await self._written()
        self._under_way = asyncio.create_task(self._executors.run_io(self._upload.write, block))

    async def keep(self) -> Received:
        """Make all of it durable; see `Upload.keep`."""
        await self._written()
        kept: Received = await self._executors.run_io(self._upload.keep)
        return kept

    async def discard(self) -> BaseException | None:
        """Remove what was written, once nothing is written any more; return why the last block was not, if so."""
        under_way = () if self._under_way is None else (self._under_way,)
        failures = await asyncio.gather(*under_way, return_exceptions=True)
        await self._executors.run_io(self._upload.discard)
        return next(iter(failures), None)

    async def _written(self) -> None:
        if self._under_way is not None:
            # Who is cancelled here leaves the file to the thread that writes it.
            await asyncio.shield(self._under_way)
            self._under_way = None
