"""What people see in the terminal: tables and one-line errors; plain when it is no terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.table import Table

STYLES: Final = {
    "loaded": "green",
    "partial": "yellow",
    "rejected": "red",
    "dead": "bold red",
    "duplicate": "cyan",
    "superseded": "cyan",
    "running": "blue",
    "checked": "magenta",
}
COLUMNS: Final = ("job", "state", "dataset", "file", "rows", "loaded", "rejected", "at", "what")
LOADED: Final = ("inserted", "updated", "unchanged")
ROOMY: Final = 120
"""A terminal of so many columns has room for what is wrong beside each job."""
NARROW_DATASET: Final = 14
"""So many characters of a dataset's name are shown on a narrower one."""
ALIKE: Final = 5
"""So many errors of one kind, of one field, are printed: the next ones say nothing new."""
RAW_KNOWN: Final = 40
"""So many characters of a value are in the message already, if it repeats it."""


def print_jobs(jobs: Collection[Mapping[str, Any]]) -> None:
    """Print jobs as a table, aligned and coloured on a terminal, tab-separated elsewhere; then what is wrong with each.

    What is wrong is told with its cells where the jobs have their errors with them, else by the reason.
    """
    from rich.console import Console

    console = Console()
    if not sys.stdout.isatty():
        print("\t".join(COLUMNS))
        for job in jobs:
            print(job_line(job))
    else:
        console.print(job_table(jobs, console.width))
    for job in jobs:
        if job.get("errors"):
            _print_text(f"job {job['id']}, {_printable(job['file'])}:")
            print_errors(job)
        elif sys.stdout.isatty() and console.width < ROOMY and _what(job):
            _print_text(f"job {job['id']}: {_what(job)}")


def job_line(job: Mapping[str, Any]) -> str:
    """Return a job as one line of tab-separated cells, in the order of `COLUMNS`."""
    return "\t".join(_job_cells(job))


def job_table(jobs: Iterable[Mapping[str, Any]], width: int) -> Table:
    """Return jobs as a table for a terminal of so many columns; what is wrong only where there is room for it."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    roomy = width >= ROOMY
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in COLUMNS if roomy else COLUMNS[:-1]:
        wide = name in ("file", "what")
        narrow = NARROW_DATASET if name == "dataset" and not roomy else None
        # What is long is broken or cut; figures and times keep their width.
        table.add_column(
            name,
            no_wrap=not wide,
            overflow="fold" if wide else "ellipsis",
            min_width=len(name) if wide or narrow else None,
            max_width=narrow,
        )
    for job in jobs:
        number, state, *rest = _job_cells(job)
        if not roomy:
            *rest, at, _ = rest
            rest.append(at[len("2024-") : -len(":00")])
        style = STYLES.get(state, "")
        table.add_row(number, f"[{style}]{state}[/]" if style else state, *map(escape, rest))
    return table


def _job_cells(job: Mapping[str, Any]) -> list[str]:
    rows = job["rows"]
    at = job.get("finished_at") or job.get("created_at")
    return [
        str(job.get("id") or job.get("job")),
        job["state"],
        job["dataset"],
        _printable(job["file"]),
        str(rows["read"]),
        str(sum(rows[name] for name in LOADED)),
        str(rows["rejected"]),
        datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "",
        _what(job),
    ]


def _what(job: Mapping[str, Any]) -> str:
    what = f"first job {job['first_job']}" if job.get("first_job") else (job.get("reason") or "")
    if job.get("would_be"):
        then = f"loaded as job {job['loaded_as']}" if job["loaded_as"] else f"headgate load {job['id']} loads it"
        what = f"would be {job['would_be']}{': ' + what if what else ''}; {then}"
    return " ".join(what.split())


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _print_text(text: str, indent: str = "") -> None:
    """Print a text, on a terminal in lines as wide as it is."""
    if not sys.stdout.isatty():
        print(f"{indent}{text}")
        return
    width = shutil.get_terminal_size().columns
    print(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=f"{indent}  "))


def print_ingested(job: Mapping[str, Any]) -> None:
    """Print one line for a file that `headgate ingest` has taken to its end."""
    rows = job["rows"]
    counts = ", ".join(f"{count} {name}" for name, count in rows.items() if count) or "no rows"
    first = f" of job {job['first_job']}" if job["first_job"] else ""
    number = f" (job {job['job']})" if job["job"] else ""
    would_be = f", would be {job['would_be']}" if job["would_be"] else ""
    print(f"{job['file']}: {job['state']}{would_be}{first}{number}: {counts}")


def print_preview(preview: Mapping[str, Any] | None) -> None:
    """Print the first rows of a check as they would stand in the table, each as its columns with a value."""
    if preview is None or not preview["rows"]:
        return
    count = len(preview["rows"])
    print(f"  the first {count} rows as they would stand:" if count > 1 else "  the first row as it would stand:")
    for row in preview["rows"]:
        known = zip(preview["columns"], row, strict=True)
        told = ", ".join(f"{name} {_printable(' '.join(text.split()))}" for name, text in known if text is not None)
        _print_text(told, "    ")


def print_events(job: Mapping[str, Any]) -> None:
    """Print what happened to a job, oldest first."""
    for event in job["events"]:
        at = datetime.fromtimestamp(event["at"], UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        print(f"  {at} {event['event']}{' ' + event['detail'] if event['detail'] else ''}")


def print_errors(job: Mapping[str, Any], limit: int = 20) -> None:
    """Print the first error records of a job: where, what, and what to do; not those that ask for nothing.

    Of those that are alike only the first few, and errors before warnings.
    """
    asking = [record for record in job["errors"] if record["severity"] != "info"]
    asking.sort(key=lambda record: record["severity"] != "error")
    kinds: Counter[tuple[object, ...]] = Counter()
    shown = 0
    for record in asking:
        kind = (record["code"], record.get("field"), record["severity"])
        kinds[kind] += 1
        if shown < limit and kinds[kind] <= ALIKE:
            shown += 1
            _print_text(_told(record), "  ")
    more = job["errors_total"] - (len(job["errors"]) - len(asking)) - shown
    if more > 0:
        print(f"  and {more} more")


def _told(record: Mapping[str, Any]) -> str:
    row = f"row {record['row']}" if record.get("row") else ""
    place = " ".join(part for part in (record.get("sheet") or "", record.get("cell") or row) if part)
    raw = record.get("raw")
    value = f" ({raw!r})" if raw is not None and " ".join(raw.split())[:RAW_KNOWN] not in record["message"] else ""
    return f"{record['code']}: {place + ': ' if place else ''}{record['message']}{value}; {record['hint']}"


def complain(message: str) -> None:
    """Print an error to standard error: what, and what to do."""
    print(f"headgate: {message}", file=sys.stderr)
