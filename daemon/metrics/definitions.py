"""What a metric is: its name, kind, meaning and labels, once; knows nothing of Prometheus's client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from ..histogram import HistogramSnapshot

PREFIX: Final = "headgate_"
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
