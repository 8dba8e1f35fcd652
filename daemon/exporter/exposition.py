"""Prometheus's text formats, written quickly: the beginning of each line is made once, for only its number changes.

The client library's own writer, which makes every line anew, takes several times as long at each scrape: `make bench`
shows how much.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from ..histogram import HistogramSnapshot
from ..metrics.families import Measurements, bucket_names

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

OPENMETRICS: Final = "application/openmetrics-text"
KNOWN: Final = ("text/plain; version=0.0.4;", "text/plain; version=1.0.0;", f"{OPENMETRICS}; version=1.0.0;")
REWRITTEN_NAMES: Final = ("escaping=dots", "escaping=values")

_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Exposition:
    """Writes one registry whose metrics have neither exemplars nor timestamps. Used by one thread at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._starts: defaultdict[str, dict[tuple[str, ...], list[str]]] = defaultdict(dict)
        self._heads: dict[tuple[str, bool], str] = {}

    def choose(self, accept: str) -> tuple[Callable[[], bytes], str]:
        """Return what writes the page in the form that an Accept header asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        if content_type.startswith(KNOWN) and not content_type.endswith(REWRITTEN_NAMES):
            openmetrics = content_type.startswith(OPENMETRICS)
            return lambda: self._text(openmetrics=openmetrics).encode(), content_type
        return lambda: encode(self._registry), content_type

    def _text(self, *, openmetrics: bool) -> str:
        lines: list[str] = []
        for family in self._registry.collect():
            lines.append(self._head(family, openmetrics=openmetrics))
            lines += self._lines(family)
        lines.append("# EOF\n" if openmetrics else "")
        return "".join(lines)

    def _head(self, family: Metric, *, openmetrics: bool) -> str:
        head = self._heads.get((family.name, openmetrics))
        if head is None:
            # The name of a counter's family ends in _total in the older format alone.
            name = family.name + ("_total" if family.type == "counter" and not openmetrics else "")
            meaning = family.documentation.translate(_ESCAPES if openmetrics else _HELP_ESCAPES)
            head = f"# HELP {name} {meaning}\n# TYPE {name} {family.type}\n"
            self._heads[family.name, openmetrics] = head
        return head

    def _lines(self, family: Metric) -> Iterator[str]:
        if not isinstance(family, Measurements):
            yield from (f"{_start(one.name, one.labels)}{_written(one.value)}\n" for one in family.samples)
            return
        definition = family.definition
        starts = self._starts[definition.name]
        for values, number in family.numbers.items():
            made = starts.get(values)
            if made is None:
                labels = dict(zip(definition.labels, values, strict=True))
                made = starts[values] = _starts(definition.name, labels, number)
            if isinstance(number, HistogramSnapshot):
                yield from (f"{start}{count}.0\n" for start, count in zip(made, number.counts, strict=False))
                yield f"{made[-2]}{number.counts[-1]}.0\n{made[-1]}{_written(number.sum)}\n"
            else:
                yield f"{made[0]}{_written(number)}\n"


def _starts(name: str, labels: Mapping[str, str], number: float | HistogramSnapshot) -> list[str]:
    """Return the beginning of a number's line; of a histogram those of its buckets, of its count and of its sum."""
    if not isinstance(number, HistogramSnapshot):
        return [_start(name, labels)]
    buckets = [_start(f"{name}_bucket", {**labels, "le": bound}) for bound in bucket_names(number)]
    return [*buckets, _start(f"{name}_count", labels), _start(f"{name}_sum", labels)]


def _start(name: str, labels: Mapping[str, str]) -> str:
    inside = ",".join(f'{label}="{value.translate(_ESCAPES)}"' for label, value in sorted(labels.items()))
    return f"{name}{{{inside}}} " if inside else f"{name} "


def _written(number: float) -> str:
    written: str = floatToGoString(number)  # type: ignore[no-untyped-call]  # the library has no annotation there
    return written
