"""`headgate ingest`: files loaded at once, without a daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .invocation import exit_code, run, settings_of, show_json
from .options import again_option, config_option, files_argument, fixes_option, json_option

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..config.settings import Settings


@click.command()
@files_argument
@click.option("--dataset", required=True, help="A dataset file, or the name of a dataset of the configuration.")
@click.option("--database", help="Database URL; without it the configuration's.")
@fixes_option
@again_option
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
    rejects: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load FILES at once, without a daemon.

    The pipeline and the ledger are the daemon's: what is interrupted is taken up by the next run,
    and nothing is loaded twice.
    """
    from ..lifecycle.logs import configure_logging
    from ..oneshot import Request, ingest_files

    settings = settings_of(config, database=database, one_shot=True)
    configure_logging("error", settings.logging.format)
    chosen = _one_dataset(settings, dataset)
    states: list[str] = []

    def done(job: dict[str, Any]) -> None:
        states.append(job["state"])
        _show_ingested(job, as_json=as_json)

    request = Request(dataset=chosen, files=files, fixes=fixes, again=again, rejects=rejects)
    run(ingest_files(settings, request, environ=os.environ, done=done))
    sys.exit(exit_code(states))


def _one_dataset(settings: Settings, name: str) -> Dataset:
    from ingest.spec.dataset import load_dataset

    if Path(name).is_file():
        return load_dataset(Path(name))
    for path in settings.dataset_files():
        dataset = load_dataset(path)
        if dataset.dataset == name:
            return dataset
    raise click.UsageError(f"--dataset: {name!r} is neither a file nor a dataset of the configuration")


def _show_ingested(job: dict[str, Any], *, as_json: bool) -> None:
    from .console import print_errors, print_ingested

    if as_json:
        show_json(job)
        return
    print_ingested(job)
    print_errors(job)
