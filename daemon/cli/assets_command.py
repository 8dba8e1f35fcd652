"""`headgate assets`: files for Prometheus, Alertmanager, Grafana, systemd and Kubernetes, out of the package."""

from __future__ import annotations

from pathlib import Path

import click

from .invocation import show_json
from .options import json_option


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Replace files that were edited, too.")
@json_option
def assets(folder: Path, force: bool, as_json: bool) -> None:
    """Write prometheus.yml, rules, alertmanager.yml, dashboards, systemd units, manifests and documents into DIR.

    Again after an upgrade: files that nobody edited are replaced, edited ones are kept, and the difference is shown.

    Then: prometheus --config.file=DIR/prometheus.yml
    """
    from .assets import write_assets

    try:
        folder.mkdir(parents=True, exist_ok=True)
        done = write_assets(folder, replace=force)
    except OSError as error:
        raise click.UsageError(f"{error.filename} cannot be written: {error.strerror}") from None
    if as_json:
        kept = [{"path": str(path), "difference": text} for path, text in done.kept.items()]
        show_json({"written": [str(path) for path in done.written], "kept": kept})
        return
    for path in done.written:
        click.echo(path)
    for path, difference in done.kept.items():
        click.echo(difference, nl=False)
        click.echo(f"{path}: was edited and is kept; --force replaces it", err=True)
    if not done.written and not done.kept:
        click.echo("every file is there as it should be", err=True)
