"""The bytes of a file of a storage into the spool, block by block, so that no thread is held for a whole file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ...errors import PoolClosedError

if TYPE_CHECKING:
    from ...executors.executors import Executors
    from ...spool.spool import Spool
    from ...spool.upload import Received, Upload
    from ...storage.filesystem import Storage
    from ...storage.store import StoredObject


async def receive(
    file: StoredObject,
    storage: Storage,
    spool: Spool,
    max_bytes: int,
    *,
    executors: Executors,
    call: Callable[..., Awaitable[Any]] | None = None,
    closing: asyncio.Event | None = None,
) -> Received:
    """Take a copy of a file: each step is one call of a function on an I/O thread, by `call` if it is given.

    Whatever fails, nothing is left.

    Raises:
        StorageError: it cannot be read, or was replaced meanwhile.
        FileTooLargeError, SpoolFullError: it is too large, or there is no room.
        PoolClosedError: `closing` was set meanwhile.

    """
    call = call or executors.run_io
    upload: Upload = await call(spool.upload, max_bytes, file.size_bytes)
    blocks = storage.blocks(file)
    try:
        while True:
            received: Received | None = await call(_step, blocks, upload)
            if received is not None:
                return received
            if closing is not None and closing.is_set():
                raise PoolClosedError
    except BaseException:
        with contextlib.suppress(ValueError):  # its last step has not returned
            blocks.close()
        await asyncio.shield(executors.run_io(upload.discard))
        raise


def _step(blocks: Iterator[bytes], upload: Upload) -> Received | None:
    """Take the next block; after the last one the bytes are durable, and this returns what was received. Blocking."""
    block = next(blocks, None)
    if block is None:
        return upload.keep()
    upload.write(block)
    return None
