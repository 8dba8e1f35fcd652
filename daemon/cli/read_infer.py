"""`headgate read` and `infer`: what is in a workbook, without a dataset and without a daemon."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from ingest.messages import say

from .invocation import run, settings_of, show_json, shown_url, typed, write_new
from .options import encoding_option, file_argument, json_option, limit_option, sheet_option

if TYPE_CHECKING:
    from ingest.spec.dataset import FileLimits
    from ingest.spec.outline import TableOutline


@click.command()
@file_argument
@sheet_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@encoding_option
@limit_option
@click.option("--list", "list_only", is_flag=True, help="List the sheets: index, name, visibility, size.")
@json_option
def read(
    file: Path,
    sheet: str | None,
    form: Literal["csv", "json"],
    encoding: str | None,
    limits: FileLimits,
    list_only: bool,
    as_json: bool,
) -> None:
    """Print the grid of FILE as Headgate sees it."""
    from .sandboxed_read import print_grid, sheets_of

    if not list_only:
        run(print_grid(file, sheet=sheet, form="json" if as_json else form, encoding=encoding, limits=limits))
        return
    for found in run(sheets_of(file, encoding=encoding, limits=limits)):
        if as_json or form == "json":
            show_json(asdict(found))
        else:
            size = f"{found.rows}x{found.columns}"
            click.echo("\t".join((str(found.index), found.name, found.visibility, size)))


@click.command()
@file_argument
@sheet_option
@encoding_option
@limit_option
@click.option("--table", help="A table that is there: the draft is for its columns, and matches the titles with them.")
@click.option("--database", help="Where --table is: a database URL; without it the configuration's.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write it there, not here."
)
@json_option
def infer(
    file: Path,
    sheet: str | None,
    encoding: str | None,
    limits: FileLimits,
    table: str | None,
    database: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Draft a dataset from FILE, a sample: header, types from all rows, a key.

    The draft is commented YAML by which every row of the sample loads. Read it before you use it. With --table the
    types, lengths and key are those of an existing table.
    """
    from .sandboxed_read import draft_dataset

    if database is not None and table is None:
        raise click.UsageError("--database says where --table is; name the table, too")
    outline = None if table is None else _outline(table, database)
    text = run(draft_dataset(file, sheet=sheet, outline=outline, encoding=encoding, limits=limits))
    if as_json:
        import yaml

        show_json(yaml.safe_load(text))
    elif output is None:
        click.echo(text, nl=False)
    if output is None:
        return
    write_new(output, text.encode())
    from .console import told

    shown = None if database is None else shown_url(settings_of(None, database=database, one_shot=True).database.url)
    command = typed("ingest", file, given={"--dataset": output, "--database": shown})
    click.echo(told(say("drafted {file}; read it, then: {command}", file=output, command=command)), err=True)


def _outline(table: str, database: str | None) -> TableOutline:
    from ..assembly import outline_of

    return run(outline_of(settings_of(None, database=database, one_shot=True), table))
