"""`headgate run` and `check`: the daemon, and everything that can be known before it starts."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from ingest.spec.yaml_document import DocumentError

from .invocation import DEFAULT_CONFIG, FINE, USAGE, config_path, show_json
from .invocation import run as run_to_end
from .options import config_option, json_option

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..config.settings import Settings
    from ..pipeline.table_check import TableFinding
    from .probes import Probe

SWITCH_SECONDS: Final = 0.001
"""How long a thread keeps the interpreter from the main loop: a fifth of Python's own figure, for threads here are
brief and the loop must not wait for them.
"""


@click.command()
@config_option
def run(config: Path | None) -> None:
    """Run the daemon.

    SIGTERM or Ctrl-C drains it; a second one ends the drain at once.
    """
    from ..lifecycle.signals import EarlyHangup

    hangup = EarlyHangup()
    from ..config.check import check as check_configuration
    from ..lifecycle.limits import raise_descriptor_limit
    from ..lifecycle.logs import configure_logging
    from ..service import serve

    read = partial(check_configuration, config_path(config))
    found = read()
    if found.problems or found.settings is None:
        raise DocumentError(found.problems)
    configure_logging(found.settings.logging.level, found.settings.logging.format)
    raise_descriptor_limit()
    sys.setswitchinterval(SWITCH_SECONDS)
    run_to_end(serve(found.settings, found.datasets, environ=os.environ, read=read, hangup=hangup))


@click.command()
@config_option
@json_option
@click.option(
    "--connect",
    is_flag=True,
    help="Ask the database, each source, the shared spool and the cluster, too; changes nothing.",
)
def check(config: Path | None, as_json: bool, connect: bool) -> None:
    """Check configuration and datasets.

    Every error is shown with its file and line; the exit code is then 2. Registered tasks and transforms are imported,
    each in a process of its own; one that cannot be is an error here, but keeps no daemon from starting. With --connect
    also what keeps a dataset's rows from its table, what the table will refuse, whether each source and the shared
    spool can be listed, and which workers the cluster has; nothing is changed there.
    """
    from ..config.check import check as check_configuration
    from .task_imports import task_problems, transform_problems

    path = config_path(config)
    result = check_configuration(path)
    if not result.problems and result.settings is not None and result.sources is not None:
        result = replace(result, problems=tuple(task_problems(result.sources, result.settings)))
    lines = (_configuration(path), *result.lines)
    settings = None if result.problems else result.settings
    transforms = [] if settings is None else list(transform_problems(settings, result.datasets))
    tables = _compared(settings, result.datasets) if connect and settings is not None else ()
    probes = _probed(settings) if connect and settings is not None else ()
    datasets = [
        {"dataset": dataset.dataset, "version": dataset.version, "table": dataset.load.table}
        for dataset in result.datasets
    ]
    if as_json:
        problems = [str(problem) for problem in result.problems]
        problems += [f"dataset {name}: {problem}" for name, problem in transforms]
        problems += [f"dataset {found.dataset}: {problem}" for found in tables for problem in found.problems]
        problems += [f"{probe.place}: {probe.problem}" for probe in probes if probe.problem]
        advice = [f"dataset {found.dataset}: {text}" for found in tables for text in found.advice]
        shown = {"fine": not problems, "problems": problems, "datasets": datasets, "resolved": lines}
        show_json({**shown, **({"advice": advice} if connect else {})})
        sys.exit(USAGE if problems else FINE)
    for line in lines:
        click.echo(line)
    for dataset in datasets:
        click.echo("dataset {dataset}: version {version}, table {table}".format(**dataset))
    if result.problems:
        raise DocumentError(result.problems)
    _tell(transforms, tables, probes)
    click.echo("configuration and datasets are fine")


def _configuration(path: Path | None) -> str:
    """Say which file was read: whoever stands in another folder than they think gets the defaults."""
    if path is not None:
        return f"configuration: {path.absolute()}"
    return f"configuration: there is no {DEFAULT_CONFIG.absolute()}; the defaults are used, -c FILE names another file"


def _tell(transforms: list[tuple[str, str]], tables: tuple[TableFinding, ...], probes: tuple[Probe, ...]) -> None:
    """Tell what was found out there, and end with it if that is a problem."""
    for name, problem in transforms:
        click.echo(f"Error: dataset {name}: {problem}", err=True)
    for found in tables:
        for text in found.advice:
            click.echo(f"dataset {found.dataset}: {text}")
        for problem in found.problems:
            click.echo(f"Error: dataset {found.dataset}: {problem}", err=True)
    for probe in probes:
        if probe.problem:
            click.echo(f"Error: {probe.place}: {probe.problem}", err=True)
        else:
            click.echo(f"{probe.place}: {probe.found}")
    if transforms or any(found.problems for found in tables) or any(probe.problem for probe in probes):
        sys.exit(USAGE)


def _compared(settings: Settings, datasets: tuple[Dataset, ...]) -> tuple[TableFinding, ...]:
    """Compare the datasets with their tables; a database that cannot be reached is an error of its own."""
    from ..assembly import check_tables

    return run_to_end(check_tables(settings, datasets))


def _probed(settings: Settings) -> tuple[Probe, ...]:
    """Ask everything beside the database once."""
    from .probes import probe_places

    return tuple(probe_places(settings))
