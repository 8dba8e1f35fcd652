"""The registry: everything is there at 0 from the start, counts what happened, and stays small."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from prometheus_client import generate_latest

from daemon.metrics.job_metrics import DATASETS_MAX, OTHER, REJECT_CODES, Metrics

if TYPE_CHECKING:
    from prometheus_client.samples import Sample


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def samples(metrics: Metrics) -> list[Sample]:
    return [sample for family in metrics.registry.collect() for sample in family.samples]


def names_of(found: list[Sample]) -> list[tuple[object, ...]]:
    """What each series is called, but for the error code of which each dataset has one at a time."""
    return sorted((one.name, *sorted(set(one.labels.items()) - {("code", one.labels.get("code"))})) for one in found)


@pytest.fixture
def metrics() -> Metrics:
    made = Metrics()
    made.set_datasets({"orders": 3600.0, "stock": None})
    return made


def finish(metrics: Metrics, dataset: str = "orders", outcome: str = "partial") -> None:
    metrics.job_finished(
        dataset=dataset,
        outcome=outcome,
        rows={"read": 10, "inserted": 8, "rejected": 2},
        codes={"cell.type": 2, "file.format_mismatch": 1, "sheet.ambiguous": 1, "made.up": 1},
        size_bytes=1000,
        stage_seconds={"read": 0.5, "load": 0.1},
    )


def test_every_combination_is_there_before_anything_happens(metrics: Metrics) -> None:
    for outcome in ("loaded", "partial", "rejected", "duplicate", "dead", "cancelled"):
        assert value(metrics, "headgate_ingest_jobs_total", dataset="orders", outcome=outcome) == 0
    for result in ("read", "inserted", "updated", "unchanged", "duplicate", "rejected", "blank", "footer", "skipped"):
        assert value(metrics, "headgate_ingest_rows_total", dataset="stock", result=result) == 0
    assert value(metrics, "headgate_ingest_rejects_total", code="cell.type") == 0
    assert value(metrics, "headgate_dataset_last_success_timestamp_seconds", dataset="stock") == 0
    assert value(metrics, "headgate_ingest_stage_seconds_count", stage="commit") == 0
    assert value(metrics, "headgate_dataset_freshness_target_seconds", dataset="orders") == 3600
    assert value(metrics, "headgate_dataset_freshness_target_seconds", dataset="stock") == 0


def test_a_job_that_ended_is_counted_once_in_each(metrics: Metrics) -> None:
    before = samples(metrics)
    finish(metrics)
    assert value(metrics, "headgate_ingest_jobs_total", dataset="orders", outcome="partial") == 1
    assert value(metrics, "headgate_ingest_rows_total", dataset="orders", result="read") == 10
    assert value(metrics, "headgate_ingest_bytes_total", dataset="orders") == 1000
    assert value(metrics, "headgate_ingest_stage_seconds_sum", stage="read") == 0.5
    assert value(metrics, "headgate_dataset_last_success_timestamp_seconds", dataset="orders") > 1e9  # type: ignore[operator]
    assert names_of(samples(metrics)) == names_of(before), "a job made a new series"


def test_warnings_are_no_rejects_and_unusual_codes_share_one_label(metrics: Metrics) -> None:
    finish(metrics)
    assert value(metrics, "headgate_ingest_rejects_total", code="cell.type") == 2
    assert value(metrics, "headgate_ingest_rejects_total", code=OTHER) == 2
    assert value(metrics, "headgate_ingest_rejects_total", code="file.format_mismatch") is None
    assert len(REJECT_CODES) + 1 <= 40


def test_a_dataset_that_nobody_configured_is_counted_as_other(metrics: Metrics) -> None:
    finish(metrics, dataset="surprise")
    assert value(metrics, "headgate_ingest_jobs_total", dataset=OTHER, outcome="partial") == 1
    assert value(metrics, "headgate_label_overflow_total", label="dataset") == 1
    assert value(metrics, "headgate_ingest_jobs_total", dataset="surprise", outcome="partial") is None


def test_datasets_beyond_the_limit_share_a_label() -> None:
    metrics = Metrics()
    metrics.set_datasets({f"d{number}": None for number in range(DATASETS_MAX + 5)})
    assert value(metrics, "headgate_ingest_bytes_total", dataset=f"d{DATASETS_MAX - 1}") == 0
    assert value(metrics, "headgate_ingest_bytes_total", dataset=f"d{DATASETS_MAX}") is None


def test_freshness_is_restored(metrics: Metrics) -> None:
    metrics.loaded_at("orders", 1_700_000_000.0)
    metrics.loaded_at("orders", 1_600_000_000.0)
    metrics.loaded_at("unheard-of", 1_700_000_000.0)
    assert value(metrics, "headgate_dataset_last_success_timestamp_seconds", dataset="orders") == 1_700_000_000.0
    finish(metrics, outcome="rejected")
    assert value(metrics, "headgate_dataset_last_success_timestamp_seconds", dataset="orders") == 1_700_000_000.0


def test_attempts_and_errors_are_restored_and_only_grow_newer(metrics: Metrics) -> None:
    attempt, error = "headgate_dataset_last_attempt_timestamp_seconds", "headgate_dataset_last_error_timestamp_seconds"
    for at in (1_700_000_000.0, 1_600_000_000.0):
        metrics.attempted_at("orders", at)
        metrics.failed_at("orders", at, {"cell.type": 2, "cell.required": 2, "file.format_mismatch": 9})
    assert value(metrics, attempt, dataset="orders") == 1_700_000_000.0
    assert value(metrics, error, dataset="orders", code="cell.required") == 1_700_000_000.0
    assert value(metrics, error, dataset="orders", code="none") is None
    finish(metrics)
    metrics.failed_at("orders", 1_700_000_001.0, {"cell.required": 1})
    assert value(metrics, error, dataset="orders", code="cell.type") > 1.7e9 + 1  # type: ignore[operator]
    metrics.attempted_at("orders", time.time() + 3600)
    metrics.attempted_at("orders", 1_700_000_002.0)
    assert value(metrics, attempt, dataset="orders") == 1_700_000_002.0, "a clock that was ahead told the one before"


def test_what_is_restored_of_a_dataset_without_series_of_its_own_is_no_overflow(metrics: Metrics) -> None:
    metrics.attempted_at("plain", 10.0)
    metrics.loaded_at("plain", 11.0)
    metrics.failed_at("plain", 12.0, {"file.corrupt_xml": 1})
    assert value(metrics, "headgate_dataset_last_attempt_timestamp_seconds", dataset=OTHER) == 10
    assert value(metrics, "headgate_dataset_last_success_timestamp_seconds", dataset=OTHER) == 11
    assert value(metrics, "headgate_dataset_last_error_timestamp_seconds", dataset=OTHER, code=OTHER) == 12
    assert value(metrics, "headgate_label_overflow_total", label="dataset") == 0


def test_a_load_is_expected_since_the_target_is_known(metrics: Metrics) -> None:
    """A dataset that a reload brings is no older than that, however long the daemon has run."""

    def since(dataset: str) -> float:
        found = value(metrics, "headgate_dataset_expected_timestamp_seconds", dataset=dataset)
        assert found is not None
        return found

    first = since("orders")
    assert abs(first - time.time()) < 60
    assert since("stock") == since(OTHER) == 0
    time.sleep(0.01)
    metrics.set_datasets({"orders": 60.0, "stock": 60.0, "new": 60.0})
    assert since("orders") == first, "another target is no new beginning"
    assert first < since("stock") <= since("new") <= time.time()
    metrics.set_datasets({"orders": None, "stock": None, "new": 60.0})
    assert since("orders") == since("stock") == 0
    time.sleep(0.01)
    metrics.set_datasets({"orders": 60.0, "new": 60.0})
    assert since("orders") > first, "taken away and brought back"


def test_a_load_is_expected_since_the_first_job_if_that_came_earlier(metrics: Metrics) -> None:
    name = "headgate_dataset_expected_timestamp_seconds"
    known = value(metrics, name, dataset="orders")
    metrics.expected_since("orders", None)
    metrics.expected_since("orders", time.time() + 3600)
    assert value(metrics, name, dataset="orders") == known
    for first_at in (1_600_000_000.0, 1_700_000_000.0, None):
        metrics.expected_since("orders", first_at)
        assert value(metrics, name, dataset="orders") == 1_600_000_000.0
    metrics.expected_since("stock", 1_600_000_000.0)
    assert value(metrics, name, dataset="stock") == 0, "it has no target"


def test_the_latest_error_of_a_dataset_is_one_series(metrics: Metrics) -> None:
    name = "headgate_dataset_last_error_timestamp_seconds"
    assert value(metrics, name, dataset="orders", code="none") == 0
    finish(metrics)
    assert value(metrics, name, dataset="orders", code="none") is None
    assert value(metrics, name, dataset="orders", code="cell.type") > 1e9  # type: ignore[operator]
    metrics.set_datasets({"orders": 3600.0, "stock": None})
    series = [sample.labels for sample in samples(metrics) if sample.name == name]
    assert [one["code"] for one in series if one["dataset"] == "orders"] == ["cell.type"]
    assert [one["code"] for one in series if one["dataset"] == "stock"] == ["none"]


def test_the_series_of_a_dataset_end_when_a_reload_takes_it_away(metrics: Metrics) -> None:
    """However often datasets are renamed, there are no more series than those configured now have."""
    before = len(samples(metrics))
    finish(metrics)
    metrics.set_table_findings({"orders": {"problem": 1, "advice": 0}})
    metrics.set_datasets({"stock": None})
    assert not [sample for sample in samples(metrics) if sample.labels.get("dataset") == "orders"]
    metrics.loaded_at("orders", 1_700_000_000.0)  # a job that ran meanwhile
    for number in range(100):
        metrics.set_datasets({f"orders-{number}": 3600.0, "stock": None})
    assert len(samples(metrics)) == before
    metrics.set_datasets({"orders": 3600.0, "stock": None})
    assert value(metrics, "headgate_ingest_jobs_total", dataset="orders", outcome="partial") == 0
    metrics.loaded_at("orders", 1_600_000_000.0)
    metrics.attempted_at("orders", 1_600_000_000.0)
    metrics.failed_at("orders", 1_600_000_000.0, {"cell.type": 1})
    for name in ("last_success", "last_attempt", "last_error"):
        (told,) = (
            sample.value
            for sample in samples(metrics)
            if sample.name == f"headgate_dataset_{name}_timestamp_seconds" and sample.labels["dataset"] == "orders"
        )
        assert told == 1_600_000_000.0, f"{name}: what the ledger knows of it is told again"


def test_a_dataset_keeps_its_series_while_others_come() -> None:
    metrics = Metrics()
    metrics.set_datasets({"old": None}, most=2)
    metrics.set_datasets({"a new one": None, "another": None, "old": None}, most=2)
    assert value(metrics, "headgate_ingest_bytes_total", dataset="old") == 0
    assert value(metrics, "headgate_ingest_bytes_total", dataset="a new one") == 0
    assert value(metrics, "headgate_ingest_bytes_total", dataset="another") is None


def test_every_dataset_with_a_target_has_its_freshness_beyond_the_limit() -> None:
    metrics = Metrics()
    targets = {f"plain{number}": None for number in range(60)} | {f"daily{number}": 86400.0 for number in range(60)}
    metrics.set_datasets(targets, most=50)
    metrics.loaded_at("daily59", 100.0)
    metrics.attempt("daily59", 99.0)
    text = generate_latest(metrics.registry).decode()
    assert text.count('headgate_dataset_freshness_target_seconds{dataset="daily') == 60
    assert 'headgate_dataset_last_success_timestamp_seconds{dataset="daily59"} 100.0' in text
    assert 'headgate_dataset_last_attempt_timestamp_seconds{dataset="daily59"} 99.0' in text
    assert 'headgate_ingest_bytes_total{dataset="daily49"}' in text, "who has a target comes first"
    assert 'headgate_ingest_bytes_total{dataset="daily50"}' not in text
    assert "plain" not in text
