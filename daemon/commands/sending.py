"""`headgate submit`: files handed to the running daemon and followed to their ends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .invocation import client_of, exit_code, run
from .jobs import show_jobs
from .options import config_option, files_argument, fixes_option, json_option

if TYPE_CHECKING:
    from ..client import Client


@click.command()
@files_argument
@click.option("--dataset", help="Dataset name; without it the file's name decides.")
@fixes_option
@click.option("--wait", is_flag=True, help="Wait until each job has ended.")
@config_option
@json_option
def submit(
    files: tuple[Path, ...], dataset: str | None, fixes: int | None, wait: bool, config: Path | None, as_json: bool
) -> None:
    """Hand FILES to the running daemon."""
    jobs = run(_submit_all(client_of(config), files, dataset=dataset, fixes=fixes, wait=wait))
    show_jobs(jobs, as_json=as_json)
    sys.exit(exit_code(job["state"] for job in jobs))


async def _submit_all(
    daemon: Client, files: tuple[Path, ...], *, dataset: str | None, fixes: int | None, wait: bool
) -> list[dict[str, Any]]:
    from ..console import progress

    jobs: list[dict[str, Any]] = []
    async with daemon as client:
        with progress() as bars:
            for path in files:
                bar = bars.add_task(path.name, total=path.stat().st_size, state="sending")
                told = partial(bars.advance, bar)
                jobs.append(await client.submit(path, dataset=dataset, fixes=fixes, progress=told))
                bars.update(bar, state=jobs[-1]["state"])
            if wait:
                jobs = [await client.wait(job["id"]) for job in jobs]
    return jobs
