"""Prometheus's text formats, written quickly: the beginning of each line is made once, for only its number changes.

The client library's own writer, which makes every line anew, takes about three times as long, at each scrape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric
    from prometheus_client.samples import Sample

OPENMETRICS: Final = "application/openmetrics-text"
KNOWN: Final = ("text/plain; version=0.0.4;", "text/plain; version=1.0.0;", f"{OPENMETRICS}; version=1.0.0;")
REWRITTEN_NAMES: Final = ("escaping=dots", "escaping=values")

_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n"})


class Exposition:
    """Writes one registry whose metrics have neither exemplars nor timestamps. Used by one thread at a time."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._starts: dict[tuple[str, ...], str] = {}
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
        starts = self._starts
        for sample in family.samples:
            # The names of the labels are the same in all samples of a name: their values make the line.
            key = (sample.name, *sample.labels.values())
            start = starts.get(key)
            if start is None:
                start = starts[key] = _start(sample)
            yield f"{start}{floatToGoString(sample.value)}\n"  # type: ignore[no-untyped-call]  # the library has no annotation there


def _start(sample: Sample) -> str:
    labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}} " if labels else f"{sample.name} "
