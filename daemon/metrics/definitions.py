"""What a metric is: its name, kind, meaning and labels, once; and Prometheus's families made from numbers by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.utils import floatToGoString

from ..histogram import HistogramSnapshot

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

PREFIX: Final = "headgate_"

FAMILIES: Final[Mapping[str, type[Any]]] = {
    "gauge": GaugeMetricFamily,
    "counter": CounterMetricFamily,
    "histogram": HistogramMetricFamily,
}
Kind = Literal["gauge", "counter", "histogram"]
Values = tuple[str, ...] | str
"""The values of a label, or, where configuration or machine decide, a phrase that says what they are."""
Samples = Mapping[Any, float | HistogramSnapshot]
"""A metric's numbers by the tuple of its label values, in the order of the labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One metric. `name` is whole: with the prefix, and `_total` for a counter."""

    name: str
    kind: Kind
    meaning: str
    labels: Mapping[str, Values]
    bounds: tuple[float, ...] = ()

    def family(self, numbers: Samples) -> Measurements:
        """Return the numbers as Prometheus's client has them."""
        return Measurements(self, numbers)


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


Definitions = Mapping[str, Definition]
"""Definitions by their names without the prefix."""
Measured = Mapping[str, Samples]
"""The numbers of the metrics of one part, by the same names."""


def gauge(name: str, meaning: str, **labels: Values) -> Definition:
    """Define a number that goes up and down."""
    return Definition(name=PREFIX + name, kind="gauge", meaning=meaning, labels=labels)


def counter(name: str, meaning: str, **labels: Values) -> Definition:
    """Define a number that only grows; `name` ends in `_total`."""
    return Definition(name=PREFIX + name, kind="counter", meaning=meaning, labels=labels)


def histogram(name: str, meaning: str, bounds: tuple[float, ...], **labels: Values) -> Definition:
    """Define counts of values by upper bound."""
    return Definition(name=PREFIX + name, kind="histogram", meaning=meaning, labels=labels, bounds=bounds)


def define(*definitions: Definition) -> Definitions:
    """Return definitions by name."""
    return {definition.name.removeprefix(PREFIX): definition for definition in definitions}


def families(definitions: Definitions, measured: Measured) -> Iterator[Metric]:
    """Yield the family of each definition in order; a number that is missing is an error, not a gap in a graph."""
    for name, definition in definitions.items():
        yield definition.family(measured[name])
