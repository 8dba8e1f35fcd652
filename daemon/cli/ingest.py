"""`headgate ingest`: files loaded at once, without a daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ingest.messages import say

from .invocation import (
    dataset_of,
    end_of,
    exit_code,
    reader_language,
    run,
    settings_of,
    show_json,
    shown_database,
    shown_url,
    typed,
)
from .options import again_option, check_option, config_option, files_argument, fixes_option, json_option

if TYPE_CHECKING:
    from ..config.settings import Settings


@click.command()
@files_argument
@click.option("--dataset", required=True, help="A dataset file, or the name of a dataset of the configuration.")
@click.option("--database", help="Database URL; without it the configuration's.")
@fixes_option
@again_option
@check_option
@click.option(
    "--rejects",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the rejected rows, one workbook (NAME.rejects.xlsx) a file that has any.",
)
@config_option
@json_option
def ingest(
    files: tuple[Path, ...],
    dataset: str,
    database: str | None,
    fixes: int | None,
    again: bool,
    check_only: bool,
    rejects: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load FILES at once, without a daemon.

    What could not be loaded is told with its cells, and `headgate rejects ID --dataset DATASET` gives those rows
    back. The pipeline and the ledger are the daemon's: what is interrupted is taken up by the next run,
    and nothing is loaded twice. With --check all of it is done and undone: the table stays as it is.
    """
    from ..executors.memory_release import uncollected

    with uncollected():
        from ..lifecycle.logs import configure_logging
        from ..oneshot import Request, ingest_files

        settings = settings_of(config, database=database, one_shot=True)
        chosen = dataset_of(settings, dataset)
    configure_logging("error", settings.logging.format)
    url = shown_url(settings.database.url)
    if database is None:
        from .console import told

        click.echo(f"headgate: {told(say('loading into {url}; --database names another', url=url))}", err=True)
    states: list[str] = []
    options = {"--dataset": dataset, "--database": shown_database(settings, database), "-c": config}

    def done(job: dict[str, Any]) -> None:
        states.append(end_of(job))
        if as_json:
            show_json(job)
        else:
            _show_ingested(job, options)

    def waits(file: str, reason: str) -> None:
        click.echo(f"headgate: {file}: {reason}", err=True)

    request = Request(
        dataset=chosen,
        files=files,
        fixes=fixes,
        again=again,
        check_only=check_only,
        rejects=rejects,
        language=reader_language(),
    )
    run(ingest_files(settings, request, environ=os.environ, done=done, waits=waits))
    sys.exit(exit_code(states))


async def rejects_of(
    settings: Settings, job_id: int, dataset: str, form: Literal["xlsx", "csv"]
) -> tuple[bytes, dict[str, Any]]:
    """Return the rejected rows of a job of this command, and what of the job decides about the next step.

    Raises what `fetch_rejects` raises.
    """
    from ..oneshot import fetch_rejects

    content, job = await fetch_rejects(settings, dataset_of(settings, dataset), job_id, form, environ=os.environ)
    return content, {"state": job.state, "would_be": job.would_be, "file": job.file}


def _show_ingested(job: dict[str, Any], options: dict[str, Any]) -> None:
    """Print what became of a file, and how its rejected rows are had or handed in again."""
    from .console import print_errors, print_ingested, print_preview, told

    print_ingested(job)
    print_preview(job["preview"])
    print_errors(job)
    number, written = job["job"], job.get("rejects")
    if written and end_of(job) == "rejected":
        what = say(
            "rows with mistakes: {file}; nothing is loaded: correct the whole file, and load it anew", file=written
        )
    elif written:
        command = typed("ingest", written, "--fixes", number, given=options)
        what = say("rejected rows: {file}; correct them, then: {command}", file=written, command=command)
        if job["would_be"]:
            what = say(
                "rejected rows: {file}; a check loads nothing: {first} loads the good rows; correct these, "
                "then: {command}",
                file=written,
                first=typed("ingest", job["file"], given=options),
                command=command,
            )
    elif job["rows"]["rejected"] and number:
        what = say("rejected rows: {command}", command=typed("rejects", number, "-o", "back.xlsx", given=options))
    else:
        return
    click.echo(f"  {told(what)}")
