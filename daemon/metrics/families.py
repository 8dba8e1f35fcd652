"""Prometheus's families made from numbers by their definitions, and the registry of those that events change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from ..histogram import HistogramSnapshot

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

    from .definitions import Definition, Definitions, Measured, Samples

FAMILIES: Final[Mapping[str, type[Any]]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}


class Measurements(Metric):
    """A family of the client library, whose samples are made only for those who ask for them: that takes longest."""

    def __init__(self, definition: Definition, numbers: Samples) -> None:
        self.definition, self.numbers = definition, numbers
        super().__init__(definition.name.removesuffix("_total"), definition.meaning, definition.kind)

    @property
    def samples(self) -> list[Sample]:
        """The samples, as the library's own families make them."""
        family = FAMILIES[self.type](self.name, self.documentation, labels=tuple(self.definition.labels))
        for values, number in self.numbers.items():
            if isinstance(number, HistogramSnapshot):
                family.add_metric(values, list(zip(bucket_names(number), number.counts, strict=True)), number.sum)
            else:
                family.add_metric(values, number)
        made: list[Sample] = family.samples
        return made

    @samples.setter
    def samples(self, _: object) -> None:
        """Take no samples: the base class begins with none."""


def bucket_names(snapshot: HistogramSnapshot) -> tuple[str, ...]:
    """Return the values of the label `le`."""
    return (*map(floatToGoString, snapshot.bounds), "+Inf")


def families(definitions: Definitions, measured: Measured) -> Iterator[Metric]:
    """Yield the family of each definition in order; a number that is missing is an error, not a gap in a graph."""
    for name, definition in definitions.items():
        yield Measurements(definition, measured[name])


def registry_of(*parts: tuple[Definitions, Callable[[], Measured]]) -> CollectorRegistry:
    """Return a registry that asks each part for its numbers at every scrape, in the exporter's thread."""
    registry = CollectorRegistry(auto_describe=False)
    for definitions, measured in parts:
        registry.register(_Part(definitions, measured))
    return registry


class _Part(Collector):
    def __init__(self, definitions: Definitions, measured: Callable[[], Measured]) -> None:
        self._definitions, self._measured = definitions, measured

    def collect(self) -> Iterator[Metric]:
        return families(self._definitions, self._measured())
