"""`headgate submit`: files handed to the running daemon and followed to their ends."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.messages import said_by

from .invocation import FAILED, FINE, REJECTED, client_of, end_of, exit_code, run
from .jobs import show_jobs
from .options import (
    again_option,
    check_option,
    config_option,
    dataset_names,
    fixes_option,
    json_option,
    streams_argument,
)

if TYPE_CHECKING:
    from .client import Client, SubmitAs
    from .progress import Stages


@click.command()
@streams_argument
@click.option("--dataset", shell_complete=dataset_names, help="Dataset name; without it the file's name decides.")
@fixes_option
@again_option
@check_option
@click.option("--wait", is_flag=True, help="Wait until each job has ended, and show what became of it.")
@config_option
@json_option
def submit(
    files: tuple[Path, ...],
    dataset: str | None,
    fixes: int | None,
    again: bool,
    check_only: bool,
    wait: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Hand FILES to the running daemon.

    With --check nothing of them is loaded: `headgate load ID` loads what was checked, without sending it again.
    A file that the daemon does not take is named on standard error, and the others go on; the exit code is then 1.
    """
    from .client import SubmitAs
    from .progress import Stages

    with Stages(files) as stages:
        sending = Sending(stages)
        given = SubmitAs(dataset=dataset, fixes=fixes, again=again, check_only=check_only)
        run(sending.send(client_of(config), files, given, wait=wait))
    jobs = sending.jobs.values()
    show_jobs(jobs, as_json=as_json)
    sys.exit(max(sending.worst, exit_code(map(end_of, jobs))))


class Sending:
    """What has been handed in so far, and the worst that has happened on the way, as an exit code."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._paths: dict[int, Path] = {}
        self.jobs: dict[int, dict[str, Any]] = {}
        self.worst = FINE

    async def send(self, daemon: Client, files: tuple[Path, ...], given: SubmitAs, *, wait: bool) -> None:
        """Hand in all files, then follow their jobs; when the daemon goes away, what it has taken is known here.

        Raises:
            DaemonError: no daemon answers, and none has taken anything.

        """
        from .client import DaemonError

        async with daemon as client:
            try:
                for path in files:
                    await self._hand_in(client, path, given)
                if wait and self.jobs:
                    async for job in client.follow(list(self.jobs)):
                        self._know(self._paths[job["id"]], job)
            except DaemonError as error:
                if not self.jobs:
                    raise
                self._stages.complain(said_by(error))
                self.worst = FAILED

    async def _hand_in(self, client: Client, path: Path, given: SubmitAs) -> None:
        from .client import DaemonError

        try:
            job = await client.submit(path, given, progress=partial(self._stages.sent, path))
        except DaemonError as error:
            if not error.refused:
                raise
            self._stages.refused(path, said_by(error))
            self.worst = REJECTED
        else:
            self._know(path, job)

    def _know(self, path: Path, job: dict[str, Any]) -> None:
        self.jobs[job["id"]], self._paths[job["id"]] = job, path
        self._stages.taken(path, job)
