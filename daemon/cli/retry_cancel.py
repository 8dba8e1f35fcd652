"""`headgate retry`, `load`, `cancel` and `dismiss`: what people do to a job, over the running daemon's API."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.messages import say

from .invocation import FAILED, FINE, client_of, run
from .jobs import show_jobs
from .options import config_option, jobs_argument, json_option

if TYPE_CHECKING:
    from .client import Client

Change = Callable[["Client", int], Awaitable[dict[str, Any]]]


@click.command()
@jobs_argument
@config_option
@json_option
def retry(job_ids: tuple[int, ...], config: Path | None, as_json: bool) -> None:
    """Put the dead, cancelled or dismissed jobs IDS back in the queue.

    A job that cannot be retried is named on standard error, and the others go on; the exit code is then 3.
    """
    _change(job_ids, lambda client, job_id: client.retry(job_id), config=config, as_json=as_json)


@click.command()
@jobs_argument
@config_option
@json_option
def load(job_ids: tuple[int, ...], config: Path | None, as_json: bool) -> None:
    """Load the files that the jobs IDS have checked, without sending them again; shows the jobs that load them.

    A job whose file cannot be loaded is named on standard error, and the others go on; the exit code is then 3.
    """
    _change(job_ids, lambda client, job_id: client.load(job_id), config=config, as_json=as_json)


@click.command()
@jobs_argument
@config_option
@json_option
def cancel(job_ids: tuple[int, ...], config: Path | None, as_json: bool) -> None:
    """Cancel the waiting or running jobs IDS; nothing of them is loaded.

    A job that has ended is named on standard error, and the others go on; the exit code is then 3. One that still
    runs is shown as running: its worker is killed, and it is cancelled, unless its load is committed by then.
    """
    _change(job_ids, lambda client, job_id: client.cancel(job_id), config=config, as_json=as_json)


@click.command()
@jobs_argument
@config_option
@json_option
def dismiss(job_ids: tuple[int, ...], config: Path | None, as_json: bool) -> None:
    """Put the dead jobs IDS to rest: they alert no more. Their files are kept for a retry as long as before.

    A job that is not dead is named on standard error, and the others go on; the exit code is then 3.
    """
    _change(job_ids, lambda client, job_id: client.dismiss(job_id), config=config, as_json=as_json)


def _change(job_ids: tuple[int, ...], change: Change, *, config: Path | None, as_json: bool) -> None:
    jobs = run(_changed(client_of(config), job_ids, change))
    if jobs:
        show_jobs(jobs, as_json=as_json)
    sys.exit(FINE if len(jobs) == len(set(job_ids)) else FAILED)


async def _changed(daemon: Client, job_ids: tuple[int, ...], change: Change) -> list[dict[str, Any]]:
    from .client import DaemonError
    from .console import complain

    jobs: list[dict[str, Any]] = []
    async with daemon as client:
        for job_id in dict.fromkeys(job_ids):
            try:
                jobs.append(await change(client, job_id))
            except DaemonError as error:
                if not error.refused:
                    raise
                complain(say("job {job}: {what}", job=job_id, what=error))
    return jobs
