"""What an exporter tells, as numbers that a test can ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from prometheus_client.samples import Sample


def samples_of(page: str) -> list[Sample]:
    """Return all samples of a page of metrics."""
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def total(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Return the sum of a metric's series that have these labels."""
    return sum(one.value for one in samples if one.name == name and labels.items() <= one.labels.items())
