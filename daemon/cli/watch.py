"""`headgate jobs --watch`: the list of jobs as it is at each moment, or each change as a line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import click
from rich.console import Console
from rich.live import Live

from .console import job_line, job_table
from .invocation import show_json

if TYPE_CHECKING:
    from .client import Client

TOGETHER_SECONDS: Final = 0.2
"""Many changes within this time are one look at the list."""
LINES_BESIDE: Final = 5
"""Lines of a terminal that are not rows of the table."""

Filters = Mapping[str, str | None]


async def watch(daemon: Client, *, limit: int, filters: Filters, as_json: bool) -> None:
    """Show the jobs that pass the filters until Ctrl-C.

    Raises:
        DaemonError: the daemon does not answer any more.

    """
    async with daemon as client:
        if as_json or not sys.stdout.isatty():
            await _lines(client, filters, as_json=as_json)
        else:
            await _table(client, limit, filters)


async def _table(client: Client, limit: int, filters: Filters) -> None:
    console = Console()
    rows = max(1, min(limit, console.height - LINES_BESIDE))
    changed = asyncio.Event()
    with Live(console=console, auto_refresh=False, screen=True) as live:

        async def look() -> None:
            while True:
                await changed.wait()
                changed.clear()
                live.update(job_table(await client.jobs(limit=rows, **filters), console.width), refresh=True)
                await asyncio.sleep(TOGETHER_SECONDS)

        async def listen() -> None:
            async with aclosing(client.events()) as events:
                async for _ in events:
                    changed.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(look())
            group.create_task(listen())


async def _lines(client: Client, filters: Filters, *, as_json: bool) -> None:
    async with aclosing(_changes(client, filters)) as jobs:
        async for job in jobs:
            if as_json:
                show_json(job)
            else:
                click.echo(job_line(job))


async def _changes(client: Client, filters: Filters) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(client.events()) as events:
        async for event in events:
            if event is None:
                continue
            job = await client.job(event["job_id"])
            if _passes(job, filters):
                yield job


def _passes(job: Mapping[str, Any], filters: Filters) -> bool:
    state, dataset, text = filters["state"], filters["dataset"], filters["text"]
    return (
        (state is None or job["state"] == state)
        and (dataset is None or job["dataset"] == dataset)
        and (text is None or text.casefold() in job["file"].casefold())
    )
