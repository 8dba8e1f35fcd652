"""The commands: owns arguments, exit codes and the environment; the work is done elsewhere."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from ingest.document import DocumentError
from ingest.errors import FileRejectedError

from . import __version__
from .errors import HeadgateError

if TYPE_CHECKING:
    from ingest.spec import Dataset

    from .client import Client
    from .config import Settings

T = TypeVar("T")
FINE, REJECTED, USAGE, FAILED = 0, 1, 2, 3
DEFAULT_CONFIG: Final = Path("headgate.yml")
BAD_STATES: Final = {"partial", "rejected", "cancelled"}

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; without it ./headgate.yml if that is there, else the defaults.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
fixes_option = click.option(
    "--fixes", metavar="ID", type=click.IntRange(min=1), help="FILES hold the corrected rejected rows of this job."
)
files_argument = click.argument(
    "files",
    nargs=-1,
    required=True,
    # Links are resolved: one that the user names is theirs to name.
    type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True),
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="headgate")
def commands() -> None:
    """Take workbooks in, load the good rows exactly once, tell Prometheus everything.

    Exit codes: 0 fine, 1 some input rejected, 2 usage or configuration, 3 could not run.
    """


@commands.command()
@config_option
def run(config: Path | None) -> None:
    """Run the daemon.

    SIGTERM or Ctrl-C drains it; a second one ends the drain at once.
    """
    from .logs import configure_logging
    from .service import serve

    settings, datasets = _checked(config)
    configure_logging(settings.logging.level, settings.logging.format)
    _run(serve(settings, datasets, environ=os.environ))


@commands.command()
@config_option
def check(config: Path | None) -> None:
    """Check configuration and datasets.

    Every error is shown with its file and line; the exit code is then 2.
    """
    from .check import check as check_configuration

    result = check_configuration(_config_path(config))
    for line in result.lines:
        click.echo(line)
    for dataset in result.datasets:
        click.echo(f"dataset {dataset.dataset}: version {dataset.version}, table {dataset.load.table}")
    if result.problems:
        raise DocumentError(result.problems)
    click.echo("configuration and datasets are fine")


@commands.command()
@files_argument
@click.option("--dataset", required=True, help="A dataset file, or the name of a dataset of the configuration.")
@click.option("--database", help="Database URL; without it the configuration's.")
@fixes_option
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
    rejects: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Load FILES at once, without a daemon.

    The pipeline and the ledger are the daemon's: what is interrupted is taken up by the next run,
    and nothing is loaded twice.
    """
    from .logs import configure_logging
    from .oneshot import Request, ingest_files

    settings = _settings(config, database=database, one_shot=True)
    configure_logging("error", settings.logging.format)
    chosen = _one_dataset(settings, dataset)
    states: list[str] = []

    def done(job: dict[str, Any]) -> None:
        states.append(job["state"])
        _show_ingested(job, as_json=as_json)

    request = Request(dataset=chosen, files=files, fixes=fixes, rejects=rejects)
    _run(ingest_files(settings, request, environ=os.environ, done=done))
    sys.exit(_exit_code(states))


@commands.command()
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
    jobs = _run(_submit_all(_settings(config), files, dataset=dataset, fixes=fixes, wait=wait))
    _show_jobs(jobs, as_json=as_json)
    sys.exit(_exit_code([job["state"] for job in jobs]))


@commands.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--state", help="Only jobs in this state.")
@config_option
@json_option
def jobs(limit: int, state: str | None, config: Path | None, as_json: bool) -> None:
    """List the running daemon's jobs, newest first."""

    async def listed() -> list[dict[str, Any]]:
        async with _client(_settings(config)) as client:
            return await client.jobs(limit=limit, state=state)

    _show_jobs(_run(listed()), as_json=as_json)


@commands.command()
@click.argument("job_id", metavar="ID", type=click.IntRange(min=1))
@config_option
@json_option
def job(job_id: int, config: Path | None, as_json: bool) -> None:
    """Show one job: counts, errors, events."""

    async def shown() -> dict[str, Any]:
        async with _client(_settings(config)) as client:
            return await client.job(job_id)

    found = _run(shown())
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    from .console import print_errors, print_events, print_jobs

    print_jobs([found])
    print_errors(found)
    print_events(found)


@commands.command()
@click.argument("job_id", metavar="ID", type=click.IntRange(min=1))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="FILE.xlsx or .csv"
)
@config_option
def rejects(job_id: int, output: Path, config: Path | None) -> None:
    """Fetch the rejected rows of job ID, with what is wrong with each.

    Correct them and hand them in again with: headgate submit FILE --fixes ID
    """
    form = output.suffix.lower().lstrip(".")
    if form not in ("xlsx", "csv"):
        raise click.UsageError(f"{output}: name a file that ends in .xlsx or .csv")

    async def fetched() -> bytes:
        async with _client(_settings(config)) as client:
            return await client.rejects(job_id, form)

    _write_new(output, _run(fetched()))
    click.echo(f"wrote {output}; correct it, then: headgate submit {output} --fixes {job_id}", err=True)


@commands.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True))
@click.option("--sheet", help="Sheet name or index from 0; without it the first visible sheet.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--list", "list_only", is_flag=True, help="List the sheets: index, name, visibility, size.")
def read(file: Path, sheet: str | None, form: Literal["csv", "json"], list_only: bool) -> None:
    """Print the grid of FILE as Headgate sees it."""
    from .reading import print_grid, print_sheets

    _run(print_sheets(file) if list_only else print_grid(file, sheet=sheet, form=form))


@commands.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True))
@click.option("--sheet", help="Sheet name or index from 0; without it the first visible sheet.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write it there, not here."
)
def infer(file: Path, sheet: str | None, output: Path | None) -> None:
    """Draft a dataset from FILE, a sample: header, types from all rows, a key.

    The draft is commented YAML by which every row of the sample loads. Read it before you use it.
    """
    from .reading import draft_dataset

    text = _run(draft_dataset(file, sheet=sheet))
    if output is None:
        click.echo(text, nl=False)
        return
    _write_new(output, text.encode())
    click.echo(f"drafted {output}; read it, then: headgate ingest {file.name} --dataset {output}", err=True)


def main() -> None:
    """Run a command and turn whatever goes wrong into one line and an exit code."""
    from .console import complain

    try:
        _refuse_shadowing()
        commands(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(FAILED)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except DocumentError as error:
        for problem in error.problems:
            complain(str(problem))
        sys.exit(USAGE)
    except FileRejectedError as error:
        complain(str(error))
        sys.exit(REJECTED)
    except HeadgateError as error:
        complain(str(error))
        sys.exit(FAILED)
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


# -- what the commands share -------------------------------------------------------------------------


def _write_new(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; name another file, or delete it") from None
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}") from None


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _refuse_shadowing() -> None:
    """Refuse to start beside python-daemon, which installs a package of the same name over ours."""
    try:
        distribution("python-daemon")
    except PackageNotFoundError:
        return
    raise HeadgateError(
        "the package python-daemon is installed here and overwrites Headgate's own `daemon`; "
        "install Headgate in an environment of its own, or uninstall python-daemon"
    )


def _config_path(config: Path | None) -> Path | None:
    return config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)


def _settings(config: Path | None, *, database: str | None = None, one_shot: bool = False) -> Settings:
    from .config import load_settings

    environ = dict(os.environ)
    path = _config_path(config)
    if database:
        environ["HEADGATE_DATABASE__URL"] = database
    if one_shot and path is None:
        # Without a configuration there is no folder of ours yet; what a killed run leaves must be found again.
        base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
        environ.setdefault("HEADGATE_STATE_DIR", str(Path(base) / "headgate"))
    return load_settings(path, environ)


def _checked(config: Path | None) -> tuple[Settings, tuple[Dataset, ...]]:
    from .check import check as check_configuration

    result = check_configuration(_config_path(config))
    if result.problems or result.settings is None:
        raise DocumentError(result.problems)
    return result.settings, result.datasets


def _one_dataset(settings: Settings, name: str) -> Dataset:
    from ingest.spec import load_dataset

    if Path(name).is_file():
        return load_dataset(Path(name))
    for path in settings.dataset_files():
        dataset = load_dataset(path)
        if dataset.dataset == name:
            return dataset
    raise click.UsageError(f"--dataset: {name!r} is neither a file nor a dataset of the configuration")


def _client(settings: Settings) -> Client:
    from .client import Client

    host = f"[{settings.api.host}]" if ":" in settings.api.host else settings.api.host
    return Client(f"http://{host}:{settings.api.port}", settings.api.token_file)


async def _submit_all(
    settings: Settings, files: tuple[Path, ...], *, dataset: str | None, fixes: int | None, wait: bool
) -> list[dict[str, Any]]:
    from .console import progress

    jobs: list[dict[str, Any]] = []
    async with _client(settings) as client:
        with progress() as bars:
            for path in files:
                bar = bars.add_task(path.name, total=path.stat().st_size, state="sending")
                told = partial(bars.advance, bar)
                jobs.append(await client.submit(path, dataset=dataset, fixes=fixes, progress=told))
                bars.update(bar, state=jobs[-1]["state"])
            if wait:
                jobs = [await client.wait(job["id"]) for job in jobs]
    return jobs


def _show_ingested(job: dict[str, Any], *, as_json: bool) -> None:
    from .console import print_errors, print_ingested

    if as_json:
        click.echo(json.dumps(job, ensure_ascii=False))
        return
    print_ingested(job)
    print_errors(job)


def _show_jobs(jobs: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for job in jobs:
            click.echo(json.dumps(job, ensure_ascii=False))
        return
    from .console import print_jobs

    print_jobs(jobs)


def _exit_code(states: list[str]) -> int:
    if "dead" in states:
        return FAILED
    return REJECTED if BAD_STATES & set(states) else FINE
