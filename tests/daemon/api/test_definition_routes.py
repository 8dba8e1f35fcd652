"""A dataset that is saved over HTTP is in force, or its file is as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader
from aiohttp.test_utils import make_mocked_request

from daemon.api.auth import PRINCIPAL, Principal
from daemon.api.definition_routes import DefinitionRoutes
from daemon.config.definitions import Definitions
from daemon.config.reloaded import Reloaded

TEXT = "dataset: parts\nfields:\n  - {name: no, type: string, header: no}\nload: {table: parts, mode: insert}\n"


async def _run_io(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


async def _save(folder: Path, reload: Callable[[], Any]) -> Any:
    executors = cast("Any", SimpleNamespace(run_io=_run_io))
    routes = DefinitionRoutes(Definitions([str(folder / "*.yml")]), executors, reload, {})
    body = StreamReader(BaseProtocol(asyncio.get_running_loop()), 1 << 16, loop=asyncio.get_running_loop())
    body.feed_data(TEXT.encode())
    body.feed_eof()
    request = make_mocked_request("POST", "/", {"Content-Type": "application/yaml"}, payload=body)
    request[PRINCIPAL] = Principal(name="root", roles=frozenset({"admin"}))
    return await routes.routes()[1].handler(request)


@pytest.mark.parametrize("failure", [OSError(116, "Stale file handle"), asyncio.CancelledError()])
@pytest.mark.parametrize("before", [None, TEXT.replace("insert", "replace")])
async def test_a_reload_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, failure: BaseException, before: str | None
) -> None:
    file = tmp_path / "parts.yml"
    if before is not None:
        file.write_text(before, encoding="utf-8")

    async def reload() -> Reloaded:
        assert file.read_text(encoding="utf-8") == TEXT
        raise failure

    with pytest.raises(type(failure)):
        await _save(tmp_path, reload)
    assert (file.read_text(encoding="utf-8") if file.exists() else None) == before


async def test_one_that_is_taken_over_stays(tmp_path: Path) -> None:
    async def reload() -> Reloaded:
        return Reloaded(changed=("dataset parts",))

    assert (await _save(tmp_path, reload)).status == 200
    assert (tmp_path / "parts.yml").read_text(encoding="utf-8") == TEXT
