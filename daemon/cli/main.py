"""The command line: owns the list of commands and what an error comes to; each command is in `commands`."""

from __future__ import annotations

import contextlib
import sys
import traceback
from pathlib import Path
from typing import Final

import click

from ingest.errors import FileRejectedError
from ingest.messages import said_by, say
from ingest.spec.yaml_document import DocumentError

from ..errors import HeadgateError
from ..version import VERSION
from . import assets_command, backfill, completion, ingest, jobs, read_infer, retry_cancel, run_check, submit, worker
from .invocation import FAILED, FINE, REJECTED, USAGE
from .streams import StandardOutput, prepared_output

OF_PYTHON_DAEMON: Final = "pidfile.py"
"""A module of the package python-daemon that ours does not have: where it lies among ours, that one was installed."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="headgate")
def commands() -> None:
    """Take workbooks in, load the good rows exactly once, tell Prometheus everything.

    Commands, options and datasets complete by the Tab key after: headgate completion SHELL

    Exit codes: 0 fine, 1 some input rejected, 2 usage or configuration, 3 could not run.
    """


for command in (
    *(run_check.run, run_check.check, worker.worker),
    *(ingest.ingest, backfill.backfill),
    submit.submit,
    *(jobs.jobs, jobs.job, jobs.rejects),
    *(retry_cancel.retry, retry_cancel.load, retry_cancel.cancel, retry_cancel.dismiss),
    *(read_infer.read, read_infer.infer),
    assets_command.assets,
    completion.completion,
):
    commands.add_command(command)


def main() -> None:
    """Run a command and turn whatever goes wrong into one line and an exit code."""
    output = prepared_output()
    try:
        code = _run(output)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else FINE
    if (trouble := output.end()) is not None:
        code = FAILED
        if trouble:
            _complain(f"standard output cannot be written: {trouble}")
    sys.exit(code)


def _run(output: StandardOutput) -> int:
    try:
        _refuse_shadowing()
        commands(standalone_mode=False)
    except click.exceptions.Abort:
        return FAILED
    except click.ClickException as error:
        error.show()
        return USAGE
    except DocumentError as error:
        for problem in error.problems:
            _complain(str(problem))
        return USAGE
    except FileRejectedError as error:
        _complain(
            say(
                "{code}: {message}; {hint}",
                code=error.record.code,
                message=error.record.message,
                hint=error.record.hint,
            )
        )
        return REJECTED
    except HeadgateError as error:
        _complain(said_by(error))
        return FAILED
    except Exception as error:  # noqa: BLE001  # Python's own code for a crash is 1, and that says that input was rejected
        if error is not output.trouble:
            traceback.print_exc()
            _complain(f"unexpected, please report it: {type(error).__name__}: {error}")
        return FAILED
    return FINE


def _complain(text: str) -> None:
    from .console import complain

    with contextlib.suppress(OSError):  # of standard error, of which nobody can be told
        complain(text)


def _refuse_shadowing() -> None:
    """Refuse to start beside python-daemon, which installs a package of the same name over ours."""
    if not Path(__file__).parents[1].joinpath(OF_PYTHON_DAEMON).exists():
        return
    raise HeadgateError(
        "the package python-daemon is installed here and overwrites Headgate's own `daemon`; "
        "install Headgate in an environment of its own, or uninstall python-daemon"
    )
