"""The page docs/metrics.md: owns how the catalogue of metrics is written down, so that the two never differ.

Run `make docs` after a change of the metrics.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry

from .catalogue import CATALOGUE
from .collectors import Collectors

if TYPE_CHECKING:
    from .definitions import Definition

_HEAD: Final = """\
# Metrics

Made by `python -m daemon.metrics.page` from the registry itself; do not edit it.

`/metrics` (default `127.0.0.1:9847`) has them as OpenMetrics or as text, by what the request accepts. It is rendered on
a thread of its own: it answers when the main loop does not.

- Every series whose labels are known is there at 0 from the start, those of a configured dataset included. When a
  reload takes a dataset away, its series end.
- Times are seconds, sizes bytes, shares ratios; moments are seconds since the epoch. `_total` only grows.
- Limits are metrics too: rules and dashboards compare with them and copy no configuration.
- No label has a file's name, a job's number or an error's text. Datasets beyond the first 50 share `_other`.
- A part that cannot be measured leaves its metrics out of the scrape, and
  `headgate_scrape_collector_success` says so.
"""

_SUBJECTS: Final = {
    "ingest": "Workbooks and rows",
    "dataset": "Datasets",
    "folder": "Watched folders",
    "source": "Sources",
    "mailbox": "Mailboxes",
    "backlog": "What waits",
    "dead": "What waits",
    "spool": "What waits",
    "executor": "Executors",
    "db": "Database",
    "loop": "Main loop",
    "system": "Machine",
    "group": "Processes",
    "process": "Processes",
    "python": "Processes",
}
"""The chapter of a metric by the first word of its name."""
_REST: Final = "Headgate itself"


def render() -> str:
    """Return the whole page."""
    chapters: dict[str, list[str]] = {chapter: [] for chapter in (*_SUBJECTS.values(), _REST)}
    for definition in CATALOGUE:
        name = definition.name.removeprefix("headgate_")
        chapters[_SUBJECTS.get(name.split("_")[0], _REST)].append(_row(definition))
    chapters[_SUBJECTS["process"]] += _of_the_client()
    return "\n".join([_HEAD, *_written(chapters)])


def _written(chapters: dict[str, list[str]]) -> Iterator[str]:
    for title, rows in chapters.items():
        yield f"## {title}\n\n| metric | type | labels | meaning |\n|---|---|---|---|"
        yield from rows
        yield ""


def _row(definition: Definition) -> str:
    labels = "; ".join(
        f"`{name}`: {values if isinstance(values, str) else ', '.join(f'`{value}`' for value in values)}"
        for name, values in definition.labels.items()
    )
    meaning = definition.meaning
    if definition.bounds:
        meaning += f" Buckets: {', '.join(f'{bound:.10g}' for bound in definition.bounds)}."
    return f"| `{definition.name}` | {definition.kind} | {labels} | {meaning} |"


def _of_the_client() -> Iterator[str]:
    """Yield the rows of what Prometheus's client library measures by itself."""
    registry = CollectorRegistry()
    Collectors(registry)
    for family in registry.collect():
        if family.name.startswith(("process_", "python_")):
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in sorted({key for one in family.samples for key in one.labels}))
            yield f"| `{name}` | {family.type} | {labels} | {family.documentation.rstrip('.')}. |"


if __name__ == "__main__":
    sys.stdout.write(render())
