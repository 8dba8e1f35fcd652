"""What a Dask worker is asked to run: it hands a call to the plugin there, and is all that is sent by name."""

from __future__ import annotations

from typing import Any

from distributed import get_worker

from .call import PLUGIN


async def run_call(token: str, body: bytes) -> bytes:
    """Return the answer to a call, from the Dask worker that this runs on; the token is the call's.

    Raises:
        KeyError: the worker runs without the plugin.

    """
    plugin: Any = get_worker().plugins[PLUGIN]
    answer: bytes = await plugin.run(token, body)
    return answer
