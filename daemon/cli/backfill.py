"""`headgate backfill`: files of many years loaded by one command, or only read; it may be killed and run again."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingest.messages import said_by, say

from .invocation import FAILED, dataset_of, end_of, exit_code, reader_language, run, settings_of, show_json, shown_url
from .options import config_option, dataset_names, json_option

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..backfill.listing import Listing
    from ..backfill.remote import RemoteAccess
    from ..backfill.tally import Tally
    from ..config.settings import Settings


def key_values(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the keys and values of `KEY=VALUE`; raises `BadParameter` where there is no value."""
    pairs = [value.partition("=") for value in values]
    for key, sign, _ in pairs:
        if not sign:
            raise click.BadParameter(f"{key!r} has no value; write {key}=VALUE")
    return {key: value for key, _, value in pairs}


@click.command()
@click.argument("places", metavar="URL...", nargs=-1, required=True)
@click.option(
    "--dataset",
    required=True,
    shell_complete=dataset_names,
    help="A dataset file, or the name of a dataset of the configuration.",
)
@click.option("--database", help="Database URL; without it the configuration's.")
@click.option(
    "--option",
    "options",
    metavar="KEY=VALUE",
    multiple=True,
    callback=key_values,
    help="How the servers of URLs are reached, such as region=eu-west-1; may be repeated.",
)
@click.option(
    "--credentials-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with the credentials for the servers of URLs, which only its owner can read.",
)
@click.option("--check", "check_only", is_flag=True, help="Load nothing: read every file, and tell what is in them.")
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), help="Write the report there, as JSON, at the end."
)
@config_option
@json_option
def backfill(
    places: tuple[str, ...],
    dataset: str,
    database: str | None,
    options: dict[str, str],
    credentials_file: Path | None,
    check_only: bool,
    report: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load all files of URL...: folders and those in them, files, patterns, here or in a storage such as s3://.

    What the ledger knows as loaded is skipped. Stopped or killed at any moment, the same command goes on where it was:
    nothing is loaded twice. At the end a report tells how many files were loaded, partial, rejected, and why.
    With --check nothing is loaded, and nothing is asked of the table. With --json there is a line for each file.
    """
    from ..backfill.remote import RemoteAccess
    from ..backfill.tally import Tally
    from ..lifecycle.logs import configure_logging

    settings = settings_of(config, database=database, one_shot=True)
    chosen = dataset_of(settings, dataset)
    _see_that_it_can_be_written(report)
    configure_logging("error", settings.logging.format)
    _announce(settings, database, check_only=check_only)
    listing = _listing(settings, places, RemoteAccess(options=options, credentials_file=credentials_file))
    tally = Tally(dataset=chosen.dataset, check_only=check_only)
    _run(settings, chosen, listing, tally, report=report, as_json=as_json)


def _announce(settings: Settings, database: str | None, *, check_only: bool) -> None:
    from .console import told

    url = shown_url(settings.database.url)
    if check_only:
        click.echo(
            f"headgate: {told(say('loading nothing; what was loaded before is asked of {url}', url=url))}", err=True
        )
    elif database is None:
        click.echo(f"headgate: {told(say('loading into {url}; --database names another', url=url))}", err=True)


def _listing(settings: Settings, places: tuple[str, ...], access: RemoteAccess) -> Listing:
    from ..backfill.listing import Listing, NoSuchPlaceError
    from ..errors import StorageSettingsError

    try:
        return Listing(places, settings.intake.ignore, access)
    except (NoSuchPlaceError, StorageSettingsError) as error:
        raise click.UsageError(said_by(error)) from None


def _run(
    settings: Settings, dataset: Dataset, listing: Listing, tally: Tally, *, report: Path | None, as_json: bool
) -> None:
    from ..backfill.backfill import Request, backfill_files
    from .backfill_report import BackfillProgress, print_report

    states: set[str] = set()

    def ended(entry: dict[str, Any]) -> None:
        states.add(end_of(entry))
        if as_json:
            show_json(entry)

    progress = BackfillProgress(tally)
    request = Request(
        dataset=dataset,
        listing=listing,
        tally=tally,
        ended=ended,
        changed=progress.show,
        check_only=tally.check_only,
        language=reader_language(),
    )
    try:
        with progress:
            run(backfill_files(settings, request, environ=os.environ))
    finally:
        # Also of what was stopped or has failed: what is done stays done.
        if not as_json:
            print_report(tally)
        written = report is None or _write(report, tally)
    sys.exit(exit_code(states) if written else FAILED)


def _write(report: Path, tally: Tally) -> bool:
    """Write the report and return whether that could be done: if not, neither what was done nor an error is hidden."""
    try:
        report.write_text(json.dumps(tally.as_dict(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        click.echo(f"headgate: --report: {report} cannot be written: {error.strerror}", err=True)
        return False
    return True


def _see_that_it_can_be_written(report: Path | None) -> None:
    """Say at the beginning, and not after hours, that the report goes nowhere.

    Raises:
        click.UsageError: it cannot be written.

    """
    if report is None:
        return
    place = report if report.exists() else report.absolute().parent
    if not os.access(place, os.W_OK):
        raise click.UsageError(f"--report: {report} cannot be written; name another file")
