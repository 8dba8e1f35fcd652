"""What people see in the terminal: tables and one-line errors; plain when it is no terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ingest.languages import in_language
from ingest.messages import say, say_n

from ..ledger.reasons import STATE_WORDS
from .invocation import reader_language

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
_FATES: Final[Mapping[str, str]] = {
    "inserted": say("inserted"),
    "updated": say("updated"),
    "unchanged": say("unchanged"),
    "duplicate": say("duplicate"),
    "rejected": say("rejected"),
    "blank": say("blank"),
    "footer": say("footer"),
    "skipped": say("skipped"),
}
"""What became of rows, by the names of a job's counts."""
_TITLES: Final[Mapping[str, str]] = {
    "job": say("job"),
    "state": say("state"),
    "dataset": say("dataset"),
    "file": say("file"),
    "rows": say("rows"),
    "loaded": say("loaded"),
    "rejected": say("rejected"),
    "at": say("at"),
    "what": say("what"),
}
COLUMNS: Final = tuple(_TITLES)
LOADED: Final = ("inserted", "updated", "unchanged")
ROOMY: Final = 120
"""A terminal of so many columns has room for what is wrong beside each job."""
NARROW_DATASET: Final = 14
"""So many characters of a dataset's name are shown on a narrower one."""
ALIKE: Final = 5
"""So many errors of one kind, of one field, are printed: the next ones say nothing new."""
RAW_KNOWN: Final = 40
"""So many characters of a value are in the message already, if it repeats it."""


def told(text: str) -> str:
    """Return what is said to people in their language."""
    return in_language(text, reader_language())


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
            _print_text(told(say("job {job}, {file}:", job=job["id"], file=_printable(job["file"]))))
            print_errors(job)
        elif sys.stdout.isatty() and console.width < ROOMY and _what(job):
            _print_text(told(say("job {job}: {what}", job=job["id"], what=_what(job))))


def job_line(job: Mapping[str, Any]) -> str:
    """Return a job as one line of tab-separated cells, in the order of `COLUMNS`."""
    return "\t".join(_job_cells(job))


def job_table(jobs: Iterable[Mapping[str, Any]], width: int) -> Table:
    """Return jobs as a table for a terminal of so many columns; what is wrong only where there is room for it."""
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.markup import escape
    from rich.table import Table

    roomy = width >= ROOMY
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in COLUMNS if roomy else COLUMNS[:-1]:
        wide = name in ("file", "what")
        narrow = NARROW_DATASET if name == "dataset" and not roomy else None
        # What is long is broken or cut; figures and times keep their width.
        table.add_column(
            told(_TITLES[name]),
            no_wrap=not wide,
            overflow="fold" if wide else "ellipsis",
            min_width=cell_len(told(_TITLES[name])) if wide or narrow else None,
            max_width=narrow,
        )
    for job in jobs:
        number, state, *rest = _job_cells(job)
        if not roomy:
            *rest, at, _ = rest
            rest.append(at[len("2024-") : -len(":00")])
        style = STYLES.get(state, "")
        word = told(STATE_WORDS.get(state, state))
        table.add_row(number, f"[{style}]{word}[/]" if style else word, *map(escape, rest))
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
    what = say("first job {job}", job=job["first_job"]) if job.get("first_job") else (job.get("reason") or "")
    if job.get("would_be"):
        number = job["id"]
        then = say("loaded as job {job}", job=job["loaded_as"]) if job["loaded_as"] else _loads(number)
        state = STATE_WORDS.get(job["would_be"], job["would_be"])
        what = (
            say("would be {state}: {what}; {then}", state=state, what=what, then=then)
            if what
            else say("would be {state}; {then}", state=state, then=then)
        )
    return " ".join(told(what).split())


def _loads(number: int) -> str:
    return say("{command} loads it", command=f"headgate load {number}")


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _print_text(text: str, indent: str = "") -> None:
    """Print a text, on a terminal in lines as wide as it is."""
    if not sys.stdout.isatty():
        print(f"{indent}{text}")
        return
    width = shutil.get_terminal_size().columns
    print(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=f"{indent}  "))


def counted(rows: Mapping[str, int]) -> list[str]:
    """Return what became of rows, by the names of a job's counts, each with its number; those of none are left out."""
    return [
        # Not a fate like the others: in some languages the word is another one where it stands alone.
        say("{count} read", count=count) if name == "read" else say("{count} {fate}", count=count, fate=_FATES[name])
        for name, count in rows.items()
        if count
    ]


def print_ingested(job: Mapping[str, Any]) -> None:
    """Print one line for a file that `headgate ingest` has taken to its end."""
    rows = job["rows"]
    state: str = STATE_WORDS.get(job["state"], job["state"])
    if job["would_be"]:
        state = say("{state}, would be {would_be}", state=state, would_be=STATE_WORDS[job["would_be"]])
    if job["first_job"]:
        state = say("{state} of job {job}", state=state, job=job["first_job"])
    if job["job"]:
        state = say("{state} (job {job})", state=state, job=job["job"])
    counts = ", ".join(map(told, counted(rows))) or say("no rows")
    print(told(say("{file}: {state}: {counts}", file=job["file"], state=state, counts=counts)))
    if (job["would_be"] or job["state"]) == "loaded" and job["reason"]:
        _print_text(told(job["reason"]), "  ")


def print_preview(preview: Mapping[str, Any] | None) -> None:
    """Print the first rows of a check as they would stand in the table, each as its columns with a value."""
    if preview is None or not preview["rows"]:
        return
    count = len(preview["rows"])
    what = say_n("the first row as it would stand:", "the first {n} rows as they would stand:", count)
    print(f"  {told(what)}")
    for row in preview["rows"]:
        known = zip(preview["columns"], row, strict=True)
        shown = ", ".join(f"{name} {_printable(' '.join(text.split()))}" for name, text in known if text is not None)
        _print_text(shown, "    ")


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
            _print_text(_told_record(record), "  ")
    more = job["errors_total"] - (len(job["errors"]) - len(asking)) - shown
    if more > 0:
        print(f"  {told(say('and {more} more', more=more))}")


def _told_record(record: Mapping[str, Any]) -> str:
    row = told(say("row {row}", row=record["row"])) if record.get("row") else ""
    place = " ".join(part for part in (record.get("sheet") or "", record.get("cell") or row) if part)
    raw = record.get("raw")
    value = f" ({raw!r})" if raw is not None and " ".join(raw.split())[:RAW_KNOWN] not in record["message"] else ""
    return f"{record['code']}: {place + ': ' if place else ''}{record['message']}{value}; {record['hint']}"


def complain(message: str) -> None:
    """Print an error to standard error, in the reader's language: what, and what to do."""
    print(f"headgate: {told(message)}", file=sys.stderr)
