"""What people see in the terminal: tables and one-line errors; plain when it is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

STYLES: Final = {
    "loaded": "green",
    "partial": "yellow",
    "rejected": "red",
    "dead": "bold red",
    "duplicate": "cyan",
    "superseded": "cyan",
    "running": "blue",
}
COLUMNS: Final = ("job", "state", "dataset", "file", "rows", "loaded", "rejected", "at", "what")
LOADED: Final = ("inserted", "updated", "unchanged")


def print_jobs(jobs: Iterable[Mapping[str, Any]]) -> None:
    """Print jobs as a table: aligned and coloured on a terminal, tab-separated elsewhere."""
    if sys.stdout.isatty():
        Console().print(job_table(jobs))
        return
    print("\t".join(COLUMNS))
    for job in jobs:
        print(job_line(job))


def job_line(job: Mapping[str, Any]) -> str:
    """Return a job as one line of tab-separated cells, in the order of `COLUMNS`."""
    return "\t".join(_job_cells(job))


def job_table(jobs: Iterable[Mapping[str, Any]]) -> Table:
    """Return jobs as a table for a terminal."""
    table = Table(*COLUMNS)
    for job in jobs:
        number, state, *rest = _job_cells(job)
        style = STYLES.get(state, "")
        table.add_row(number, f"[{style}]{state}[/]" if style else state, *map(escape, rest))
    return table


def _job_cells(job: Mapping[str, Any]) -> list[str]:
    rows = job["rows"]
    at = job.get("finished_at") or job.get("created_at")
    what = f"first job {job['first_job']}" if job.get("first_job") else (job.get("reason") or "")
    return [
        str(job.get("id") or job.get("job")),
        job["state"],
        job["dataset"],
        "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in job["file"]),
        str(rows["read"]),
        str(sum(rows[name] for name in LOADED)),
        str(rows["rejected"]),
        datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "",
        " ".join(what.split()),
    ]


def print_ingested(job: Mapping[str, Any]) -> None:
    """Print one line for a file that `headgate ingest` has taken to its end."""
    rows = job["rows"]
    counts = ", ".join(f"{count} {name}" for name, count in rows.items() if count) or "no rows"
    first = f" of job {job['first_job']}" if job["first_job"] else ""
    number = f" (job {job['job']})" if job["job"] else ""
    print(f"{job['file']}: {job['state']}{first}{number}: {counts}")


def print_events(job: Mapping[str, Any]) -> None:
    """Print what happened to a job, oldest first."""
    for event in job["events"]:
        at = datetime.fromtimestamp(event["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        print(f"  {at} {event['event']}{' ' + event['detail'] if event['detail'] else ''}")


def print_errors(job: Mapping[str, Any], limit: int = 20) -> None:
    """Print the first error records of a job: where, what, and what to do; not those that ask for nothing."""
    asking = [record for record in job["errors"] if record["severity"] != "info"]
    for record in asking[:limit]:
        place = " ".join(
            part
            for part in (
                record.get("sheet") or "",
                record.get("cell") or (f"row {record['row']}" if record.get("row") else ""),
            )
            if part
        )
        raw = f" ({record['raw']!r})" if record.get("raw") is not None else ""
        print(f"  {record['code']}: {place + ': ' if place else ''}{record['message']}{raw}; {record['hint']}")
    more = job["errors_total"] - (len(job["errors"]) - len(asking)) - min(limit, len(asking))
    if more > 0:
        print(f"  and {more} more")


def complain(message: str) -> None:
    """Print an error to standard error: what, and what to do."""
    print(f"headgate: {message}", file=sys.stderr)
