"""`headgate submit`: files handed to the running daemon and followed to their ends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .invocation import FINE, REJECTED, client_of, exit_code, run
from .jobs import show_jobs
from .options import config_option, dataset_names, files_argument, fixes_option, json_option

if TYPE_CHECKING:
    from ..client import Client
    from ..progress import Stages


@click.command()
@files_argument
@click.option("--dataset", shell_complete=dataset_names, help="Dataset name; without it the file's name decides.")
@fixes_option
@click.option("--wait", is_flag=True, help="Wait until each job has ended, and show what became of it.")
@config_option
@json_option
def submit(
    files: tuple[Path, ...], dataset: str | None, fixes: int | None, wait: bool, config: Path | None, as_json: bool
) -> None:
    """Hand FILES to the running daemon.

    A file that the daemon does not take is named on standard error, and the others go on; the exit code is then 1.
    """
    from ..progress import Stages

    with Stages(files) as stages:
        jobs, refused = run(_submit_all(client_of(config), files, stages, dataset=dataset, fixes=fixes, wait=wait))
    show_jobs(jobs, as_json=as_json)
    sys.exit(max(exit_code(job["state"] for job in jobs), REJECTED if refused else FINE))


async def _submit_all(
    daemon: Client,
    files: tuple[Path, ...],
    stages: Stages,
    *,
    dataset: str | None,
    fixes: int | None,
    wait: bool,
) -> tuple[list[dict[str, Any]], int]:
    """Return the jobs in the order of the files, and how many files were not taken."""
    from ..client import DaemonError

    jobs: dict[int, dict[str, Any]] = {}
    places: dict[int, Path] = {}
    refused = 0
    async with daemon as client:
        for path in files:
            try:
                job = await client.submit(path, dataset=dataset, fixes=fixes, progress=partial(stages.sent, path))
            except DaemonError as error:
                if not error.refused:
                    raise
                refused += 1
                stages.refused(path, str(error))
                continue
            jobs[job["id"]], places[job["id"]] = job, path
            stages.taken(path, job)
        if wait and jobs:
            async for job in client.follow(list(jobs)):
                jobs[job["id"]] = job
                stages.taken(places[job["id"]], job)
    return list(jobs.values()), refused
