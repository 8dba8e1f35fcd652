"""`headgate assets`: files for Prometheus, Alertmanager, Grafana, systemd and Kubernetes, out of the package."""

from __future__ import annotations

from pathlib import Path

import click

from .invocation import show_json
from .options import json_option


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Replace files that are there with another content.")
@json_option
def assets(folder: Path, force: bool, as_json: bool) -> None:
    """Write prometheus.yml, rules, alertmanager.yml, dashboards, a systemd unit and manifests into DIR.

    Then: prometheus --config.file=DIR/prometheus.yml
    """
    from .assets import AssetsInTheWayError, write_assets

    try:
        written = write_assets(folder, replace=force)
    except AssetsInTheWayError as error:
        raise click.UsageError(f"{error}; name another folder, or replace them with --force") from None
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        show_json({"written": [str(path) for path in written]})
        return
    for path in written:
        click.echo(path)
    if not written:
        click.echo("every file is there as it should be", err=True)
