"""`headgate jobs`, `job` and `rejects`: the running daemon's ledger, asked over its API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from ingest.messages import say

from ..ledger.jobs import STATES
from .ingest import rejects_of
from .invocation import client_of, end_of, run, settings_of, show_json, shown_database, typed, write_new
from .options import config_option, dataset_names, job_argument, json_option


@click.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--dataset", shell_complete=dataset_names, help="Only jobs of this dataset.")
@click.option("--file", "text", metavar="TEXT", help="Only jobs whose file's name has this in it.")
@click.option("--watch", is_flag=True, help="Stay, and show every change until Ctrl-C.")
@config_option
@json_option
def jobs(
    limit: int,
    state: str | None,
    dataset: str | None,
    text: str | None,
    watch: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """List the running daemon's jobs, newest first.

    With --watch a terminal shows the list as it is at each moment; elsewhere, and with --json, each change of a job
    is a line.
    """
    filters = {"state": state, "dataset": dataset, "text": text}
    if watch:
        from .watch import watch as watch_jobs

        with suppress(KeyboardInterrupt):  # it is how one leaves
            run(watch_jobs(client_of(config), limit=limit, filters=filters, as_json=as_json))
        return

    async def listed() -> list[dict[str, Any]]:
        async with client_of(config) as client:
            return await client.jobs(limit=limit, **filters)

    show_jobs(run(listed()), as_json=as_json)


@click.command()
@job_argument
@config_option
@json_option
def job(job_id: int, config: Path | None, as_json: bool) -> None:
    """Show one job: counts, errors, events."""

    async def shown() -> dict[str, Any]:
        async with client_of(config) as client:
            return await client.job(job_id)

    found = run(shown())
    if as_json:
        show_json(found)
        return
    from .console import print_events, print_jobs, print_preview

    print_jobs([found])
    print_preview(found["preview"])
    print_events(found)


@click.command()
@job_argument
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="FILE.xlsx or .csv"
)
@click.option("--database", help="With --dataset: database URL; without it the configuration's.")
@click.option(
    "--dataset",
    help="Of a job of `headgate ingest`, no daemon is asked: the dataset file, or the name of a dataset of the "
    "configuration.",
)
@config_option
@json_option
def rejects(
    job_id: int, output: Path, database: str | None, dataset: str | None, config: Path | None, as_json: bool
) -> None:
    """Fetch the rejected rows of job ID, with what is wrong with each.

    Correct them and hand them in again with: headgate submit FILE --fixes ID

    Of a job that is rejected nothing is loaded: then correct the whole file, and hand in that.
    """
    form = output.suffix.lower().lstrip(".")
    if form not in ("xlsx", "csv"):
        raise click.UsageError(f"{output}: name a file that ends in .xlsx or .csv")
    if database is not None and dataset is None:
        raise click.UsageError("--database is of a job of `headgate ingest`; name its --dataset, too")
    settings = settings_of(config, database=database, one_shot=dataset is not None)

    async def fetched() -> tuple[bytes, dict[str, Any]]:
        if dataset is not None:
            return await rejects_of(settings, job_id, dataset, "csv" if form == "csv" else "xlsx")
        async with client_of(config) as client:
            return await client.rejects(job_id, form), await client.job(job_id)

    content, found = run(fetched())
    write_new(output, content)
    if as_json:
        show_json({"job": job_id, "file": str(output), "format": form, "bytes": len(content)})
    from .console import told

    given = {"--dataset": dataset, "--database": dataset and shown_database(settings, database), "-c": config}
    command = typed("submit" if dataset is None else "ingest", output, "--fixes", job_id, given=given)
    first = typed(*(("load", job_id) if dataset is None else ("ingest", found["file"])), given=given)
    click.echo(told(_what_next(output, found, command, first)), err=True)


def _what_next(output: Path, job: Mapping[str, Any], command: str, first: str) -> str:
    """Say how corrected rows are handed in by `command`, and that `first` loads the others after a check."""
    if end_of(job) == "rejected":
        return say(
            "wrote {file}, the rows with mistakes alone; nothing is loaded: correct the whole file, and hand that in",
            file=output,
        )
    if job["would_be"]:
        return say(
            "wrote {file}; a check loads nothing: {first} loads the good rows; correct these, then: {command}",
            file=output,
            first=first,
            command=command,
        )
    return say("wrote {file}; correct it, then: {command}", file=output, command=command)


def show_jobs(found: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    """Print jobs as a table, or as one JSON object a line."""
    if as_json:
        for one in found:
            show_json(one)
        return
    from .console import print_jobs

    print_jobs(list(found))
