"""`headgate worker`: this machine's worker processes, offered to daemons by a Dask cluster."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .invocation import run as run_to_end
from .invocation import settings_of
from .options import config_option


@click.command()
@config_option
def worker(config: Path | None) -> None:
    """Offer this machine's worker processes to daemons with `executors.engine: dask`.

    It needs executors.scheduler and spool.url of the configuration, the same as the daemons have.
    SIGTERM or Ctrl-C lets the calls that run come to their end; a second one ends them at once.
    """
    from ..lifecycle.signals import EarlyHangup

    hangup = EarlyHangup()
    from ..cluster import library_wanted
    from ..lifecycle.limits import raise_descriptor_limit
    from ..lifecycle.logs import configure_logging

    settings = settings_of(config)
    configure_logging(settings.logging.level, settings.logging.format)
    raise_descriptor_limit()
    with library_wanted():
        from ..worker import serve_worker
    run_to_end(serve_worker(settings, environ=os.environ, hangup=hangup))
